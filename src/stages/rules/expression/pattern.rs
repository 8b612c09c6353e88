//! The patterns of `matches`: known when a rule is loaded, and compiled to automata that read each byte of a text once.

use regex_automata::{
    Input,
    dfa::{Automaton, StartKind, dense},
    nfa::thompson,
    util::syntax,
};
use regex_syntax::ast::{self, Ast, ClassPerlKind, Visitor};

/// Bytes of a pattern.
const LENGTH: usize = 1024;
/// Bytes of the automaton on the way, and of the one that is kept.
const NFA: usize = 256 * 1024;
const DFA: usize = 256 * 1024;
/// Brackets within each other.
const DEPTH: u32 = 24;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern(dense::DFA<Vec<u32>>);

impl Pattern {
    /// Compiles a pattern of RE2's syntax, as CEL has it: `\d`, `\w`, `\s` and `\b` are those of ASCII.
    ///
    /// # Errors
    /// In words for who wrote it.
    pub(super) fn compile(pattern: &str) -> Result<Self, String> {
        if pattern.len() > LENGTH {
            return Err(format!("a pattern has at most {LENGTH} bytes, this one has {}", pattern.len()));
        }
        let pattern = ascii(pattern)?;
        let built = dense::Builder::new()
            .syntax(syntax::Config::new().nest_limit(DEPTH))
            .thompson(thompson::Config::new().nfa_size_limit(Some(NFA)))
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Unanchored)
                    .dfa_size_limit(Some(DFA))
                    .determinize_size_limit(Some(4 * DFA)),
            )
            .build(&pattern);
        let too_large = "this pattern takes too large an automaton; repeat less, or say less in one pattern";
        built.map(Self).map_err(|_| too_large.to_owned())
    }

    /// Whether it matches somewhere in the text; `None` if the automaton gave up, which those that we build do not.
    pub(super) fn is_match(&self, text: &str) -> Option<bool> {
        let input = Input::new(text).earliest(true);
        self.0.try_search_fwd(&input).ok().map(|found| found.is_some())
    }
}

/// The pattern with the short classes spelt out: what the syntax of the crate gives them is all of Unicode.
fn ascii(pattern: &str) -> Result<String, String> {
    let parsed = ast::parse::ParserBuilder::new().nest_limit(DEPTH).build().parse(pattern);
    let tree = parsed.map_err(|error| format!("this pattern is none: {}", error.kind()))?;
    let places = ast::visit(&tree, Short::default()).unwrap_or_default();
    let mut out = String::with_capacity(pattern.len());
    let mut at = 0;
    for (span, instead) in places {
        out.push_str(pattern.get(at..span.start.offset).unwrap_or_default());
        out.push_str(instead);
        at = span.end.offset;
    }
    out.push_str(pattern.get(at..).unwrap_or_default());
    Ok(out)
}

/// Collects where short classes stand, and what they are.
#[derive(Default)]
struct Short(Vec<(ast::Span, &'static str)>);

impl Short {
    fn class(&mut self, class: &ast::ClassPerl) {
        let instead = match (&class.kind, class.negated) {
            (ClassPerlKind::Digit, false) => "[0-9]",
            (ClassPerlKind::Digit, true) => "[^0-9]",
            (ClassPerlKind::Word, false) => "[0-9A-Za-z_]",
            (ClassPerlKind::Word, true) => "[^0-9A-Za-z_]",
            (ClassPerlKind::Space, false) => "[\\t\\n\\f\\r\\x20]",
            (ClassPerlKind::Space, true) => "[^\\t\\n\\f\\r\\x20]",
        };
        self.0.push((class.span, instead));
    }
}

impl Visitor for Short {
    type Output = Vec<(ast::Span, &'static str)>;
    type Err = ();

    fn finish(self) -> Result<Self::Output, ()> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, part: &Ast) -> Result<(), ()> {
        match part {
            Ast::ClassPerl(class) => self.class(class),
            Ast::Assertion(assertion) => match assertion.kind {
                ast::AssertionKind::WordBoundary => self.0.push((assertion.span, "(?-u:\\b)")),
                ast::AssertionKind::NotWordBoundary => self.0.push((assertion.span, "(?-u:\\B)")),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), ()> {
        if let ast::ClassSetItem::Perl(class) = item {
            self.class(class);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &str, text: &str) -> bool {
        Pattern::compile(pattern).unwrap().is_match(text).unwrap()
    }

    #[test]
    fn patterns_of_rules_are_small_enough() {
        assert!(is_match(r"^/srv/[a-z0-9_-]+(/[^/]+)*$", "/srv/a/b"));
        assert!(is_match(r"\d{4}-\d{2}-\d{2}", "on 2026-11-28"));
        assert!(is_match(r"(?i)\b(drop|truncate|alter)\s+table\b", "x; DROP  TABLE y"));
        assert!(is_match(r"^[\w.+-]+@[\w-]+\.[\w.]+$", "ann@example.com"));
        assert!(is_match(r"^([0-9]{1,3}\.){3}[0-9]{1,3}$", "192.0.2.7"));
        assert!(is_match("^.$", "é"));
        assert!(is_match("^[äöü]+$", "öä"));
        assert!(!is_match("^a$", "a\n"));
    }

    #[test]
    fn short_classes_are_those_of_ascii() {
        assert!(is_match(r"^\d\D\w\W\s\S$", "1a_ä x"));
        assert!(!is_match(r"\d", "٣"));
        assert!(!is_match(r"\w", "ä"));
        assert!(is_match(r"^[\w.]+[^\w.]$", "a.b/"));
        assert!(is_match(r"\bab\b", "äabä"));
        assert!(is_match(r"^a\Bb$", "ab"));
    }

    #[test]
    fn what_would_take_long_or_much_is_refused() {
        for pattern in [
            "a{1000}{1000}",
            "(a|aa|aaa){500}{20}",
            r"[01]*1[01]{20}",
            r"\p{L}{200}",
            "(?:(?:(?:a{50}){50}){50}){50}",
            &"(".repeat(500),
            &"(?:a".repeat(200),
            &"a".repeat(LENGTH + 1),
            "(",
            "a**[",
            r"(?<!a)b",
        ] {
            assert!(Pattern::compile(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn what_backtracks_elsewhere_reads_each_byte_once() {
        let text = format!("{}!", "a".repeat(100_000));
        assert!(!is_match(r"^(a+)+$", &text));
        assert!(!is_match(r"^(a|a|aa)*$", &text));
    }
}
