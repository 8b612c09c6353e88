//! The check of an expression's types and bounds, which compiles it on the way.
//!
//! Each part is checked for itself, so that all mistakes are told at once; a part with a mistake in it has no type, and
//! whatever is made of it says nothing more.

mod calls;
mod literals;
mod loops;
mod members;
mod operators;
mod vocabulary;

pub(super) use vocabulary::FUNCTIONS;

use cel::{
    common::ast::{Expr, SourceInfo},
    parser::Expression as Syntax,
};

use super::{
    fault::{Flaw, Place},
    needs::Needs,
    program::{Node, What},
    types::Type,
};

/// Parts of an expression within each other.
const DEPTH: usize = 64;

/// A part that is right.
struct Typed {
    node: Node,
    of: Type,
    /// Whether how many elements it has, at any depth, is up to who sends the message.
    sent: bool,
}

/// What is known while an expression is checked.
struct Checker<'a> {
    text: &'a str,
    source: &'a SourceInfo,
    needs: Needs,
    flaws: Vec<Flaw>,
    /// The loops that are open, outermost first.
    loops: Vec<Open>,
    depth: usize,
}

/// A loop that is open.
struct Open {
    element: String,
    of: Type,
    sent: bool,
    /// Whether how often it runs is up to who sends the message.
    long: bool,
}

/// Checks a tree and compiles it: the program, its type, and what it asks for.
pub(super) fn check(text: &str, tree: &Syntax, source: &SourceInfo) -> Result<(Node, Type, Needs), Vec<Flaw>> {
    let (needs, flaws, loops) = (Needs::NOTHING, Vec::new(), Vec::new());
    let mut checker = Checker { text, source, needs, flaws, loops, depth: 0 };
    match checker.part(tree) {
        Some(typed) if checker.flaws.is_empty() => Ok((typed.node, typed.of, checker.needs)),
        _ => {
            let mut flaws = checker.flaws;
            flaws.sort_by_key(|flaw| flaw.span.start);
            Err(flaws)
        }
    }
}

impl Checker<'_> {
    /// Checks a part; `None` if there is a mistake in it, which has been noted.
    fn part(&mut self, part: &Syntax) -> Option<Typed> {
        if self.depth == DEPTH {
            return self.flaw(self.place(part.id), format!("parts go at most {DEPTH} deep; use several rules"));
        }
        self.depth += 1;
        let typed = self.any(part);
        self.depth -= 1;
        typed
    }

    fn any(&mut self, part: &Syntax) -> Option<Typed> {
        let at = self.place(part.id);
        match &part.expr {
            Expr::Literal(literal) => self.literal(at, literal),
            Expr::List(list) => self.list(at, &list.elements),
            Expr::Map(map) => self.map(at, &map.entries),
            Expr::Ident(name) => self.ident(at, name),
            Expr::Select(select) => self.select(part, select),
            Expr::Call(call) => self.call(part.id, call),
            Expr::Struct(_) => self.flaw(at, "messages of protocol buffers are not supported".to_owned()),
            // Macros are not expanded, and an error leaves no tree.
            Expr::Comprehension(_) | Expr::Unspecified => self.flaw(at, "this is not supported".to_owned()),
        }
    }

    /// Notes a mistake.
    fn flaw<T>(&mut self, at: Place, message: String) -> Option<T> {
        self.flaws.push(Flaw { span: at.range(), message });
        None
    }

    /// Where the token stands that gave a part its id.
    fn place(&self, id: u64) -> Place {
        let (start, stop) = self.source.offset_for(id).unwrap_or_default();
        let end = (stop as usize).saturating_add(1).min(self.text.len());
        Place::new((start as usize).min(end), end)
    }

    /// The place of a word behind a token: of a member behind its dot.
    fn behind(&self, token: Place, word: &str) -> Place {
        let from = token.end as usize;
        let rest = self.text.get(from..).unwrap_or_default();
        let start = from + rest.find(word).unwrap_or(0);
        Place::new(start, start + word.len())
    }

    /// The place of a word before a token: of a function before its bracket.
    fn before(&self, token: Place, word: &str) -> Place {
        let before = self.text.get(..token.start as usize).unwrap_or_default();
        let start = before.rfind(word).unwrap_or(token.start as usize);
        Place::new(start, start + word.len())
    }
}

/// Values for a sentence: `a`, `a and b`, `a, b and c`.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|word| format!("`{word}`")).collect();
            format!("{} and `{last}`", most.join(", "))
        }
    }
}

/// A part without anything below it.
fn leaf(at: Place, what: What, of: Type) -> Option<Typed> {
    Some(Typed { node: Node { at, what }, of, sent: false })
}
