//! Numbers: their grammar (RFC 8259, section 6), never their range.

use super::fault::{Fault, FaultReason};

/// Checks the number that begins at `start` (a minus sign or a digit) and returns the offset behind it.
#[inline]
pub(super) fn check(bytes: &[u8], start: usize) -> Result<usize, Fault> {
    let mut at = start;
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at) {
        Some(b'0') => at + 1,
        _ => digits(bytes, at)?,
    };
    match bytes.get(at) {
        // A digit here follows a leading zero.
        Some(b'0'..=b'9') => return Err(Fault::new(FaultReason::Number, at)),
        Some(b'.') => at = digits(bytes, at + 1)?,
        _ => {}
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = digits(bytes, at)?;
    }
    Ok(at)
}

/// Skips one or more digits.
#[inline]
fn digits(bytes: &[u8], start: usize) -> Result<usize, Fault> {
    let mut at = start;
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    match at == start {
        true if at >= bytes.len() => Err(Fault::new(FaultReason::Truncated, at)),
        true => Err(Fault::new(FaultReason::Number, at)),
        false => Ok(at),
    }
}

/// A place in a number that is read byte by byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Sign,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Part {
    /// The place behind the first byte of a number: a minus sign or a digit.
    pub(super) fn begin(byte: u8) -> Part {
        match byte {
            b'-' => Part::Sign,
            b'0' => Part::Zero,
            _ => Part::Whole,
        }
    }

    /// The place behind one more byte; `None` if the number does not go on with it.
    #[inline]
    pub(super) fn after(self, byte: u8) -> Option<Part> {
        Some(match (self, byte) {
            (Part::Sign, b'0') => Part::Zero,
            (Part::Sign | Part::Whole, b'0'..=b'9') => Part::Whole,
            (Part::Zero | Part::Whole, b'.') => Part::Point,
            (Part::Point | Part::Fraction, b'0'..=b'9') => Part::Fraction,
            (Part::Zero | Part::Whole | Part::Fraction, b'e' | b'E') => Part::Exponent,
            (Part::Exponent, b'+' | b'-') => Part::ExponentSign,
            (Part::Exponent | Part::ExponentSign | Part::ExponentDigits, b'0'..=b'9') => Part::ExponentDigits,
            _ => return None,
        })
    }

    /// Whether the number may end here.
    pub(super) fn may_end(self) -> bool {
        matches!(self, Part::Zero | Part::Whole | Part::Fraction | Part::ExponentDigits)
    }
}
