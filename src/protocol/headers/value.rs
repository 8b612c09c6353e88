//! One header's value: found once, trimmed, of allowed characters, and decoded where it may be encoded.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName};

use super::Mismatch;

const SENTINEL_START: &str = "=?base64?";
const SENTINEL_END: &str = "?=";

/// The only value of `name`, without white space around it. `called` is its name in messages.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName, called: &str) -> Result<Option<&'a str>, Mismatch> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Mismatch::repeated(called));
    }
    // Exactly the visible ASCII characters, space and tab (RFC 9110, 5.5, without obs-text).
    let text = value.to_str().map_err(|_| Mismatch::characters(called))?;
    // Who has read the head has taken the white space away already, where it came as HTTP/1.1.
    let is_padded = [text.as_bytes().first(), text.as_bytes().last()].into_iter().flatten().any(|byte| *byte <= b' ');
    Ok(Some(if is_padded { text.trim_matches([' ', '\t']) } else { text }))
}

/// What a value of `Mcp-Name` or `Mcp-Param-*` stands for (2026-07-28, "Value Encoding").
///
/// It is Base64 of UTF-8 if both marks are there, in canonical form; a literal else. Where the two marks share a
/// character the SDKs disagree on which of the two it is, so that is refused.
pub(super) fn decoded<'a>(value: &'a str, called: &str) -> Result<Cow<'a, str>, Mismatch> {
    if !(value.starts_with(SENTINEL_START) && value.ends_with(SENTINEL_END)) {
        return Ok(Cow::Borrowed(value));
    }
    let payload = value.strip_prefix(SENTINEL_START).and_then(|rest| rest.strip_suffix(SENTINEL_END));
    let bytes = payload.and_then(|payload| BASE64_STANDARD.decode(payload).ok());
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Cow::Owned).ok_or_else(|| Mismatch::base64(called))
}

/// `text` as a value that [`decoded`] reads back: as it is where it can stand so.
pub fn encoded(text: &str) -> Cow<'_, str> {
    let stands = text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.trim_matches(' ') == text;
    match stands && !text.starts_with(SENTINEL_START) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("{SENTINEL_START}{}{SENTINEL_END}", BASE64_STANDARD.encode(text))),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const NAME: HeaderName = HeaderName::from_static("mcp-name");

    fn map(values: &[&[u8]]) -> HeaderMap {
        values.iter().map(|value| (NAME, HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn a_value_stands_alone_and_is_trimmed() {
        assert_eq!(only(&map(&[]), &NAME, "Mcp-Name"), Ok(None));
        assert_eq!(only(&map(&[b" \tfoo bar\t"]), &NAME, "Mcp-Name"), Ok(Some("foo bar")));
        assert_eq!(only(&map(&[b"a", b"a"]), &NAME, "Mcp-Name"), Err(Mismatch::repeated("Mcp-Name")));
        assert_eq!(only(&map(&["é".as_bytes()]), &NAME, "Mcp-Name"), Err(Mismatch::characters("Mcp-Name")));
    }

    #[test]
    fn the_examples_of_the_specification_decode() {
        let cases = [
            ("us-west1", "us-west1"),
            ("=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, 世界"),
            ("=?base64?IHBhZGRlZCA=?=", " padded "),
            ("=?base64?bGluZTEKbGluZTI=?=", "line1\nline2"),
            ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="),
            ("=?base64??=", ""),
            ("", ""),
            // Without one of its marks, or in capitals, it is a literal.
            ("=?base64?SGVsbG8=", "=?base64?SGVsbG8="),
            ("SGVsbG8=?=", "SGVsbG8=?="),
            ("=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?="),
        ];
        for (value, text) in cases {
            assert_eq!(decoded(value, "Mcp-Name").as_deref(), Ok(text), "{value}");
        }
    }

    #[test]
    fn what_is_encoded_decodes() {
        for text in ["task-1", " padded ", "Gr\u{fc}n", "=?base64?x?=", "a\nb", "", "a b"] {
            assert_eq!(decoded(&encoded(text), "Mcp-Name").as_deref(), Ok(text));
            assert!(http::HeaderValue::from_str(&encoded(text)).is_ok());
        }
        assert_eq!(encoded("task-1"), "task-1");
    }

    #[test]
    fn base64_is_canonical_utf8_or_nothing() {
        for value in [
            "=?base64?SGVsbG8?=",     // padding is missing
            "=?base64?SGVsbG8==?=",   // too much of it
            "=?base64?SGVs!!!bG8=?=", // not of the alphabet
            "=?base64?SGVs bG8=?=",
            "=?base64?SGVsbG9=?=", // trailing bits that are not zero
            "=?base64?_-8=?=",     // the other alphabet
            "=?base64?/w==?=",     // no UTF-8
            "=?base64?=",          // the marks share a character
        ] {
            assert_eq!(decoded(value, "Mcp-Name"), Err(Mismatch::base64("Mcp-Name")), "{value}");
        }
    }
}
