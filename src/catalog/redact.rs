//! Values that a client is not to see, in a passing text: what paths name is replaced, every other byte stays.
//!
//! A path goes on into a text that is JSON itself: tools say in `content` once more what they say in `structuredContent`, and
//! a path into the one is a path into the other. A text that looks like JSON and cannot be read is replaced whole.

use std::sync::Arc;

use crate::model::{Glob, KeyPath, PathStep};
use crate::protocol::json::{self, Kind, Span, Value};

use super::splice::respelt;

/// Nesting of JSON in a text.
const DEPTH: u16 = 128;
/// How deep it is looked, texts in each other included: longer than any path. What is deeper is replaced whole, for each
/// level is read once more.
const DEEPEST: u8 = 32;
/// Bytes of a key; what stands at a longer one is replaced.
const MOST_KEY: usize = 1024;

/// Values by their paths, below the `result` of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Redaction {
    paths: Vec<Path>,
    /// The same below a `result` inside: what is said of a task has that of its call.
    inside: Vec<Path>,
}

/// A path, and what keys with dots in them may fit.
#[derive(Debug, PartialEq, Eq)]
struct Path {
    steps: Box<[PathStep]>,
    /// For each step the patterns of that step, of it and the next, and so on to the last. They are made once: an answer
    /// brings as many keys as it likes.
    joined: Box<[Box<[Glob]>]>,
}

impl Path {
    fn of(steps: Vec<PathStep>) -> Self {
        let joined = |from: usize| (from + 1..=steps.len()).map(|to| PathStep::joined(&steps[from..to])).collect();
        Self { joined: (0..steps.len()).map(joined).collect(), steps: steps.into() }
    }
}

/// What remains of a path: its steps from this one on.
#[derive(Clone, Copy, Debug)]
struct Rest<'p> {
    path: &'p Path,
    from: usize,
}

impl<'p> Rest<'p> {
    fn whole(path: &'p Path) -> Self {
        Self { path, from: 0 }
    }

    fn behind(self, steps: usize) -> Self {
        Self { from: self.from + steps, ..self }
    }

    fn is_empty(self) -> bool {
        self.from == self.path.steps.len()
    }

    /// What remains at an item of a list.
    fn item(self, place: usize) -> Option<Self> {
        match self.path.steps.get(self.from).and_then(|step| step.is_item(place)) {
            Some(true) => Some(self.behind(1)),
            Some(false) => None,
            None => Some(self),
        }
    }

    /// What may remain below a key of so many parts: with dots in it, it is one step or as many as it has parts.
    fn under(self, key: &str, parts: usize) -> impl Iterator<Item = Self> {
        let joined = self.path.joined[self.from].iter().take(parts).enumerate();
        joined.filter(move |(_, pattern)| pattern.matches(key)).map(move |(more, _)| self.behind(1 + more))
    }
}

impl Redaction {
    /// Of what these paths name.
    pub fn of(paths: &[KeyPath]) -> Self {
        let mut all: Vec<Vec<PathStep>> = Vec::new();
        for path in paths.iter().map(KeyPath::steps) {
            all.push(path.to_vec());
            if path[0].fits("structuredcontent") {
                let text = ["content", "text"].map(PathStep::key);
                all.push(text.into_iter().chain(path[1..].iter().cloned()).collect());
            }
        }
        let below = |path: &Vec<PathStep>| {
            Path::of(std::iter::once(PathStep::key("result")).chain(path.iter().cloned()).collect())
        };
        Self { inside: all.iter().map(below).collect(), paths: all.into_iter().map(Path::of).collect() }
    }
}

/// Adds what is replaced in a value of checked bytes, from left to right. `inside`: also below a `result` in it.
pub fn redact(all: &[Arc<Redaction>], inside: bool, value: Value, bytes: &[u8], places: &mut Vec<(Span, Vec<u8>)>) {
    let more = all.iter().filter(|_| inside).flat_map(|one| &one.inside);
    let left: Vec<Rest<'_>> = all.iter().flat_map(|one| &one.paths).chain(more).map(Rest::whole).collect();
    Walk { bytes, deeper: DEEPEST, places }.go(value, &left);
}

