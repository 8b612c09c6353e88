//! Everything that is wrong with a configuration, each with its place.

use std::{cell::RefCell, error, fmt, ops::Range};

/// Mistakes printed in full; a file that has more is no attempt at a configuration.
const MOST_SHOWN: usize = 50;
/// Longer lines of the file are not quoted.
const MOST_QUOTED: usize = 200;

/// The mistakes of one configuration, in the order of the file. `Display` prints all of them, each with file, line,
/// column, the line itself and a caret; `Debug` does the same.
pub struct Report {
    file: String,
    text: String,
    /// Never empty.
    mistakes: Vec<Mistake>,
}

/// The mistakes so far; shared by all sections while they are read.
#[derive(Default)]
pub(super) struct Mistakes(RefCell<Vec<Mistake>>);

pub(super) struct Mistake {
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
        self.0.borrow_mut().push(Mistake { place, message: message.into() });
    }

    /// `None` if there are none.
    pub(super) fn report(self, file: &str, text: &str) -> Option<Report> {
        let mut mistakes = self.0.into_inner();
        if mistakes.is_empty() {
            return None;
        }
        mistakes.sort_by_key(|mistake| mistake.place.start());
        Some(Report { file: file.to_owned(), text: text.to_owned(), mistakes })
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
        let mistakes = vec![Mistake { place: Place::Whole, message }];
        Self { file: file.to_owned(), text: String::new(), mistakes }
    }

    /// How many mistakes there are; at least 1.
    pub fn count(&self) -> usize {
        self.mistakes.len()
    }

    /// As `Display`, with colours for a terminal.
    pub fn coloured(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| self.print(f, true))
    }

    fn print(&self, f: &mut fmt::Formatter<'_>, colour: bool) -> fmt::Result {
        let (bold, end) = if colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        let several = self.mistakes.len() > 1;
        if several {
            write!(f, "{} has {} mistakes", self.file, self.mistakes.len())?;
        }
        for Mistake { place, message } in self.mistakes.iter().take(MOST_SHOWN) {
            if several {
                writeln!(f)?;
            }
            match *place {
                Place::Whole => write!(f, "{bold}{}{end}: {message}", self.file)?,
                Place::Option(ref option) => write!(f, "{bold}{option}{end}: {message}")?,
                Place::At(start, _) | Place::Secret(start, _) => {
                    let line = Line::around(&self.text, start);
                    write!(f, "{bold}{}:{}:{}{end}: {message}", self.file, line.number, line.column)?;
                    if let Place::At(_, stop) = *place {
                        line.quote(f, stop - start, colour)?;
                    }
                }
            }
        }
        match self.mistakes.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
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

    /// The line and a caret under the `length` bytes that are meant.
    fn quote(&self, f: &mut fmt::Formatter<'_>, length: usize, colour: bool) -> fmt::Result {
        if self.text.len() > MOST_QUOTED || self.has_user() {
            return Ok(());
        }
        let number = self.number.to_string();
        let margin = " ".repeat(number.len());
        let shown: String = self.text.chars().map(printable).collect();
        let indent: String = self.before.chars().map(|c| if c == '\t' { c } else { ' ' }).collect();
        let from = self.before.len().min(self.text.len());
        let to = self.text.floor_char_boundary(from.saturating_add(length).min(self.text.len()));
        let carets = "^".repeat(self.text[from..to].chars().count().max(1));
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
        mistakes.report("f", text).expect("there is a mistake").to_string()
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
        let printed = mistakes.report("f", &" ".repeat(80)).unwrap().to_string();
        assert!(printed.starts_with("f has 61 mistakes\n--to: wrong\nf:1:1: wrong\n"), "{printed}");
        assert!(printed.ends_with("\nand 11 more"), "{printed}");
    }
}
