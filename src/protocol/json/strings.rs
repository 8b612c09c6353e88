//! Strings: the strict check of one, the fast skip of one, and its contents unescaped.

use super::fault::{Fault, FaultReason};

/// The end of a string that was read.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    /// Offset behind the closing quote.
    pub(super) end: usize,
    /// Whether there was a backslash.
    pub(super) escaped: bool,
}

/// Checks the string whose opening quote is at `open`; U+0000 is a fault in a key.
///
/// UTF-8 is not looked at here: the whole text has been checked before. Inlined, as most strings end at the first byte
/// that is not plain, and their end is what the next token waits for.
#[inline(always)]
pub(super) fn check(bytes: &[u8], open: usize, is_key: bool) -> Result<Ending, Fault> {
    let at = plain(bytes, open + 1);
    match bytes.get(at) {
        Some(b'"') => Ok(Ending { end: at + 1, escaped: false }),
        _ => check_special(bytes, at, is_key),
    }
}

/// Goes on at a byte that is not plain.
#[inline(never)]
fn check_special(bytes: &[u8], at: usize, is_key: bool) -> Result<Ending, Fault> {
    let mut at = at;
    let mut escaped = false;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(Ending { end: at + 1, escaped }),
            Some(b'\\') => {
                escaped = true;
                at = plain(bytes, escape(bytes, at, is_key)?);
            }
            Some(_) => return Err(Fault::new(FaultReason::ControlCharacter, at)),
            None => return Err(Fault::new(FaultReason::Truncated, at)),
        }
    }
}

/// Offset behind the string whose opening quote is at `open`, in checked bytes; `None` where it does not end. Each escape
/// is told.
#[inline]
pub(super) fn skip(bytes: &[u8], open: usize, mut escape: impl FnMut()) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at = plain(bytes, at);
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => {
                escape();
                at += 2;
            }
            _ => at += 1,
        }
    }
}

/// Offset of the next quote, backslash or control character at or behind `at`; the length where there is none.
#[inline]
pub(super) fn plain(bytes: &[u8], mut at: usize) -> usize {
    let long = at + LONG;
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let hits = special(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
        if at == long {
            at = blocks(bytes, at);
        }
    }
    while let Some(&byte) = bytes.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
}

/// Past so many plain bytes a string is taken for a long one: most end before, and would only pay for the block.
const LONG: usize = 64;
/// Bytes of a block: the compiler takes its loops in the widest registers that there are.
const BLOCK: usize = 128;

/// Behind the blocks at or behind `at` that are plain throughout.
#[inline(never)]
fn blocks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        let (mut control_or_quote, mut backslash) = (u8::MAX, u8::MAX);
        for &byte in block {
            // As in `special`: with its second bit turned the quote is 0x20, just above the control characters.
            control_or_quote = control_or_quote.min(byte ^ 0x02);
            backslash = backslash.min(byte ^ b'\\');
        }
        if control_or_quote <= 0x20 || backslash == 0 {
            break;
        }
        at += BLOCK;
    }
    at
}

/// Eight bytes at once: the lowest set bit is in the first byte that is special (later ones may be wrong, by a borrow).
#[inline]
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // With its second bit turned the quote is 0x20, just above the control characters, which stay among themselves.
    let control_or_quote = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    // A byte of ASCII that was below what is taken from it has its high bit now.
    (control_or_quote | backslash) & !word & HIGH
}

/// Checks the escape whose backslash is at `at`; returns the offset behind it, and behind both halves of a pair.
fn escape(bytes: &[u8], at: usize, is_key: bool) -> Result<usize, Fault> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match hex(bytes, at + 2)? {
            0 if is_key => Err(Fault::new(FaultReason::NulInKey, at)),
            0xD800..=0xDBFF => match bytes.get(at + 6..at + 8) {
                Some(b"\\u") if matches!(hex(bytes, at + 8)?, 0xDC00..=0xDFFF) => Ok(at + 12),
                _ => Err(Fault::new(FaultReason::LoneSurrogate, at)),
            },
            0xDC00..=0xDFFF => Err(Fault::new(FaultReason::LoneSurrogate, at)),
            _ => Ok(at + 6),
        },
        Some(_) => Err(Fault::new(FaultReason::Escape, at)),
        None => Err(Fault::new(FaultReason::Truncated, at + 1)),
    }
}

