//! A number as hexadecimal digits, without an allocation: ids stand in every line and head.

use std::ops::Deref;

/// `DIGITS` lower-case digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex<const DIGITS: usize>([u8; DIGITS]);

/// The two digits of each byte.
static PAIRS: [[u8; 2]; 256] = {
    let digits = *b"0123456789abcdef";
    let mut pairs = [[b'0'; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
};

impl<const DIGITS: usize> Hex<DIGITS> {
    /// The last digits of a number.
    pub fn of(number: u128) -> Self {
        let mut digits = [b'0'; DIGITS];
        for (pair, byte) in digits.rchunks_mut(2).zip(number.to_le_bytes()) {
            let [high, low] = PAIRS[usize::from(byte)];
            match pair {
                [first, second] => (*first, *second) = (high, low),
                [only] => *only = low,
                _ => {}
            }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Hex;

    proptest! {
        #[test]
        fn digits_are_those_of_the_standard_library(number in any::<u128>()) {
            let all = format!("{number:032x}");
            prop_assert_eq!(&*Hex::<32>::of(number), &all);
            prop_assert_eq!(&*Hex::<16>::of(number), &all[16..]);
            prop_assert_eq!(&*Hex::<5>::of(number), &all[27..]);
            prop_assert_eq!(&*Hex::<34>::of(number), format!("00{all}"));
        }
    }
}
