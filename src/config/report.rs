//! Everything that is wrong with a configuration, each with its place.

use std::{cell::RefCell, error, fmt, ops::Range};

use super::sources::{Sources, Texts};

/// Mistakes printed in full; a file that has more is no attempt at a configuration.
const MOST_SHOWN: usize = 50;
/// Longer lines of the file are not quoted.
const MOST_QUOTED: usize = 200;

/// The mistakes of one configuration, in the order of its files. `Display` prints all of them, each with file, line,
/// column, the line itself and a caret; `Debug` does the same.
pub struct Report {
    file: String,
    /// Never empty.
    findings: Vec<Finding>,
    /// What was read before it was refused, for whoever waits for it to be mended.
    pub sources: Sources,
}

/// What was found at one place: a mistake, or what is allowed and unwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, or the option of the command line.
    pub file: String,
    /// Line and column, from 1; none where the whole is meant.
    pub position: Option<(usize, usize)>,
    /// What is wrong and what would be right. Never a secret.
    pub message: String,
    quote: Option<Quote>,
}

/// The mistakes and warnings so far; shared by all sections while they are read.
#[derive(Default)]
pub(super) struct Mistakes {
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<Mistake>>,
}

struct Mistake {
    place: Place,
    message: String,
}

/// Where a mistake is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// In the configuration as a whole.
    Whole,
    /// In this option of the command line.
    Option(String),
    /// At these bytes of the file.
    At(usize, usize),
    /// At these bytes of the file, which may be a secret and are not quoted.
    Secret(usize, usize),
}

impl Mistakes {
    pub(super) fn add(&self, place: Place, message: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake { place, message: message.into() });
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.mistakes.borrow().is_empty()
    }

    /// Notes what is allowed and unwise.
    pub(super) fn warn(&self, place: Place, message: impl Into<String>) {
        self.warnings.borrow_mut().push(Mistake { place, message: message.into() });
    }

    /// The warnings, if there is no mistake.
    pub(super) fn findings(self, name: &str, texts: &Texts) -> Result<Vec<Finding>, Report> {
        let found = |all: RefCell<Vec<Mistake>>| {
            let mut all = all.into_inner();
            all.sort_by_key(|mistake| mistake.place.start());
            all.into_iter().map(|mistake| mistake.found(name, texts)).collect::<Vec<_>>()
        };
        let mistakes = found(self.mistakes);
        if mistakes.is_empty() {
            Ok(found(self.warnings))
        } else {
            Err(Report { file: name.to_owned(), findings: mistakes, sources: Sources::default() })
        }
    }
}

impl Mistake {
    fn found(self, name: &str, texts: &Texts) -> Finding {
        let Self { place, message } = self;
        let at = |start: usize, length: Option<usize>| {
            let (file, from, to) = texts.file(start);
            let line = Line::around(&texts.whole[from..to], start.saturating_sub(from).min(to - from));
            let quote = length.and_then(|length| line.quote(length));
            Finding { file: file.to_owned(), position: Some((line.number, line.column)), message: String::new(), quote }
        };
        let whole = |file: &str| Finding { file: file.to_owned(), position: None, message: String::new(), quote: None };
        let found = match place {
            Place::Whole => whole(name),
            Place::Option(option) => whole(&option),
            Place::At(start, stop) => at(start, Some(stop - start)),
            Place::Secret(start, _) => at(start, None),
        };
        // A name that is quoted in it may be anything.
        Finding { message: message.chars().map(printable).collect(), ..found }
    }
}

impl Place {
    pub(super) fn at(span: Range<usize>) -> Self {
        Self::At(span.start, span.end)
    }

    /// The same place, with nothing of it shown.
    pub(super) fn hidden(self) -> Self {
        match self {
            Self::At(start, end) => Self::Secret(start, end),
            other => other,
        }
    }

    fn start(&self) -> Option<usize> {
        match self {
            Self::Whole | Self::Option(_) => None,
            Self::At(start, _) | Self::Secret(start, _) => Some(*start),
        }
    }
}

impl Report {
    /// A report of one mistake that has no place in a text.
    pub(super) fn whole(file: &str, message: String) -> Self {
        Self { file: file.to_owned(), findings: vec![Finding::of_whole(file, message)], sources: Sources::default() }
    }

    pub(super) fn read_from(self, sources: Sources) -> Self {
        Self { sources, ..self }
    }

    /// How many mistakes there are; at least 1.
    pub fn count(&self) -> usize {
        self.findings.len()
    }

