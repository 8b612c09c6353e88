//! The strict pass over a document that arrives in chunks: a machine that can stop at any byte.
//!
//! It holds the place in the grammar and which brackets are open, never the text. Whoever wants to know more is told
//! as a [`Watch`]: where arrays, objects, keys and scalars begin and end and, only if it asks for it, their text.
//! It does not look for repeated keys; a watch that remembers keys does.

use super::{
    fault::{Fault, FaultReason},
    numbers::Part,
    stack::Stack,
    strings,
    utf8::Utf8,
    value::Kind,
    watch::Watch,
};

/// A place in a document.
pub(in crate::protocol) struct Feed {
    state: State,
    /// The open arrays (false) and objects (true).
    open: Stack<bool, 64>,
    depth: usize,
    utf8: Utf8,
    /// Offset of the chunk that is read.
    offset: usize,
    /// Whether the string that is read is a key.
    is_key: bool,
    /// Whether the watch wants the text of the key or scalar that is read.
    is_told: bool,
    /// The first half of a surrogate pair whose second must follow; else 0.
    high: u32,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    /// A value, or the end of the array that has just begun.
    FirstElement,
    /// A key, or the end of the object that has just begun.
    FirstKey,
    Key,
    Colon,
    /// What may come behind a value: a comma, a closing bracket, the end of the document.
    Behind,
    /// Inside a string.
    Text,
    /// Behind a backslash.
    Escape,
    /// Behind `\u` and some digits of its unit.
    Unit {
        digits: u8,
        unit: u32,
    },
    /// The backslash of the second half of a pair.
    PairBackslash,
    /// The `u` of the second half of a pair.
    PairU,
    Number(Part),
    /// The rest of `true`, `false` or `null`.
    Literal(&'static [u8]),
}

impl Feed {
    /// A machine before the document.
    pub(in crate::protocol) fn new(depth: u16) -> Feed {
        Feed {
            state: State::Value,
            open: Stack::new(false),
            depth: depth.into(),
            utf8: Utf8::default(),
            offset: 0,
            is_key: false,
            is_told: false,
            high: 0,
        }
    }

    /// Reads the next chunk. After an error the machine is of no more use.
    pub(in crate::protocol) fn push<W: Watch>(&mut self, chunk: &[u8], watch: &mut W) -> Result<(), W::Fault> {
        self.utf8.push(chunk).map_err(|at| self.fault(FaultReason::Utf8, at))?;
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            at = match self.state {
                State::Text => self.text(chunk, at, watch)?,
                State::Number(part) => self.number(part, chunk, at, watch)?,
                State::Literal(rest) => self.literal(rest, byte, at, watch)?,
                State::Escape | State::Unit { .. } | State::PairBackslash | State::PairU => {
                    self.escape(byte, at, watch)?
                }
                _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') => at + 1,
                _ => self.structure(byte, at, watch)?,
            };
        }
        self.offset += chunk.len();
        Ok(())
    }

    /// Checks that the document is complete.
    pub(in crate::protocol) fn finish<W: Watch>(&mut self, watch: &mut W) -> Result<(), W::Fault> {
        if let State::Number(part) = self.state
            && part.may_end()
        {
            self.scalar_ended(watch);
        }
        if self.state != State::Behind || self.open.len() > 0 || !self.utf8.is_whole() {
            return Err(self.fault(FaultReason::Truncated, 0));
        }
        Ok(())
    }

    /// Takes a byte outside strings, numbers and literals.
    #[inline]
    fn structure<W: Watch>(&mut self, byte: u8, at: usize, watch: &mut W) -> Result<usize, W::Fault> {
        match (self.state, byte) {
            (State::FirstElement, b']') | (State::FirstKey, b'}') => self.close(at, watch)?,
            (State::Value | State::FirstElement, _) => self.begin(byte, at, watch)?,
            (State::FirstKey | State::Key, b'"') => {
                self.is_key = true;
                self.is_told = watch.key_begins();
                self.state = State::Text;
            }
            (State::FirstKey | State::Key, _) => return Err(self.fault(FaultReason::KeyExpected, at)),
            (State::Colon, b':') => self.state = State::Value,
            (State::Colon, _) => return Err(self.fault(FaultReason::ColonExpected, at)),
            (_, _) => match (byte, self.open.last()) {
                (_, None) => return Err(self.fault(FaultReason::Trailing, at)),
                (b',', Some(true)) => self.state = State::Key,
                (b',', Some(false)) => self.state = State::Value,
                (b'}', Some(true)) | (b']', Some(false)) => self.close(at, watch)?,
                _ => return Err(self.fault(FaultReason::CommaExpected, at)),
            },
        }
        Ok(at + 1)
    }

    /// Takes the first byte of a value.
    #[inline]
    fn begin<W: Watch>(&mut self, byte: u8, at: usize, watch: &mut W) -> Result<(), W::Fault> {
        let (state, kind) = match byte {
            b'{' => return self.enter(Kind::Object, at, watch),
            b'[' => return self.enter(Kind::Array, at, watch),
            b'"' => (State::Text, Kind::String),
            b'-' | b'0'..=b'9' => (State::Number(Part::begin(byte)), Kind::Number),
            b't' => (State::Literal(b"rue"), Kind::True),
            b'f' => (State::Literal(b"alse"), Kind::False),
            b'n' => (State::Literal(b"ull"), Kind::Null),
            _ => return Err(self.fault(FaultReason::ValueExpected, at)),
        };
        self.state = state;
        self.is_key = false;
        self.is_told = watch.scalar_begins(kind, self.offset + at)?;
        if self.is_told {
            watch.scalar_token(&[byte]);
        }
        Ok(())
    }

