//! What a text must be before the parser sees it: the parser recurses, and what it builds is dropped by recursion.
//!
//! The text is only cut into tokens, roughly: what is no expression is for the parser to say.

use super::fault::Flaw;

/// Bytes of an expression.
const LENGTH: usize = 8192;
/// Tokens of it.
const TOKENS: usize = 2000;
/// Open brackets, and conditions with `?` within each other.
const DEPTH: usize = 24;
/// Members, indices and operators in a row, between two of `&&`, `||`, commas and brackets.
const ROW: usize = 48;

/// Refuses a text that is too much for the parser.
pub(super) fn check(text: &str) -> Result<(), Flaw> {
    if text.len() > LENGTH {
        let at = (LENGTH..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        let message =
            format!("an expression has at most {LENGTH} bytes, this one has {}; use several rules", text.len());
        return Err(Flaw { span: at..text.len(), message });
    }
    let mut tokens = Tokens { text, at: 0 };
    let mut count = 0;
    // The length of the row that each open bracket interrupts.
    let mut open: Vec<usize> = Vec::new();
    let mut row = 0;
    let mut conditions = 0;
    while let Some((start, token)) = tokens.next() {
        count += 1;
        match token {
            Token::Open => {
                open.push(row + 1);
                row = 0;
            }
            Token::Close => row = open.pop().unwrap_or(0),
            Token::Condition => {
                conditions += 1;
                row = 0;
            }
            Token::Separator => row = 0,
            Token::Operator => row += 1,
            Token::Other => {}
        }
        let flaw = |message: String| Err(Flaw { span: start..tokens.at.min(text.len()), message });
        if open.len() + conditions > DEPTH {
            return flaw(format!("brackets and `?` go at most {DEPTH} deep"));
        }
        if row > ROW {
            return flaw(format!("at most {ROW} operators and members follow each other; use brackets or `in`"));
        }
        if count > TOKENS {
            return flaw(format!("an expression has at most {TOKENS} words and signs; use several rules"));
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Token {
    Open,
    Close,
    Condition,
    Separator,
    Operator,
    Other,
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl Tokens<'_> {
    /// The next token and where it starts.
    fn next(&mut self) -> Option<(usize, Token)> {
        let bytes = self.text.as_bytes();
        loop {
            let start = self.at;
            let rest = bytes.get(start..)?;
            let first = *rest.first()?;
            let (length, token) = match first {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0c => {
                    self.at += 1;
                    continue;
                }
                b'/' if rest.starts_with(b"//") => {
                    self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                    continue;
                }
                b'"' | b'\'' => (quoted(rest, is_raw(bytes, start)), Token::Other),
                b'(' | b'[' | b'{' => (1, Token::Open),
                b')' | b']' | b'}' => (1, Token::Close),
                b'?' => (1, Token::Condition),
                b',' | b':' => (1, Token::Separator),
                b'&' | b'|' if rest.get(1) == Some(&first) => (2, Token::Separator),
                b'=' | b'!' | b'<' | b'>' if rest.get(1) == Some(&b'=') => (2, Token::Operator),
                b'.' | b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>' | b'!' => (1, Token::Operator),
                _ if is_word(first) => {
                    let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
                    (length, if rest.get(..length) == Some(b"in") { Token::Operator } else { Token::Other })
                }
                _ => (1, Token::Other),
            };
            self.at += length;
            return Some((start, token));
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether the word before a quote makes it the quote of a raw string.
fn is_raw(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    let word = before.iter().rev().take_while(|byte| is_word(**byte));
    let word: Vec<u8> = word.take(3).map(u8::to_ascii_lowercase).collect();
    matches!(word.as_slice(), b"r" | b"rb" | b"br")
}

/// The length of the string that `rest` begins with.
fn quoted(rest: &[u8], raw: bool) -> usize {
    let quote = rest.first().copied().unwrap_or_default();
    let triple = [quote; 3];
    let ending: &[u8] = if rest.starts_with(&triple) { &triple } else { &triple[..1] };
    let mut at = ending.len();
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' if !raw => at += 2,
            _ if rest.get(at..).is_some_and(|rest| rest.starts_with(ending)) => return at + ending.len(),
            _ => at += 1,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_string_or_a_comment_counts_for_nothing() {
        let brackets = "(".repeat(DEPTH + 1);
        for text in [
            format!("'{brackets}'"),
            format!("\"{brackets}\" == r'{brackets}\\'"),
            format!("'''{brackets}''{brackets}''' == ''"),
            format!("'\\'{brackets}'"),
            format!("true // {brackets}"),
        ] {
            assert_eq!(check(&text), Ok(()), "{text}");
        }
        for text in [brackets.clone(), format!("r'\\' + {brackets}"), format!("'a' + {brackets}")] {
            assert!(check(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn bounds_hold_where_they_are_said_to() {
        let deep = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
        let row = |length: usize| format!("1{}", "+1".repeat(length));
        for good in [deep(DEPTH), row(ROW), "a ? b : c".to_owned(), " ".repeat(LENGTH)] {
            assert_eq!(check(&good), Ok(()), "{good}");
        }
        let conditions = "a?b:".repeat(DEPTH + 1);
        let many = "[1],".repeat(TOKENS / 4 + 1);
        for bad in [deep(DEPTH + 1), row(ROW + 1), "a.b".repeat(ROW + 1), conditions, many, " ".repeat(LENGTH + 1)] {
            assert!(check(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn conditions_in_a_row_are_not_bounded_as_a_row() {
        let row = vec!["message.tool.annotations.readOnlyHint == true"; 60].join(" && ");
        assert_eq!(check(&row), Ok(()));
    }
}
