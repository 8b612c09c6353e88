//! What a value would cost to hold, by one pass over its text: before anything is built of it.

use std::fmt;

/// Bytes of a value that is checked.
const MOST_BYTES: usize = 1 << 20;
/// Values in it, itself included; a key counts for three more, which is what it takes to hold one.
const MOST_VALUES: usize = 10_000;
const KEY: usize = 3;
/// Nesting; also what the parser takes.
const MOST_DEPTH: usize = 100;

/// Why a value cannot be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheld {
    /// More bytes than are looked at.
    Bytes,
    /// More values than are looked at.
    Values,
    /// Nested deeper than is looked at, alone or under this schema.
    Depth,
    /// A number that can only be held as another one.
    Number,
    /// No JSON that means one thing.
    Unreadable,
    /// The schema takes more steps for this value than are spent on one.
    Steps,
}

impl fmt::Display for Unheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes => write!(f, "they are longer than the {MOST_BYTES} bytes that are checked"),
            Self::Values => {
                write!(f, "they hold more than the {MOST_VALUES} values that are checked, a key counting for {KEY}")
            }
            Self::Depth => f.write_str("they are nested deeper than is checked"),
            Self::Number => f.write_str("they hold a number beyond 64 bits, which cannot be held exactly"),
            Self::Unreadable => f.write_str("they cannot be read in one way alone"),
            Self::Steps => f.write_str("checking them against the tool's schema takes more steps than are spent"),
        }
    }
}

/// How deep a value is nested, if it can be held. `json` is one value that has passed the strict reader.
pub(super) fn weigh(json: &[u8]) -> Result<usize, Unheld> {
    if json.len() > MOST_BYTES {
        return Err(Unheld::Bytes);
    }
    let (mut values, mut depth, mut deepest, mut at) = (1, 0usize, 0, 0);
    while let Some(&byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => at = behind_string(json, at),
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
                values += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            b':' => values += KEY,
            b'-' | b'0'..=b'9' => {
                let end = behind_number(json, at);
                if !is_held(&json[at - 1..end]) {
                    return Err(Unheld::Number);
                }
                at = end;
            }
            _ => {}
        }
        if values > MOST_VALUES {
            return Err(Unheld::Values);
        }
    }
    if deepest > MOST_DEPTH { Err(Unheld::Depth) } else { Ok(deepest) }
}

fn behind_string(json: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => return at,
            b'\\' => at += 1,
            _ => {}
        }
    }
    at
}

fn behind_number(json: &[u8], at: usize) -> usize {
    let rest = json.get(at..).unwrap_or_default();
    let more = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    at + rest.iter().position(|byte| !more(byte)).unwrap_or(rest.len())
}

/// Whether a number is held as what it is: an integer in 64 bits, another one as the nearest double.
fn is_held(token: &[u8]) -> bool {
    let Ok(token) = std::str::from_utf8(token) else { return false };
    if token.contains(['.', 'e', 'E']) {
        return token.parse::<f64>().is_ok_and(f64::is_finite);
    }
    token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_held_as_they_are_or_not_at_all() {
        for held in ["0", "-1", "9223372036854775807", "-9223372036854775808", "18446744073709551615", "1e308", "0.1"] {
            assert_eq!(weigh(held.as_bytes()), Ok(0), "{held}");
        }
        for beyond in ["18446744073709551616", "-9223372036854775809", "1e400", "-1.5E999", "1000000000000000000000"] {
            assert_eq!(weigh(format!("[1,{beyond}]").as_bytes()), Err(Unheld::Number), "{beyond}");
        }
        assert_eq!(weigh(br#"{"1e400":"1e400 \" 1e400"}"#), Ok(1));
    }

    #[test]
    fn what_is_too_much_is_known_before_it_is_built() {
        let array = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert_eq!(weigh(array(MOST_VALUES - 2).as_bytes()), Ok(1));
        assert_eq!(weigh(array(MOST_VALUES + 1).as_bytes()), Err(Unheld::Values));
        let object = |count: usize| format!("{{{}\"\":0}}", "\"k\":0,".repeat(count - 1));
        assert_eq!(weigh(object(MOST_VALUES / 4 - 1).as_bytes()), Ok(1));
        assert_eq!(weigh(object(MOST_VALUES / 4 + 1).as_bytes()), Err(Unheld::Values));
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(weigh(nested(MOST_DEPTH).as_bytes()), Ok(MOST_DEPTH));
        assert_eq!(weigh(nested(MOST_DEPTH + 1).as_bytes()), Err(Unheld::Depth));
        assert_eq!(weigh(format!("\"{}\"", "x".repeat(MOST_BYTES)).as_bytes()), Err(Unheld::Bytes));
        assert_eq!(weigh(br#"{"a":[{},{"b":[]}],"c":"}{]["}"#), Ok(4));
    }
}
