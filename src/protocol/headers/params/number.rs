//! Numbers as they are written, compared exactly: 42 is 42.0 and 4.2e1, and 2^53 is not 2^53 + 1.

use std::cmp::Ordering;

/// The largest integer that JavaScript counts to: 2^53 - 1.
const SAFE: u64 = (1 << 53) - 1;

/// Whether two JSON numbers have the same value.
pub(super) fn same(one: &str, other: &str) -> bool {
    match (Decimal::parse(one), Decimal::parse(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Whether this is an integer outside +-(2^53 - 1), which the specification keeps out of headers: the TypeScript SDK
/// sends none then, as it has lost the value.
pub(super) fn is_unsafe_integer(text: &str) -> bool {
    Decimal::parse(text).is_some_and(|number| number.is_integer() && number.magnitude() == Ordering::Greater)
}

/// A decimal number in one form: no zeros at either end of its digits, zero without digits, sign and exponent.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Decimal {
    /// By the grammar of RFC 8259, section 6; `None` also for an exponent that nobody can mean (beyond 64 bits).
    fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !numeric(whole) || (whole.len() > 1 && whole.starts_with('0')) || !fraction.is_none_or(numeric) {
            return None;
        }
        let fraction = fraction.unwrap_or_default();
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).skip_while(|&byte| byte == b'0').collect();
        let kept = digits.iter().rposition(|&byte| byte != b'0').map_or(0, |last| last + 1);
        if kept == 0 {
            return Some(Self { negative: false, digits: Vec::new(), exponent: 0 });
        }
        let dropped = i64::try_from(digits.len() - kept).ok()?;
        digits.truncate(kept);
        let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(dropped)?;
        Some(Self { negative, digits, exponent })
    }

    fn is_integer(&self) -> bool {
        self.exponent >= 0
    }

    /// How the size of an integer compares with [`SAFE`].
    fn magnitude(&self) -> Ordering {
        let zeros = usize::try_from(self.exponent).unwrap_or(usize::MAX);
        // SAFE has 16 digits.
        if self.digits.len().saturating_add(zeros) > 16 {
            return Ordering::Greater;
        }
        let digits = self.digits.iter().copied().chain(std::iter::repeat_n(b'0', zeros));
        digits.fold(0, |value: u64, digit| value * 10 + u64::from(digit - b'0')).cmp(&SAFE)
    }
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_however_written() {
        for (one, other) in
            [("42", "42.0"), ("42", "4.2e1"), ("42", "420E-1"), ("0", "-0.00e7"), ("1e3", "1000"), ("-7", "-7.000")]
        {
            assert!(same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn different_however_close() {
        for (one, other) in [
            ("9007199254740992", "9007199254740993"),
            ("42", "-42"),
            ("42", "42.0000000000000000000000001"),
            ("1e400", "1e401"),
            // Not numbers of the grammar.
            ("42", "042"),
            ("42", "+42"),
            ("42", "42."),
            ("42", "0x2A"),
            ("42", "42e"),
            ("42", " 42"),
            ("42", ""),
            ("0.5", ".5"),
            ("1e99999999999999999999", "1e99999999999999999999"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn unsafe_begins_behind_two_to_the_53rd_less_one() {
        for text in
            ["9007199254740991", "-9007199254740991", "9.007199254740991e15", "0.5", "1e-9", "1e15", "0e99", "1.5"]
        {
            assert!(!is_unsafe_integer(text), "{text}");
        }
        for text in ["9007199254740992", "-9007199254740992", "1e16", "1e21", "1e308", "12345678901234567890"] {
            assert!(is_unsafe_integer(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn integers_compare_as_integers(one in any::<i128>(), other in -3i128..3, zeros in 0usize..30) {
            let near = one.saturating_add(other);
            let written = format!("{near}.{}", "0".repeat(zeros + 1));
            prop_assert_eq!(same(&one.to_string(), &written), one == near);
        }
    }
}
