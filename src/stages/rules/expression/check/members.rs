//! Names, members and indices.

use cel::{
    common::ast::{Expr, SelectExpr},
    parser::Expression as Syntax,
};

use super::{Checker, Typed, leaf, listed};
use crate::stages::rules::expression::{
    fault::Place,
    names::{self, Name},
    needs::Needs,
    program::{Node, What},
    types::Type,
};

impl Checker<'_> {
    pub(super) fn ident(&mut self, at: Place, name: &str) -> Option<Typed> {
        if let Some(slot) = self.loops.iter().rposition(|open| open.element == name) {
            let open = &self.loops[slot];
            let (of, sent) = (open.of.clone(), open.sent);
            let what = What::Element(u8::try_from(slot).unwrap_or(u8::MAX));
            return Some(Typed { node: Node { at, what }, of, sent });
        }
        self.fact(at, at, name)
    }

    /// A path that is no element of a loop; `last` is where its last word stands.
    fn fact(&mut self, at: Place, last: Place, path: &str) -> Option<Typed> {
        if let Some(declared) = names::find(path) {
            self.needs = self.needs | declared.needs();
            let node = Node { at, what: What::Fact(declared.name) };
            return Some(Typed { node, of: declared.of(), sent: declared.is_sent() });
        }
        let below = names::below(path);
        if !below.is_empty() {
            return self.flaw(at, format!("`{path}` has no value of its own; it has {}", listed(&below)));
        }
        let message = match path.rsplit_once('.') {
            Some((above, word)) => {
                format!("there is no `{word}` in `{above}`; it has {}", listed(&names::below(above)))
            }
            None => {
                let mut known: Vec<&str> = self.loops.iter().map(|open| open.element.as_str()).collect();
                known.extend(names::below(""));
                format!("there is no `{path}`; there are {}", listed(&known))
            }
        };
        self.flaw(last, message)
    }

    pub(super) fn select(&mut self, part: &Syntax, select: &SelectExpr) -> Option<Typed> {
        let last = self.behind(self.place(part.id), &select.field);
        if let Some((path, first)) = self.path(part) {
            let is_fact = names::find(&path).is_some();
            // A member of a fact is looked for in its value.
            let above = path.rsplit_once('.').map_or("", |(above, _)| above);
            if is_fact || names::find(above).is_none() && !names::below(above).is_empty() {
                return self.fact(first.to(last), last, &path);
            }
        }
        let of = self.part(&select.operand)?;
        self.member(of, &select.field, last)
    }

    fn member(&mut self, whole: Typed, field: &str, last: Place) -> Option<Typed> {
        let at = whole.node.at.to(last);
        let of = match &whole.of {
            Type::Dynamic => Type::Dynamic,
            Type::Map(key, value) if key.may_be(&Type::Text) => (**value).clone(),
            of => {
                let shown = self.shown(whole.node.at);
                let told = match of {
                    Type::Time => format!("; its parts are told by functions, as by {shown}.getHours()"),
                    _ => String::new(),
                };
                return self.flaw(last, format!("`{shown}` is of type {of} and has no members{told}"));
            }
        };
        let what = What::Member(Box::new((whole.node, field.into())));
        Some(Typed { node: Node { at, what }, of, sent: whole.sent })
    }

    pub(super) fn index(&mut self, whole: &Syntax, index: &Syntax) -> Option<Typed> {
        let (whole, index) = (self.part(whole), self.part(index));
        let (whole, index) = (whole?, index?);
        let number = Type::Int;
        let of = match &whole.of {
            Type::Dynamic if index.of.is_number() || index.of.may_be(&Type::Text) => Type::Dynamic,
            Type::List(of) if index.of.is_number() || index.of.may_be(&number) => (**of).clone(),
            Type::Map(key, value) if key.meets(&index.of) => (**value).clone(),
            Type::Dynamic | Type::List(_) | Type::Map(..) => {
                let shown = self.shown(whole.node.at);
                let message = format!("`{shown}` is of type {} and is not indexed by {}", whole.of, index.of);
                return self.flaw(index.node.at, message);
            }
            of => {
                let shown = self.shown(whole.node.at);
                let message = format!("`{shown}` is of type {of} and has no elements");
                return self.flaw(whole.node.at, message);
            }
        };
        let at = Place::new(whole.node.at.start as usize, self.close(index.node.at.end as usize));
        let sent = whole.sent;
        let what = What::Index(Box::new((whole.node, index.node)));
        Some(Typed { node: Node { at, what }, of, sent })
    }

    /// `has(part)`, whose brackets are at `at`.
    pub(super) fn has(&mut self, at: Place, part: &Syntax) -> Option<Typed> {
        let Expr::Select(select) = &part.expr else {
            let Typed { node, .. } = self.part(part)?;
            let other =
                if matches!(node.what, What::Index(_)) { "; for any key, write 'key' in arguments" } else { "" };
            return self.flaw(node.at, format!("has() asks for a member, as has(arguments.path){other}"));
        };
        if let Some((path, first)) = self.path(part) {
            let whole = first.to(self.behind(self.place(part.id), &select.field));
            let tool = match path.as_str() {
                "message.tool" => Some(What::HasTool),
                "message.tool.annotations" => Some(What::HasAnnotations),
                _ => None,
            };
            if let Some(what) = tool {
                self.needs = self.needs | Needs::TOOL;
                return leaf(at.to(whole), what, Type::Bool);
            }
            if let Some(declared) = names::find(&path) {
                self.needs = self.needs | declared.needs();
                let may_miss = declared.of() == Type::Text || declared.needs() == Needs::TOOL;
                if !may_miss || matches!(declared.name, Name::Method | Name::Era) {
                    return self.flaw(whole, format!("`{path}` is always there"));
                }
                return leaf(at.to(whole), What::HasFact(declared.name), Type::Bool);
            }
        }
        let Typed { node, .. } = self.select(part, select)?;
        let place = at.to(node.at);
        match node.what {
            What::Member(member) => leaf(place, What::HasMember(member), Type::Bool),
            _ => self.flaw(place, "has() asks for a member, as has(arguments.path)".to_owned()),
        }
    }

    /// The path that a part spells, if it begins with no element of a loop, and where its first word stands.
    fn path(&self, part: &Syntax) -> Option<(String, Place)> {
        match &part.expr {
            Expr::Ident(name) if self.loops.iter().all(|open| open.element != *name) => {
                Some((name.clone(), self.place(part.id)))
            }
            Expr::Select(select) => {
                let (above, first) = self.path(&select.operand)?;
                Some((format!("{above}.{}", select.field), first))
            }
            _ => None,
        }
    }

    /// The text at a place, for a sentence.
    pub(super) fn shown(&self, at: Place) -> String {
        self.text.get(at.range()).unwrap_or_default().to_owned()
    }

    /// Behind the closing bracket that comes next.
    pub(super) fn close(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        from + rest.find([')', ']']).map_or(0, |at| at + 1)
    }
}
