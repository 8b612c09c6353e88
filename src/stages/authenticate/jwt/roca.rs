//! RSA moduli of the generator of CVE-2017-15361 ("ROCA"): they can be factored, and they show it.
//!
//! Its primes are 65537 to some power, modulo the product of the first primes. So is their product then, which of other
//! moduli is true by chance about once in 2^28.

/// Primes modulo which 65537 does not generate everything, so that there is something to see.
const PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// Whether the modulus, big-endian, is one of those.
pub(super) fn is_suspect(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest << 8 | u32::from(*byte)) % prime);
        is_power(rest, *prime)
    })
}

/// Whether `number` is 65537 to some power, modulo `prime`.
fn is_power(number: u32, prime: u32) -> bool {
    let generator = 65537 % prime;
    let mut power = 1;
    for _ in 0..prime {
        if power == number {
            return true;
        }
        power = power * generator % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_prime_tells_something() {
        for prime in PRIMES {
            let powers = (1..prime).filter(|number| is_power(*number, prime)).count();
            assert!(powers < prime as usize - 1, "{prime}");
        }
    }

    #[test]
    fn powers_are_seen_and_others_are_not() {
        assert!(is_suspect(&[1]));
        assert!(is_suspect(&65537_u32.to_be_bytes()));
        assert!(!is_suspect(&[0xff; 256]));
    }
}
