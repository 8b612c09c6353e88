//! Every path that shipped code names: `use` trees and paths in the middle of code, macros included.
//!
//! A path is resolved as far as it can be without the compiler: `crate`, `self` and `super` (as many as there are)
//! become a path from the crate's root; any other first name stays as it is, which is how a crate is named.

use std::collections::BTreeMap;

use crate::lexer::{Kind, Token};
use crate::source::{ModulePath, SourceFile};

/// A path as it was written, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Where it was resolved to.
    pub(crate) to: Target,
    /// The module that names it.
    pub(crate) from: ModulePath,
    pub(crate) line: usize,
    /// The name it is known by afterwards, for a `use`.
    pub(crate) known_as: Option<String>,
    /// `use path::*`.
    pub(crate) glob: bool,
    /// `pub use`, with any visibility.
    pub(crate) public: bool,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Ours, from the crate's root. Empty: the root itself, or a path that goes on with what cannot be read.
    Inside(Vec<String>),
    /// It begins with a name that is neither `crate`, `self` nor `super`: a crate, or something in scope.
    Bare(Vec<String>),
}

/// All paths of a file's shipped code, in order.
pub(crate) fn named(file: &SourceFile) -> Vec<Named> {
    let mut walk = Walk { tokens: &file.shipped, scopes: &file.scopes, found: Vec::new() };
    let mut at = 0;
    while at < walk.tokens.len() {
        at = walk.step(at);
    }
    walk.found
}

/// What the `use` lines of a module bring in, by the name it is known by there.
pub(crate) fn imports(file: &SourceFile) -> BTreeMap<String, Target> {
    let uses = named(file).into_iter();
    uses.filter_map(|named| named.known_as.map(|name| (name, named.to))).collect()
}

struct Walk<'a> {
    tokens: &'a [Token],
    scopes: &'a [ModulePath],
    found: Vec<Named>,
}

impl Walk<'_> {
    fn is(&self, at: usize, mark: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(mark))
    }

    fn ident(&self, at: usize) -> Option<&str> {
        self.tokens.get(at).filter(|token| token.kind == Kind::Ident).map(|token| token.text.as_str())
    }

    /// Reads what begins at `at`; the answer is where to go on.
    fn step(&mut self, at: usize) -> usize {
        match self.ident(at) {
            // `impl Trait + use<'a>` names nothing.
            Some("use") if !self.is(at + 1, "<") => {
                let public = at > 0 && (self.tokens[at - 1].is_ident("pub") || self.tokens[at - 1].is(")"));
                self.tree(at + 1, &[], public)
            }
            Some(_) if self.begins_path(at) => self.inline(at),
            _ => at + 1,
        }
    }

    /// A name is a path's first where `::` follows and none precedes, save a leading one (`::name`).
    fn begins_path(&self, at: usize) -> bool {
        if !self.is(at + 1, "::") || at > 0 && self.is(at - 1, ".") {
            return false;
        }
        if at == 0 || !self.is(at - 1, "::") {
            return true;
        }
        let before = at.checked_sub(2).and_then(|before| self.tokens.get(before));
        before.is_none_or(|token| match token.kind {
            Kind::Ident => is_keyword(&token.text),
            _ => !token.is(">"),
        })
    }

    /// A path in the middle of code: names up to what is no name (`::<`, the end, a macro variable).
    fn inline(&mut self, start: usize) -> usize {
        let mut names = vec![self.tokens[start].text.clone()];
        let mut at = start + 1;
        let mut readable = true;
        while self.is(at, "::") {
            match self.ident(at + 1) {
                Some(name) => names.push(name.to_owned()),
                None => {
                    readable = self.is(at + 1, "<");
                    break;
                }
            }
            at += 2;
        }
        // `crate::$name` could be anything; it counts as the root, which nobody may name.
        if !readable && names[0] == "crate" {
            names.truncate(1);
        }
        self.add(start, &names, None, false, false);
        at
    }

    /// One tree of a `use`, begun at `at` behind `prefix`; the answer is the index behind it.
    fn tree(&mut self, mut at: usize, prefix: &[String], public: bool) -> usize {
        let mut names = prefix.to_vec();
        if self.is(at, "::") {
            at += 1;
        }
        loop {
            if self.is(at, "{") {
                return self.group(at + 1, &names, public);
            }
            if self.is(at, "*") {
                self.add(at, &names, None, true, public);
                return at + 1;
            }
            // `$crate::x` in a macro's body is `crate::x`.
            if self.is(at, "$") {
                at += 1;
            }
            let Some(name) = self.ident(at) else { return at + 1 };
            if name != "self" || names.is_empty() {
                names.push(name.to_owned());
            }
            if !self.is(at + 1, "::") {
                return self.leaf(at, &names, public);
            }
            at += 2;
        }
    }

    fn group(&mut self, mut at: usize, names: &[String], public: bool) -> usize {
        while at < self.tokens.len() && !self.is(at, "}") {
            at = self.tree(at, names, public);
            if self.is(at, ",") {
                at += 1;
            }
        }
        at + 1
    }

    fn leaf(&mut self, at: usize, names: &[String], public: bool) -> usize {
        let renamed = self.tokens.get(at + 1).is_some_and(|token| token.is_ident("as"));
        let known_as = if renamed { self.ident(at + 2).map(str::to_owned) } else { names.last().cloned() };
        self.add(at, names, known_as, false, public);
        if renamed { at + 3 } else { at + 1 }
    }

    fn add(&mut self, at: usize, names: &[String], known_as: Option<String>, glob: bool, public: bool) {
        let from = self.scopes[at].clone();
        let to = resolve(&from, names);
        self.found.push(Named { to, from, line: self.tokens[at].line, known_as, glob, public });
    }
}

/// Climbs `self` and `super` from the module `from`.
fn resolve(from: &[String], names: &[String]) -> Target {
    let mut names = names.iter().map(String::as_str).peekable();
    let mut place = match names.peek() {
        Some(&"crate") => {
            names.next();
            Vec::new()
        }
        Some(&("self" | "super")) => from.to_vec(),
        _ => return Target::Bare(names.map(str::to_owned).collect()),
    };
    while let Some(step) = names.next_if(|name| matches!(*name, "self" | "super")) {
        if step == "super" {
            place.pop();
        }
    }
    place.extend(names.map(str::to_owned));
    Target::Inside(place)
}

fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 20] = [
        "as", "async", "await", "break", "const", "dyn", "else", "for", "if", "impl", "in", "let", "loop", "match",
        "move", "mut", "ref", "return", "where", "while",
    ];
    KEYWORDS.contains(&word)
}