    /// Each of them.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// As `Display`, with colours for a terminal.
    pub fn coloured(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| self.print(f, true))
    }

    fn print(&self, f: &mut fmt::Formatter<'_>, colour: bool) -> fmt::Result {
        let several = self.findings.len() > 1;
        if several {
            write!(f, "{} has {} mistakes", self.file, self.findings.len())?;
        }
        for finding in self.findings.iter().take(MOST_SHOWN) {
            if several {
                writeln!(f)?;
            }
            finding.print(f, "", colour)?;
        }
        match self.findings.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl Finding {
    /// What concerns a configuration as a whole, or what it names.
    pub fn of_whole(file: &str, message: String) -> Self {
        Self { file: file.to_owned(), position: None, message, quote: None }
    }

    /// On one line, without the quoted text: `FILE:LINE:COLUMN: MESSAGE`.
    pub fn one_line(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| self.head(f, "", ("", "")))
    }

    /// With the line that is meant, as a mistake is printed.
    pub fn in_full(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| self.print(f, "", false))
    }

    /// As a mistake is printed, called a warning.
    pub fn as_warning(&self, colour: bool) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| self.print(f, if colour { "\x1b[33mwarning:\x1b[0m " } else { "warning: " }, colour))
    }

    fn head(&self, f: &mut fmt::Formatter<'_>, kind: &str, (bold, end): (&str, &str)) -> fmt::Result {
        match self.position {
            Some((line, column)) => write!(f, "{bold}{}:{line}:{column}{end}: {kind}{}", self.file, self.message),
            None => write!(f, "{bold}{}{end}: {kind}{}", self.file, self.message),
        }
    }

    fn print(&self, f: &mut fmt::Formatter<'_>, kind: &str, colour: bool) -> fmt::Result {
        self.head(f, kind, if colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") })?;
        self.quote.as_ref().map_or(Ok(()), |quote| quote.print(f, colour))
    }
}

/// A quoted line, and what in it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Quote {
    number: usize,
    shown: String,
    indent: String,
    carets: usize,
}

/// A line of the file.
struct Line<'a> {
    text: &'a str,
    /// From 1.
    number: usize,
    /// In characters, from 1.
    column: usize,
    /// What stands before the place.
    before: &'a str,
}

impl<'a> Line<'a> {
    fn around(text: &'a str, at: usize) -> Self {
        let at = text.floor_char_boundary(at);
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
        let before = &text[start..at];
        Self {
            text: text[start..end].trim_end_matches('\r'),
            number: text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before.chars().count() + 1,
            before,
        }
    }

    /// Whether there is a URL with a user in it, and so perhaps a password.
    fn has_user(&self) -> bool {
        self.text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
    }

    /// The line with the `length` bytes that are meant; none where it may not or need not be shown.
    fn quote(&self, length: usize) -> Option<Quote> {
        if self.text.len() > MOST_QUOTED || self.has_user() {
            return None;
        }
        let from = self.before.len().min(self.text.len());
        let to = self.text.floor_char_boundary(from.saturating_add(length).min(self.text.len()));
        Some(Quote {
            number: self.number,
            shown: self.text.chars().map(printable).collect(),
            indent: self.before.chars().map(|c| if c == '\t' { c } else { ' ' }).collect(),
            carets: self.text[from..to].chars().count().max(1),
        })
    }
}

impl Quote {
    fn print(&self, f: &mut fmt::Formatter<'_>, colour: bool) -> fmt::Result {
        let Self { number, shown, indent, carets } = self;
        let margin = " ".repeat(number.to_string().len());
        let carets = "^".repeat(*carets);
        let (red, end) = if colour { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
        write!(f, "\n{margin} |\n{number} | {shown}\n{margin} | {indent}{red}{carets}{end}")
    }
}

/// A file must not be able to steer the terminal that shows its mistakes.
fn printable(c: char) -> char {
    if c.is_control() && c != '\t' { '\u{fffd}' } else { c }
}

impl error::Error for Report {}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f, false)
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str, place: Place) -> String {
        let mistakes = Mistakes::default();
        mistakes.add(place, "wrong");
        report(mistakes, text)
    }

    fn report(mistakes: Mistakes, text: &str) -> String {
        let mut texts = Texts::default();
        texts.add("f", text);
        mistakes.findings("f", &texts).expect_err("there is a mistake").to_string()
    }

    #[test]
    fn a_caret_stands_under_what_is_meant() {
        let text = "a = 1\r\n\u{e9}\tb = 2\r\n";
        assert_eq!(printed(text, Place::At(14, 15)), "f:2:7: wrong\n  |\n2 | \u{e9}\tb = 2\n  |  \t    ^");
        assert_eq!(printed("ab", Place::At(0, 2)), "f:1:1: wrong\n  |\n1 | ab\n  | ^^");
        assert_eq!(printed("a\nb", Place::At(0, 3)), "f:1:1: wrong\n  |\n1 | a\n  | ^");
        assert_eq!(printed("a", Place::At(1, 1)), "f:1:2: wrong\n  |\n1 | a\n  |  ^");
    }

    #[test]
    fn neither_secrets_nor_escapes_are_shown() {
        assert_eq!(printed("secret", Place::Secret(0, 6)), "f:1:1: wrong");
        assert_eq!(printed("x = 'http://u:secret@a/'", Place::At(0, 1)), "f:1:1: wrong");
        assert!(!printed("\x1b[2J", Place::At(0, 1)).contains('\x1b'));
    }

    #[test]
    fn they_come_in_the_order_of_the_file_and_not_without_bound() {
        let mistakes = Mistakes::default();
        (0..60).rev().for_each(|at| mistakes.add(Place::At(at, at), "wrong"));
        mistakes.add(Place::Option("--to".to_owned()), "wrong");
        let printed = report(mistakes, &" ".repeat(80));
        assert!(printed.starts_with("f has 61 mistakes\n--to: wrong\nf:1:1: wrong\n"), "{printed}");
        assert!(printed.ends_with("\nand 11 more"), "{printed}");
    }
}
