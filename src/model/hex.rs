//! A number as hexadecimal digits, without an allocation: ids stand in every line and head.

use std::ops::Deref;

/// `DIGITS` lower-case digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex<const DIGITS: usize>([u8; DIGITS]);

impl<const DIGITS: usize> Hex<DIGITS> {
    /// The last digits of a number.
    pub fn of(number: u128) -> Self {
        let mut digits = [b'0'; DIGITS];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit = b"0123456789abcdef"[(rest & 15) as usize];
            rest >>= 4;
        }
        Self(digits)
    }
}

impl<const DIGITS: usize> Deref for Hex<DIGITS> {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are ASCII")
    }
}