/// The four hexadecimal digits at `at`.
fn hex(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let Some(digits) = bytes.get(at..at + 4) else {
        return Err(Fault::new(FaultReason::Truncated, bytes.len()));
    };
    let mut unit = 0;
    for (index, &digit) in digits.iter().enumerate() {
        let value = (digit as char).to_digit(16).ok_or(Fault::new(FaultReason::Escape, at + index))?;
        unit = unit << 4 | value;
    }
    Ok(unit)
}

/// The bytes of a string's contents (what is between its quotes), unescaped.
pub(super) fn unescape(inner: &[u8]) -> Unescape<'_> {
    Unescape { rest: inner, character: [0; 4], left: 0, len: 0 }
}

/// See [`unescape`]. What is no escape is given as it stands, so that it ends on any bytes.
pub(super) struct Unescape<'a> {
    rest: &'a [u8],
    /// The character that an escape stood for, of which the last `left` bytes up to `len` are still to be given.
    character: [u8; 4],
    left: u8,
    len: u8,
}

impl Iterator for Unescape<'_> {
    type Item = u8;

    #[inline]
    fn next(&mut self) -> Option<u8> {
        if self.left > 0 {
            let byte = self.character.get(usize::from(self.len - self.left)).copied();
            self.left -= 1;
            return byte;
        }
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        if byte != b'\\' {
            return Some(byte);
        }
        self.escaped()
    }
}

impl Unescape<'_> {
    /// Takes what is behind a backslash and gives its first byte.
    fn escaped(&mut self) -> Option<u8> {
        let (&letter, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match letter {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unit(),
            other => other,
        })
    }

    /// Takes the digits behind `\u`, and the other half of a pair.
    fn unit(&mut self) -> Option<u8> {
        let high = hex(self.rest, 0).ok()?;
        self.rest = self.rest.get(4..)?;
        let mut code = high;
        if matches!(high, 0xD800..=0xDBFF) && self.rest.starts_with(b"\\u") {
            let low = hex(self.rest, 2).ok()?;
            self.rest = self.rest.get(6..)?;
            code = 0x10000 + ((high - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3FF);
        }
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.len = character.encode_utf8(&mut self.character).len() as u8;
        self.left = self.len;
        self.next()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::plain;

    fn naive(bytes: &[u8], at: usize) -> usize {
        let special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
        bytes[at..].iter().position(special).map_or(bytes.len(), |place| at + place)
    }

    #[test]
    fn each_byte_is_judged_alike_at_each_place_beside_each_neighbour() {
        for byte in 0..=u8::MAX {
            for around in [b'a', b' ', b'!', b'#', b'[', b']', 0x7F, 0x80, 0xA2, 0xDC, 0xFF, b'"', b'\\', 0, 0x1F] {
                for place in 0..11 {
                    let mut bytes = [around; 11];
                    bytes[place] = byte;
                    for at in 0..=bytes.len() {
                        assert_eq!(plain(&bytes, at), naive(&bytes, at), "{byte} at {place} among {around}, from {at}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_byte_is_found_in_a_long_text(byte: u8, around in 0x20..=u8::MAX, length in 1_usize..700, place: prop::sample::Index) {
            let mut bytes = vec![around; length];
            bytes[place.index(length)] = byte;
            for at in [0, length / 3, length] {
                prop_assert_eq!(plain(&bytes, at), naive(&bytes, at));
            }
        }

        #[test]
        fn any_bytes_are_judged_like_one_by_one(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for at in 0..=bytes.len() {
                prop_assert_eq!(plain(&bytes, at), naive(&bytes, at));
            }
        }
    }
}
