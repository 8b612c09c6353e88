//! Loops over lists and maps, and how far they may be within each other.

use cel::{common::ast::Expr, parser::Expression as Syntax};

use super::{Checker, Open, Typed};
use crate::stages::rules::expression::{
    fault::Place,
    names,
    program::{Loop, LoopKind, Node, What},
    types::Type,
};

/// Loops within each other; at most one of them is over what comes with the message.
const LOOPS: usize = 2;

impl Checker<'_> {
    /// The loop that a method is, with so many arguments.
    pub(super) fn loop_kind(&self, name: &str, arguments: &[Syntax]) -> Option<LoopKind> {
        Some(match (name, arguments.len()) {
            ("all", 2) => LoopKind::All,
            ("exists", 2) => LoopKind::Exists,
            ("exists_one" | "existsOne", 2) => LoopKind::ExistsOne,
            ("map", 2 | 3) => LoopKind::Map,
            ("filter", 2) => LoopKind::Filter,
            _ => return None,
        })
    }

    pub(super) fn repeat(&mut self, word: Place, name: &str, range: &Syntax, arguments: &[Syntax]) -> Option<Typed> {
        let kind = self.loop_kind(name, arguments)?;
        let range = self.part(range);
        let [variable, bodies @ ..] = arguments else { return None };
        let element = self.element(variable)?;
        let range = range?;
        let of = match &range.of {
            Type::Dynamic => Type::Dynamic,
            Type::List(of) | Type::Map(of, _) => (**of).clone(),
            of => {
                let shown = self.shown(range.node.at);
                return self.flaw(range.node.at, format!("`{shown}` is of type {of}; {name}() takes a list or a map"));
            }
        };
        if self.loops.len() == LOOPS {
            return self.flaw(word, format!("loops go at most {LOOPS} deep"));
        }
        let long = is_of_message(&range);
        if long && self.loops.iter().any(|open| open.long) {
            let message = "a loop over what comes with the message cannot be in another such loop; whoever sends it \
                           would decide how long both take";
            return self.flaw(word, message.to_owned());
        }
        let slot = u8::try_from(self.loops.len()).unwrap_or(u8::MAX);
        self.loops.push(Open { element, of: of.clone(), sent: range.sent, long });
        let mut typed: Vec<Option<Typed>> = bodies.iter().map(|body| self.part(body)).collect();
        self.loops.pop();
        let each = typed.pop()?;
        let only = typed.pop();
        let each = each?;
        let only = match only {
            Some(only) => Some(self.asked(only?, name)?),
            None => None,
        };
        let (result, only, each, sent) = match kind {
            LoopKind::Map => (Type::List(Box::new(each.of)), only, Some(each.node), range.sent || each.sent),
            LoopKind::Filter => (Type::List(Box::new(of)), Some(self.asked(each, name)?), None, range.sent),
            _ => (Type::Bool, None, Some(self.asked(each, name)?), false),
        };
        let inner = [&only, &each].into_iter().flatten().fold(range.node.at, |at, node| at.to(node.at));
        let what = What::Loop(Box::new(Loop { kind, range: range.node, slot, only, each }));
        let called = self.called(word, inner, what, result)?;
        Some(Typed { sent, ..called })
    }

    /// The name of the element.
    fn element(&mut self, variable: &Syntax) -> Option<String> {
        let at = self.place(variable.id);
        let Expr::Ident(element) = &variable.expr else {
            return self.flaw(at, "the name of the element stands here, as in items.all(item, item > 1)".to_owned());
        };
        let taken = self.loops.iter().any(|open| open.element == *element);
        if taken || names::below("").contains(&element.as_str()) {
            return self.flaw(at, format!("`{element}` already has a meaning here; choose another name"));
        }
        Some(element.clone())
    }

    /// What is asked of each element.
    fn asked(&mut self, part: Typed, name: &str) -> Option<Node> {
        if part.of.may_be(&Type::Bool) {
            return Some(part.node);
        }
        let shown = self.shown(part.node.at);
        self.flaw(part.node.at, format!("`{shown}` is of type {}; {name}() asks for bool", part.of))
    }
}

/// Whether the number of elements is up to who sends the message: not that of a list that is written out.
fn is_of_message(range: &Typed) -> bool {
    range.sent && !matches!(range.node.what, What::List(_) | What::Map(_))
}
