//! The chunked coding (RFC 9112 section 7.1), undone in place and byte for byte strictly.

use super::body::Decoded;
use super::failure::Failure;

/// The most bytes of extension in one chunk's line, and in all lines of a body.
const MAX_EXTENSION: u32 = 256;
const MAX_EXTENSIONS: u32 = 8 * 1024;
/// The most bytes, and lines, of trailers.
const MAX_TRAILERS: u32 = 8 * 1024;
const MAX_TRAILER_FIELDS: u32 = 64;
/// 16 hexadecimal digits are all that fit 64 bits.
const MAX_DIGITS: u8 = 16;

/// A reader of the chunked coding that takes its bytes in any portions.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// What is still to come of the chunk.
    size: u64,
    digits: u8,
    /// Bytes of extension in this line, and in all; of the trailers once these have begun.
    line: u32,
    total: u32,
    trailers: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Extension,
    SizeEnd,
    Data,
    DataEnd,
    DataLineFeed,
    /// At the beginning of a trailer, or at the empty line.
    Line,
    Name,
    Value,
    ValueEnd,
    LastEnd,
    Done,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { state: State::Size, size: 0, digits: 0, line: 0, total: 0, trailers: 0 }
    }

    /// Whether the last chunk and the trailers have been read.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Undoes the coding of `bytes` in place: pieces of data after the first are moved up to it.
    pub(super) fn decode(&mut self, bytes: &mut [u8]) -> Result<Decoded, Failure> {
        let mut payload = 0..0;
        let mut at = 0;
        while at < bytes.len() && self.state != State::Done {
            if self.state != State::Data {
                self.step(bytes[at])?;
                at += 1;
                continue;
            }
            let piece = usize::try_from(self.size).map_or(bytes.len() - at, |size| size.min(bytes.len() - at));
            if payload.is_empty() {
                payload = at..at;
            } else {
                bytes.copy_within(at..at + piece, payload.end);
            }
            payload.end += piece;
            at += piece;
            self.size -= piece as u64;
            if self.size == 0 {
                self.state = State::DataEnd;
            }
        }
        Ok(Decoded { payload, used: at })
    }

    /// One byte of what is not data.
    fn step(&mut self, byte: u8) -> Result<(), Failure> {
        self.state = match (self.state, byte) {
            (State::Size, _) => self.size_byte(byte)?,
            (State::Extension, b'\r') => State::SizeEnd,
            (State::Extension, byte) if is_text(byte) => self.extension_byte()?,
            (State::SizeEnd, b'\n') if self.size == 0 => self.begin_trailers(),
            (State::SizeEnd, b'\n') => State::Data,
            (State::DataEnd, b'\r') => State::DataLineFeed,
            (State::DataLineFeed, b'\n') => self.begin_chunk(),
            (State::Line, b'\r') => State::LastEnd,
            (State::LastEnd, b'\n') => State::Done,
            (State::Line | State::Name | State::Value | State::ValueEnd, _) => self.trailer_byte(byte)?,
            (State::DataEnd | State::DataLineFeed, _) => {
                return Err(Failure::Malformed("a chunk that is longer than it says"));
            }
            _ => return Err(Failure::Malformed("the line of a chunk")),
        };
        Ok(())
    }

    fn begin_chunk(&mut self) -> State {
        self.digits = 0;
        self.line = 0;
        State::Size
    }

    fn size_byte(&mut self, byte: u8) -> Result<State, Failure> {
        match (byte as char).to_digit(16) {
            Some(digit) if self.digits < MAX_DIGITS => {
                self.size = self.size << 4 | u64::from(digit);
                self.digits += 1;
                Ok(State::Size)
            }
            Some(_) => Err(Failure::Malformed("the size of a chunk")),
            None if self.digits == 0 => Err(Failure::Malformed("the size of a chunk")),
            None if byte == b'\r' => Ok(State::SizeEnd),
            None if byte == b';' => self.extension_byte(),
            None => Err(Failure::Malformed("the size of a chunk")),
        }
    }

    fn extension_byte(&mut self) -> Result<State, Failure> {
        self.line += 1;
        self.total += 1;
        if self.line > MAX_EXTENSION || self.total > MAX_EXTENSIONS {
            return Err(Failure::TooLarge("the extensions of its chunks"));
        }
        Ok(State::Extension)
    }

    fn begin_trailers(&mut self) -> State {
        self.total = 0;
        State::Line
    }

    /// Trailers are read as strictly as fields, and dropped (RFC 9110 section 6.5.1 allows that).
    fn trailer_byte(&mut self, byte: u8) -> Result<State, Failure> {
        self.total += 1;
        if self.total > MAX_TRAILERS || self.trailers >= MAX_TRAILER_FIELDS {
            return Err(Failure::TooLarge("its trailers"));
        }
        match (self.state, byte) {
            (State::Line | State::Name, byte) if is_token(byte) => Ok(State::Name),
            (State::Name, b':') => Ok(State::Value),
            (State::Value, b'\r') => Ok(State::ValueEnd),
            (State::Value, byte) if is_text(byte) => Ok(State::Value),
            (State::ValueEnd, b'\n') => {
                self.trailers += 1;
                Ok(State::Line)
            }
            _ => Err(Failure::Malformed("a trailer")),
        }
    }
}