struct Walk<'a> {
    bytes: &'a [u8],
    /// How many levels may come.
    deeper: u8,
    places: &'a mut Vec<(Span, Vec<u8>)>,
}

impl Walk<'_> {
    /// `left` is what remains of the paths that lead to a value. Nesting is bounded by the strict pass.
    fn go(&mut self, value: Value, left: &[Rest<'_>]) {
        if left.is_empty() {
            return;
        }
        if left.iter().any(|rest| rest.is_empty()) || self.deeper == 0 {
            return self.replace(value);
        }
        self.deeper -= 1;
        self.into(value, left);
        self.deeper += 1;
    }

    fn into(&mut self, value: Value, left: &[Rest<'_>]) {
        let bytes = self.bytes;
        match value.kind {
            Kind::Object => {
                for (key, inner) in json::members(bytes, value.span) {
                    match key.text(bytes).filter(|name| name.len() <= MOST_KEY) {
                        Some(name) => self.go(inner, &under(left, &name.to_lowercase())),
                        // A name that cannot be read may be any.
                        None => self.replace(inner),
                    }
                }
            }
            Kind::Array => {
                for (place, inner) in json::elements(bytes, value.span).enumerate() {
                    let on: Vec<_> = left.iter().filter_map(|rest| rest.item(place)).collect();
                    self.go(inner, &on);
                }
            }
            Kind::String => self.text(value, left),
            Kind::Number | Kind::True | Kind::False | Kind::Null => {}
        }
    }

    /// Goes on into a text, where that is JSON.
    fn text(&mut self, value: Value, left: &[Rest<'_>]) {
        let Some(text) = value.text(self.bytes) else { return self.replace(value) };
        let is_space = |character: char| character.is_whitespace() || character == '\u{feff}';
        let kind = match text.trim_start_matches(is_space).bytes().next() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            _ => return,
        };
        if json::check(text.as_bytes(), DEPTH).is_err() {
            // Words may begin with a quotation mark.
            if kind != Kind::String {
                self.replace(value);
            }
            return;
        }
        let inner = text.trim();
        let start = text.len() - text.trim_start().len();
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(start + inner.len())) else {
            return self.replace(value);
        };
        let mut places = Vec::new();
        let mut walk = Walk { bytes: text.as_bytes(), deeper: self.deeper, places: &mut places };
        walk.go(Value { span: Span { start, end }, kind, escaped: inner.contains('\\') }, left);
        if !places.is_empty() {
            let changed = String::from_utf8_lossy(&respelt(text.as_bytes(), &places)).into_owned();
            self.places.push((value.span, json::quoted(&changed).into_bytes()));
        }
    }

    /// What stands instead is of the same kind where that says nothing.
    fn replace(&mut self, value: Value) {
        let instead: &[u8] = match value.kind {
            Kind::Object => b"{}",
            Kind::Array => b"[]",
            _ => b"\"[redacted]\"",
        };
        self.places.push((value.span, instead.to_vec()));
    }
}

/// What remains of paths below a key, each once.
fn under<'p>(left: &[Rest<'p>], key: &str) -> Vec<Rest<'p>> {
    let parts = 1 + key.bytes().filter(|byte| *byte == b'.').count();
    let mut found: Vec<Rest<'p>> = Vec::new();
    for rest in left.iter().flat_map(|rest| rest.under(key, parts)) {
        let is_same = |known: &Rest<'p>| std::ptr::eq(known.path, rest.path) && known.from == rest.from;
        if !found.iter().any(is_same) {
            found.push(rest);
        }
    }
    found
}

#[cfg(test)]
mod tests;
