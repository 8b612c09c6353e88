//! A number as decimal digits, without an allocation and without the machinery of formatting: lengths stand in every
//! head.

use std::ops::Deref;

/// The most digits that a number of 64 bits has.
const MOST: usize = 20;

/// The digits of a number.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    digits: [u8; MOST],
    /// Where they begin.
    at: usize,
}

impl Decimal {
    /// The digits of a number, at least one.
    pub fn of(number: u64) -> Self {
        let (mut digits, mut at, mut rest) = ([b'0'; MOST], MOST, number);
        while rest > 0 {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Self { digits, at: at.min(MOST - 1) }
    }
}

impl Deref for Decimal {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.digits[self.at..]).expect("digits are ASCII")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Decimal;

    proptest! {
        #[test]
        fn digits_are_those_of_the_standard_library(number in prop_oneof![any::<u64>(), 0..1000_u64, Just(u64::MAX)]) {
            prop_assert_eq!(&*Decimal::of(number), number.to_string());
        }
    }
}