/// What may stand in a field's value: no control characters but the tab.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes all of `text`, fed in portions of `step` bytes.
    fn decode(text: &[u8], step: usize) -> Result<(Vec<u8>, bool, usize), Failure> {
        let (mut chunked, mut body, mut used) = (Chunked::new(), Vec::new(), 0);
        for part in text.chunks(step) {
            let mut part = part.to_vec();
            let decoded = chunked.decode(&mut part)?;
            body.extend_from_slice(&part[decoded.payload]);
            used += decoded.used;
        }
        Ok((body, chunked.is_done(), used))
    }

    #[test]
    fn chunks_are_joined_however_they_are_portioned() {
        let text = b"5\r\nhello\r\n00A;x=\"y\"\r\n, world ok\r\n0;e\r\nA: b\r\nC-d:\t\xff\r\n\r\nsurplus";
        for step in 1..=text.len() {
            let (body, done, used) = decode(text, step).expect("sound chunks");
            assert_eq!(body, b"hello, world ok", "in portions of {step}");
            assert!(done);
            assert_eq!(used, text.len() - "surplus".len());
        }
    }

    #[test]
    fn what_is_not_exact_is_malformed() {
        let cases: [&[u8]; 22] = [
            b"\r\n",
            b";x\r\n",
            b"g\r\n",
            b"-1\r\n",
            b"0x1\r\n",
            b" 1\r\n",
            b"1 \r\na",
            b"1\na",
            b"1\rxa",
            b"1;x\na",
            b"1;\x00\r\na",
            b"1\r\nab\r\n",
            b"1\r\na\n0\r\n",
            b"1\r\na\rb",
            b"00000000000000001\r\n",
            b"0\r\n\n",
            b"0\r\n folded: x\r\n",
            b"0\r\nname\r\n",
            b"0\r\n: x\r\n",
            b"0\r\nna me: x\r\n",
            b"0\r\na: b\n\r\n",
            b"0\r\na: \x01\r\n",
        ];
        for case in cases {
            for step in [1, case.len()] {
                let result = decode(case, step);
                assert!(matches!(result, Err(Failure::Malformed(_))), "{}: {result:?}", case.escape_ascii());
            }
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let too_large = |text: String| matches!(decode(text.as_bytes(), 100), Err(Failure::TooLarge(_)));
        assert!(decode(format!("1;{}\r\na", "x".repeat(255)).as_bytes(), 100).is_ok());
        assert!(too_large(format!("1;{}\r\na", "x".repeat(256))));
        assert!(too_large(format!("1;{}\r\na\r\n", "x".repeat(127)).repeat(65)));
        assert!(too_large(format!("0\r\na: {}", "x".repeat(8 * 1024))));
        assert!(too_large(format!("0\r\n{}", "a:\r\n".repeat(65))));
        assert!(decode(format!("0\r\n{}\r\n", "a:\r\n".repeat(64)).as_bytes(), 100).is_ok_and(|(_, done, _)| done));
    }

    #[test]
    fn the_largest_size_is_only_a_promise() {
        let (body, done, used) = decode(b"ffffffffffffffff\r\nabc", 7).expect("so far so good");
        assert_eq!((body.as_slice(), done, used), (&b"abc"[..], false, 21));
    }
}
