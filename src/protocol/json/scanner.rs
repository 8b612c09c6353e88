//! The strict pass over a whole document: one look at each byte, an explicit stack, no tree.
//!
//! The caller decides how much it wants to see. [`Scanner::value`] checks whatever comes and gives its span;
//! [`Scanner::object`] and [`Scanner::array`] hand over their members one by one, each of which the caller must take
//! with one of the three. Only these two recurse, as deep as the caller's own code does.

use super::{
    fault::{Fault, FaultReason},
    keys::Keys,
    numbers,
    stack::Stack,
    strings,
    value::{Kind, Span, Value},
};

/// What a repeated key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol) enum Repeats {
    /// Refused at every depth.
    Refused,
    /// Refused in what is taken by [`Scanner::object`]; passed in what is taken by [`Scanner::value`].
    RefusedWhereRead,
}

/// A place in a document, and what is open around it.
pub(in crate::protocol) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many arrays and objects may be open at once.
    depth: usize,
    repeats: Repeats,
    /// How many are.
    level: usize,
    /// The innermost of them: the base of an object's keys, or [`ARRAY`].
    inside: u32,
    /// Those around it, and [`ARRAY`] below the outermost.
    around: Stack<u32, 64>,
    keys: Keys,
}

/// The mark of an array, which is no base: a text that spans can address has fewer keys.
const ARRAY: u32 = u32::MAX;

