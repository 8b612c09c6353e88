//! A small tokenizer of Rust: enough to tell code from comments, strings and characters.
//!
//! It exists so that no rule ever matches inside a comment or a string. What it does not need to know it does not
//! know: numbers and literals are opaque, every operator but `::` is its single characters.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or a keyword; a raw one (`r#type`) without its `r#`.
    Ident,
    /// One character, or `::`.
    Punct,
    /// `'a`.
    Lifetime,
    /// A string, byte string, C string, character, byte or number.
    Literal,
}

/// One token and the line it begins on, counted from 1.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    /// Whether this is the name or keyword `name`.
    pub(crate) fn is_ident(&self, name: &str) -> bool {
        self.kind == Kind::Ident && self.text == name
    }

    /// Whether this is the punctuation `mark`.
    pub(crate) fn is(&self, mark: &str) -> bool {
        self.kind == Kind::Punct && self.text == mark
    }
}

/// A comment with its marks, and the line it begins on.
#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A file's tokens, and its comments apart.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
}

/// Splits a file. An error is a line and what never ended on it: the checker cannot read such a file and says so.
pub(crate) fn lex(text: &str) -> Result<Lexed, (usize, &'static str)> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, line: 1, out: Lexed::default() };
    if text.starts_with("#!") && !text.starts_with("#![") {
        lexer.skip_line();
    }
    while let Some(first) = lexer.peek(0) {
        lexer.step(first)?;
    }
    Ok(lexer.out)
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    out: Lexed,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn advance(&mut self, count: usize) {
        for _ in 0..count {
            if self.peek(0) == Some('\n') {
                self.line += 1;
            }
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.at += 1;
        }
    }

    fn since(&self, start: usize) -> String {
        self.chars[start..self.at.min(self.chars.len())].iter().collect()
    }

    fn push(&mut self, kind: Kind, start: usize, line: usize) {
        let text = self.since(start);
        self.out.tokens.push(Token { kind, text, line });
    }

    fn step(&mut self, first: char) -> Result<(), (usize, &'static str)> {
        let (start, line) = (self.at, self.line);
        match (first, self.peek(1)) {
            (c, _) if c.is_whitespace() => self.advance(1),
            ('/', Some('/')) => {
                self.skip_line();
                self.out.comments.push(Comment { text: self.since(start), line });
            }
            ('/', Some('*')) => self.block_comment()?,
            ('"', _) => self.string(0)?,
            ('\'', _) => self.quote()?,
            (':', Some(':')) => {
                self.advance(2);
                self.push(Kind::Punct, start, line);
            }
            (c, _) if c.is_ascii_digit() => self.number(),
            (c, _) if is_name(c) => self.word()?,
            _ => {
                self.advance(1);
                self.push(Kind::Punct, start, line);
            }
        }
        Ok(())
    }

    /// Block comments nest.
    fn block_comment(&mut self) -> Result<(), (usize, &'static str)> {
        let (start, line) = (self.at, self.line);
        let mut depth = 0usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.advance(2);
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.advance(2);
                    if depth == 0 {
                        self.out.comments.push(Comment { text: self.since(start), line });
                        return Ok(());
                    }
                }
                (Some(_), _) => self.advance(1),
                (None, _) => return Err((line, "comment")),
            }
        }
    }

    /// A string with escapes, the cursor `prefix` characters before its opening quote.
    fn string(&mut self, prefix: usize) -> Result<(), (usize, &'static str)> {
        let (start, line) = (self.at, self.line);
        self.advance(prefix + 1);
        loop {
            match self.peek(0) {
                Some('\\') => self.advance(2),
                Some('"') => {
                    self.advance(1);
                    self.push(Kind::Literal, start, line);
                    return Ok(());
                }
                Some(_) => self.advance(1),
                None => return Err((line, "string")),
            }
        }
    }

    /// A raw string, the cursor at its prefix; `hashes` many close it.
    fn raw_string(&mut self, prefix: usize, hashes: usize) -> Result<(), (usize, &'static str)> {
        let (start, line) = (self.at, self.line);
        self.advance(prefix + hashes + 1);
        loop {
            match self.peek(0) {
                Some('"') if (1..=hashes).all(|n| self.peek(n) == Some('#')) => {
                    self.advance(1 + hashes);
                    self.push(Kind::Literal, start, line);
                    return Ok(());
                }
                Some(_) => self.advance(1),
                None => return Err((line, "raw string")),
            }
        }
    }

    /// `'x'`, `'\n'` and `'\''` are characters, `'x` is a lifetime.
    fn quote(&mut self) -> Result<(), (usize, &'static str)> {
        let (start, line) = (self.at, self.line);
        if self.peek(1) == Some('\\') {
            self.advance(3);
            while self.peek(0).is_some_and(|c| c != '\'') {
                self.advance(1);
            }
            if self.peek(0).is_none() {
                return Err((line, "character"));
            }
            self.advance(1);
            self.push(Kind::Literal, start, line);
        } else if self.peek(2) == Some('\'') {
            self.advance(3);
            self.push(Kind::Literal, start, line);
        } else {
            self.advance(1);
            while self.peek(0).is_some_and(is_name) {
                self.advance(1);
            }
            self.push(Kind::Lifetime, start, line);
        }
        Ok(())
    }

    fn number(&mut self) {
        let (start, line) = (self.at, self.line);
        loop {
            let digits_follow = self.peek(1).is_some_and(|c| c.is_ascii_digit());
            match self.peek(0) {
                Some(c) if is_name(c) => self.advance(1),
                Some('.') if digits_follow => self.advance(1),
                _ => break,
            }
        }
        self.push(Kind::Literal, start, line);
    }

    /// A name, or the prefix of a string, or a raw name.
    fn word(&mut self) -> Result<(), (usize, &'static str)> {
        let line = self.line;
        let length = self.chars[self.at..].iter().take_while(|c| is_name(**c)).count();
        let word: String = self.chars[self.at..self.at + length].iter().collect();
        let hashes = self.chars[self.at + length..].iter().take_while(|c| **c == '#').count();
        let opens = self.peek(length + hashes) == Some('"');
        match word.as_str() {
            "r" | "br" | "cr" if opens => return self.raw_string(length, hashes),
            "b" | "c" if opens && hashes == 0 => return self.string(length),
            "b" if self.peek(1) == Some('\'') => {
                self.advance(1);
                return self.quote();
            }
            "r" if hashes == 1 && self.peek(2).is_some_and(is_name) => {
                self.advance(2);
                return self.word();
            }
            _ => {}
        }
        let start = self.at;
        self.advance(length);
        self.push(Kind::Ident, start, line);
        Ok(())
    }
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        lex(text).unwrap().tokens.into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_strings_hold_no_code() {
        let text = r####"a /* b /* c */ d */ "e \" f" r#"g " h"# // i
            b"j" br##"k"# l"## c"m" cr"n" z"####;
        let names: Vec<_> = lex(text).unwrap().tokens.into_iter().filter(|t| t.kind == Kind::Ident).collect();
        assert_eq!(names.iter().map(|t| t.text.as_str()).collect::<Vec<_>>(), ["a", "z"]);
        assert_eq!(names.iter().map(|t| t.line).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn characters_are_no_lifetimes() {
        let kinds: Vec<_> =
            lex(r"'a' 'b '\'' '\u{1F600}' b'x' '{' 'static").unwrap().tokens.iter().map(|token| token.kind).collect();
        use Kind::{Lifetime, Literal};
        assert_eq!(kinds, [Literal, Lifetime, Literal, Literal, Literal, Literal, Lifetime]);
    }

    #[test]
    fn paths_numbers_and_raw_names() {
        assert_eq!(
            words("a::b.c 1.5e3 0..9 r#type x.0.y"),
            ["a", "::", "b", ".", "c", "1.5e3", "0", ".", ".", "9", "type", "x", ".", "0", ".", "y"]
        );
    }

    #[test]
    fn what_never_ends_is_an_error_with_its_line() {
        assert_eq!(lex("a\n\"b").unwrap_err(), (2, "string"));
        assert_eq!(lex("/* /* */").unwrap_err(), (1, "comment"));
        assert_eq!(lex("r#\"x\"").unwrap_err(), (1, "raw string"));
    }
}
