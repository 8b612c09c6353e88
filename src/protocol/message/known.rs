//! Keys that look like known ones.
//!
//! A parser that ignores case (Go's, for one) takes `Method` for `method`. So where a key decides anything, one that
//! only differs from it in case or Unicode folding is refused. Besides ASCII, only U+017F (ſ) and U+212A (K, the
//! Kelvin sign) fold to ASCII letters.

/// The members of a message.
const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// The members of `params` that a decision may rest on.
const PARAMS: [&str; 17] = [
    "name",
    "arguments",
    "uri",
    "cursor",
    "_meta",
    "taskId",
    "requestState",
    "inputResponses",
    "protocolVersion",
    "capabilities",
    "clientInfo",
    "ref",
    "argument",
    "level",
    "notifications",
    "requestId",
    "progressToken",
];

/// Whether an unescaped key of a message is no known one but folds to one.
#[inline]
pub(super) fn shadows_envelope(key: &[u8]) -> bool {
    shadows(key, &ENVELOPE)
}

/// Whether an unescaped key of `params` is no known one but folds to one.
#[inline]
pub(super) fn shadows_params(key: &[u8]) -> bool {
    shadows(key, &PARAMS)
}

/// Whether an unescaped key is not `name`, which has at most 21 letters, but folds to it.
pub fn is_lookalike(key: &[u8], name: &str) -> bool {
    shadows(key, &[name])
}

/// Whether an unescaped key is none of `known`, which have at most 21 letters, but folds to one.
pub(super) fn shadows(key: &[u8], known: &[&str]) -> bool {
    let mut room = [0; LONGEST];
    let Some(folded) = fold(key, &mut room) else {
        return false;
    };
    known.iter().any(|name| name.as_bytes() != key && name.as_bytes().eq_ignore_ascii_case(folded))
        && !known.iter().any(|name| name.as_bytes() == key)
}

/// The length of the longest known key: `resourceSubscriptions`.
const LONGEST: usize = 21;

/// The key folded to ASCII; `None` if it has other characters or is longer than any known one.
fn fold<'a>(key: &[u8], room: &'a mut [u8; LONGEST]) -> Option<&'a [u8]> {
    let mut rest = key;
    let mut len = 0;
    while !rest.is_empty() {
        let (folded, taken) = match rest {
            [0xC5, 0xBF, ..] => (b's', 2),
            [0xE2, 0x84, 0xAA, ..] => (b'k', 3),
            [ascii @ 0..0x80, ..] => (*ascii, 1),
            _ => return None,
        };
        *room.get_mut(len)? = folded;
        len += 1;
        rest = rest.get(taken..)?;
    }
    room.get(..len)
}

#[cfg(test)]
mod tests {
    use super::{ENVELOPE, LONGEST, PARAMS, shadows_envelope, shadows_params};

    #[test]
    fn known_keys_and_foreign_ones_shadow_nothing() {
        for key in ENVELOPE {
            assert!(!shadows_envelope(key.as_bytes()), "{key}");
        }
        for key in PARAMS.iter().chain(&["", "names", "nam", "_meta2", "protocolVersions", "título", "ref\u{308}"]) {
            assert!(!shadows_params(key.as_bytes()), "{key}");
        }
        assert!(ENVELOPE.iter().chain(&PARAMS).all(|key| key.len() <= LONGEST));
    }

    #[test]
    fn every_fold_of_a_known_key_shadows_it() {
        for key in PARAMS {
            assert!(shadows_params(key.to_uppercase().as_bytes()), "{key}");
        }
        for key in
            ["Method", "mEthod", "JSONRPC", "j\u{17f}onrpc", "Id", "ID", "param\u{17f}", "PARAM\u{17f}", "re\u{17f}ult"]
        {
            assert!(shadows_envelope(key.as_bytes()), "{key}");
        }
        for key in
            ["ta\u{17f}kId", "tas\u{212a}id", "ta\u{17f}\u{212a}Id", "progressTo\u{212a}en", "taskid", "Re\u{66}"]
        {
            assert!(shadows_params(key.as_bytes()), "{key}");
        }
    }
}