impl<'a> Scanner<'a> {
    /// A scanner at the start of a text, whose length, first bytes and UTF-8 are checked here.
    ///
    /// Inlined, so that it is built where it stays: it is large.
    #[inline(always)]
    pub(in crate::protocol) fn new(bytes: &'a [u8], depth: u16, repeats: Repeats) -> Result<Scanner<'a>, Fault> {
        check_text(bytes)?;
        Ok(Scanner {
            bytes,
            at: 0,
            depth: depth.into(),
            repeats,
            level: 0,
            inside: ARRAY,
            around: Stack::new(ARRAY),
            keys: Keys::new(),
        })
    }

    /// The next byte that is no white space, which is not taken; 0 at the end (no token begins with it).
    #[inline]
    pub(in crate::protocol) fn peek(&mut self) -> u8 {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(&byte) => return byte,
                None => return 0,
            }
        }
    }

    /// Takes one value, whatever it is.
    #[inline]
    pub(in crate::protocol) fn value(&mut self) -> Result<Value, Fault> {
        match self.peek() {
            b'{' => self.nested(Kind::Object),
            b'[' => self.nested(Kind::Array),
            _ => self.scalar(),
        }
    }

    /// Takes an object, giving each key to `each`, which takes its value; repeated keys are refused.
    #[inline]
    pub(in crate::protocol) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Value) -> Result<(), Fault>,
    ) -> Result<Value, Fault> {
        if self.peek() != b'{' {
            return Err(self.unexpected(FaultReason::ValueExpected));
        }
        let start = self.at;
        let base = self.keys.base();
        self.enter(base as u32)?;
        if self.peek() != b'}' {
            loop {
                let key = self.key()?;
                self.keys.push(self.bytes, key);
                each(self, key)?;
                match self.peek() {
                    b',' => self.at += 1,
                    b'}' => break,
                    _ => return Err(self.unexpected(FaultReason::CommaExpected)),
                }
            }
        }
        self.leave_object(base)?;
        Ok(Value { span: Span::new(start, self.at), kind: Kind::Object, escaped: false })
    }

    /// Takes an array, calling `each` to take each element.
    pub(in crate::protocol) fn array(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<Value, Fault> {
        if self.peek() != b'[' {
            return Err(self.unexpected(FaultReason::ValueExpected));
        }
        let start = self.at;
        self.enter(ARRAY)?;
        if self.peek() != b']' {
            loop {
                each(self)?;
                match self.peek() {
                    b',' => self.at += 1,
                    b']' => break,
                    _ => return Err(self.unexpected(FaultReason::CommaExpected)),
                }
            }
        }
        self.leave();
        Ok(Value { span: Span::new(start, self.at), kind: Kind::Array, escaped: false })
    }

    /// The text from the next byte that is no white space.
    pub(in crate::protocol) fn rest(&mut self) -> &'a [u8] {
        self.peek();
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Takes the object that is next and so long without reading it. It has passed before: the same bytes under the
    /// same rules, or stricter ones, at this depth or deeper. An object ends where it ends, whatever follows.
    pub(in crate::protocol) fn pass_object(&mut self, length: usize) -> Value {
        let start = self.at;
        self.at += length;
        Value { span: Span::new(start, self.at), kind: Kind::Object, escaped: false }
    }

    /// Checks that nothing but white space follows.
    pub(in crate::protocol) fn end(&mut self) -> Result<(), Fault> {
        self.peek();
        if self.at < self.bytes.len() {
            return Err(Fault::new(FaultReason::Trailing, self.at));
        }
        Ok(())
    }

    /// Takes an array or object whose bracket is next, with all that is in it.
    fn nested(&mut self, kind: Kind) -> Result<Value, Fault> {
        let start = self.at;
        let outside = self.level;
        loop {
            let opened = match self.peek() {
                b'{' => self.enter_object()?,
                b'[' => self.enter_array()?,
                _ => {
                    self.scalar()?;
                    false
                }
            };
            if !opened && self.unwind(outside)? {
                return Ok(Value { span: Span::new(start, self.at), kind, escaped: false });
            }
        }
    }

    /// Enters an object and takes its first key; false if it was empty and is closed again.
    #[inline]
    fn enter_object(&mut self) -> Result<bool, Fault> {
        let base = self.keys.base();
        self.enter(base as u32)?;
        if self.peek() == b'}' {
            self.leave();
            return Ok(false);
        }
        self.nested_key()?;
        Ok(true)
    }

    /// Enters an array; false if it was empty and is closed again.
    #[inline]
    fn enter_array(&mut self) -> Result<bool, Fault> {
        self.enter(ARRAY)?;
        if self.peek() == b']' {
            self.leave();
            return Ok(false);
        }
        Ok(true)
    }

    /// Behind a value: closes what ends here, down to `outside`, or takes a comma (and the key behind it).
    /// True if nothing above `outside` is open any more.
    #[inline]
    fn unwind(&mut self, outside: usize) -> Result<bool, Fault> {
        while self.level > outside {
            match (self.peek(), self.inside) {
                (b',', ARRAY) => {
                    self.at += 1;
                    return Ok(false);
                }
                (b',', _) => {
                    self.at += 1;
                    self.nested_key()?;
                    return Ok(false);
                }
                (b']', ARRAY) => self.leave(),
                (b'}', base) if base != ARRAY => self.leave_object(base as usize)?,
                _ => return Err(self.unexpected(FaultReason::CommaExpected)),
            }
        }
        Ok(true)
    }

    /// Takes a string, number or literal.
    #[inline]
    fn scalar(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        let mut escaped = false;
        let kind = match self.bytes.get(start) {
            Some(b'"') => {
                let ending = strings::check(self.bytes, start, false)?;
                self.at = ending.end;
                escaped = ending.escaped;
                Kind::String
            }
            Some(b'-' | b'0'..=b'9') => {
                self.at = numbers::check(self.bytes, start)?;
                Kind::Number
            }
            Some(b't') => self.literal(b"true", Kind::True)?,
            Some(b'f') => self.literal(b"false", Kind::False)?,
            Some(b'n') => self.literal(b"null", Kind::Null)?,
            _ => return Err(self.unexpected(FaultReason::ValueExpected)),
        };
        Ok(Value { span: Span::new(start, self.at), kind, escaped })
    }

    #[inline]
    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(kind);
        }
        let same = rest.iter().zip(word).take_while(|(a, b)| a == b).count();
        self.at += same;
        Err(self.unexpected(FaultReason::ValueExpected))
    }

    /// Takes a key and its colon.
    #[inline(always)]
    fn key(&mut self) -> Result<Value, Fault> {
        if self.peek() != b'"' {
            return Err(self.unexpected(FaultReason::KeyExpected));
        }
        let ending = strings::check(self.bytes, self.at, true)?;
        let span = Span::new(self.at, ending.end);
        self.at = ending.end;
        if self.peek() != b':' {
            return Err(self.unexpected(FaultReason::ColonExpected));
        }
        self.at += 1;
        Ok(Value { span, kind: Kind::String, escaped: ending.escaped })
    }

    /// Takes a key below what the caller reads.
    #[inline(always)]
    fn nested_key(&mut self) -> Result<(), Fault> {
        let key = self.key()?;
        if self.repeats == Repeats::Refused {
            self.keys.push(self.bytes, key);
        }
        Ok(())
    }

    /// Takes an opening bracket.
    #[inline]
    fn enter(&mut self, mark: u32) -> Result<(), Fault> {
        if self.level >= self.depth {
            return Err(Fault::new(FaultReason::Depth, self.at));
        }
        self.level += 1;
        self.around.push(self.inside);
        self.inside = mark;
        self.at += 1;
        Ok(())
    }

    /// Takes a closing bracket.
    #[inline]
    fn leave(&mut self) {
        self.level -= 1;
        self.inside = self.around.pop().unwrap_or(ARRAY);
        self.at += 1;
    }

    /// Takes the closing bracket of an object whose keys begin at `base`.
    #[inline]
    fn leave_object(&mut self, base: usize) -> Result<(), Fault> {
        if let Some(repeated) = self.keys.close(self.bytes, base) {
            return Err(Fault { reason: FaultReason::RepeatedKey, at: repeated.start });
        }
        self.leave();
        Ok(())
    }

    /// The fault of the byte that is next: it, or that there is none.
    #[cold]
    fn unexpected(&self, reason: FaultReason) -> Fault {
        let reason = if self.at < self.bytes.len() { reason } else { FaultReason::Truncated };
        Fault::new(reason, self.at)
    }
}

/// Checks the length of a text, its first bytes and its UTF-8.
fn check_text(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len() >= u32::MAX as usize {
        return Err(Fault::new(FaultReason::Oversized, u32::MAX as usize));
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(Fault::new(FaultReason::ByteOrderMark, 0));
    }
    // Most texts are ASCII, which is found out in half the time.
    if bytes.is_ascii() {
        return Ok(());
    }
    std::str::from_utf8(bytes).map(|_| ()).map_err(|error| Fault::new(FaultReason::Utf8, error.valid_up_to()))
}