    #[inline]
    fn enter<W: Watch>(&mut self, kind: Kind, at: usize, watch: &mut W) -> Result<(), W::Fault> {
        if self.open.len() >= self.depth {
            return Err(self.fault(FaultReason::Depth, at));
        }
        let is_object = kind == Kind::Object;
        self.open.push(is_object);
        self.state = if is_object { State::FirstKey } else { State::FirstElement };
        watch.opens(kind, self.offset + at)
    }

    #[inline]
    fn close<W: Watch>(&mut self, at: usize, watch: &mut W) -> Result<(), W::Fault> {
        self.open.pop();
        self.state = State::Behind;
        watch.closes(self.offset + at)
    }

    /// Takes as much of a string as the chunk has, up to an escape or behind its end.
    #[inline]
    fn text<W: Watch>(&mut self, chunk: &[u8], at: usize, watch: &mut W) -> Result<usize, W::Fault> {
        let stop = strings::plain(chunk, at);
        let run = chunk.get(at..stop).unwrap_or_default();
        if self.is_told && !run.is_empty() {
            if self.is_key { watch.key_text(run) } else { watch.scalar_token(run) }
        }
        let Some(&byte) = chunk.get(stop) else {
            return Ok(stop);
        };
        if self.is_told && !self.is_key {
            watch.scalar_token(&[byte]);
        }
        match byte {
            b'\\' => self.state = State::Escape,
            b'"' if self.is_key => {
                self.state = State::Colon;
                if self.is_told {
                    watch.key_ends(self.offset + stop)?;
                }
            }
            b'"' => self.scalar_ended(watch),
            _ => return Err(self.fault(FaultReason::ControlCharacter, stop)),
        }
        Ok(stop + 1)
    }

    /// Takes a byte of an escape.
    fn escape<W: Watch>(&mut self, byte: u8, at: usize, watch: &mut W) -> Result<usize, W::Fault> {
        if self.is_told && !self.is_key {
            watch.scalar_token(&[byte]);
        }
        match (self.state, byte) {
            (State::Escape, b'u') | (State::PairU, b'u') => self.state = State::Unit { digits: 0, unit: 0 },
            (State::Escape, _) => {
                let character = match byte {
                    b'"' | b'\\' | b'/' => byte,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    _ => return Err(self.fault(FaultReason::Escape, at)),
                };
                self.escaped(char::from(character), watch);
            }
            (State::PairBackslash, b'\\') => self.state = State::PairU,
            (State::Unit { digits, unit }, _) => {
                let digit = char::from(byte).to_digit(16).ok_or_else(|| self.fault(FaultReason::Escape, at))?;
                let unit = unit << 4 | digit;
                self.state = State::Unit { digits: digits + 1, unit };
                if digits == 3 {
                    self.unit(unit, at, watch)?;
                }
            }
            _ => return Err(self.fault(FaultReason::LoneSurrogate, at)),
        }
        Ok(at + 1)
    }

    /// Takes the whole unit of a `\u` escape.
    fn unit<W: Watch>(&mut self, unit: u32, at: usize, watch: &mut W) -> Result<(), W::Fault> {
        let high = std::mem::take(&mut self.high);
        let code = match (high, unit) {
            (0, 0xD800..=0xDBFF) => {
                self.high = unit;
                self.state = State::PairBackslash;
                return Ok(());
            }
            (0, 0) if self.is_key => return Err(self.fault(FaultReason::NulInKey, at)),
            (0, _) => unit,
            (_, 0xDC00..=0xDFFF) => 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00),
            // Another first half, or no half at all.
            (_, _) => high,
        };
        let character = char::from_u32(code).ok_or_else(|| self.fault(FaultReason::LoneSurrogate, at))?;
        self.escaped(character, watch);
        Ok(())
    }

    /// An escape has ended.
    fn escaped<W: Watch>(&mut self, character: char, watch: &mut W) {
        self.state = State::Text;
        if self.is_told && self.is_key {
            watch.key_text(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// Takes as much of a number as the chunk has.
    #[inline]
    fn number<W: Watch>(&mut self, part: Part, chunk: &[u8], at: usize, watch: &mut W) -> Result<usize, W::Fault> {
        let mut part = part;
        let mut stop = at;
        while let Some(&byte) = chunk.get(stop) {
            match part.after(byte) {
                Some(next) => part = next,
                None if part.may_end() => {
                    if self.is_told {
                        watch.scalar_token(chunk.get(at..stop).unwrap_or_default());
                    }
                    self.scalar_ended(watch);
                    return Ok(stop);
                }
                None => return Err(self.fault(FaultReason::Number, stop)),
            }
            stop += 1;
        }
        if self.is_told {
            watch.scalar_token(chunk.get(at..stop).unwrap_or_default());
        }
        self.state = State::Number(part);
        Ok(stop)
    }

    /// Takes a byte of `true`, `false` or `null`.
    fn literal<W: Watch>(
        &mut self,
        rest: &'static [u8],
        byte: u8,
        at: usize,
        watch: &mut W,
    ) -> Result<usize, W::Fault> {
        match rest {
            [first, more @ ..] if *first == byte => {
                if self.is_told {
                    watch.scalar_token(&[byte]);
                }
                self.state = State::Literal(more);
                if more.is_empty() {
                    self.scalar_ended(watch);
                }
                Ok(at + 1)
            }
            _ => Err(self.fault(FaultReason::ValueExpected, at)),
        }
    }

    #[inline]
    fn scalar_ended<W: Watch>(&mut self, watch: &mut W) {
        self.state = State::Behind;
        if self.is_told {
            watch.scalar_ends();
        }
    }

    #[cold]
    fn fault<F: From<Fault>>(&self, reason: FaultReason, at: usize) -> F {
        F::from(Fault::new(reason, self.offset + at))
    }
}
