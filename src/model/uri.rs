//! Whether a URI is written in the one way that policy compares.
//!
//! A server may read several spellings as one resource: `file:///a/../b` as `file:///b`, `%62` as `b`. A pattern compares
//! the text, so where it restricts, only the normal form counts (RFC 3986, 6.2.2); every other spelling is covered by
//! nothing.

/// Schemes whose host is a name of the net, in which case does not count.
const NAMED_HOSTS: [&str; 5] = ["http", "https", "ws", "wss", "file"];

/// Whether a URI is in normal form: the scheme in lower case, and the host where it is a name of the net; no escape of a
/// character that needs none, no dot segment, no backslash and no escaped slash (which some readers take for one), no
/// control character and no space.
pub fn is_normal(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    if !scheme.starts_with(|first: char| first.is_ascii_lowercase()) || !scheme.bytes().all(plain) {
        return false;
    }
    if rest.bytes().any(|byte| byte <= b' ' || byte == b'\\' || byte == 0x7F) {
        return false;
    }
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (hierarchy, further) = rest.split_at(end);
    if !are_needed(hierarchy.as_bytes(), b"/\\\0") || !are_needed(further.as_bytes(), b"\0") {
        return false;
    }
    let host = hierarchy.strip_prefix("//").map_or("", |rest| rest.split('/').next().unwrap_or(rest));
    if NAMED_HOSTS.contains(&scheme) && host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return false;
    }
    !hierarchy.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// Whether every escape is one, in upper case, of a byte that is neither unreserved (RFC 3986, 2.3) nor one of `never`.
fn are_needed(text: &[u8], never: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let [high, low, further @ ..] = rest.get(at + 1..).unwrap_or_default() else { return false };
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return false };
        let byte = high << 4 | low;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || never.contains(&byte) {
            return false;
        }
        rest = further;
    }
    true
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_resource_has_one_spelling() {
        for normal in [
            "demo://notes",
            "file:///a/b.c/..d/e",
            "https://example.com:80/A?x=../y#./z",
            "urn:isbn:123",
            "note:Ä/%20b",
            "a+b-c.d:x",
            "x://u@h/%C3%9F",
            "ui://widget/a.html",
            "users://Ada/profile?path=a%2Fb",
        ] {
            assert!(is_normal(normal), "{normal}");
        }
        for other in [
            "",
            "notes",
            "/etc/passwd",
            "File:///a",
            "1a:x",
            "file:///a/../b",
            "file:///a/./b",
            "file:///..",
            "file:///a/%2e%2e/b",
            "file:///a/%2E%2E/b",
            "file:///%61",
            "file:///a%2Fb",
            "file:///a%5Cb",
            "file:///a%c3",
            "file:///a%",
            "file:///a%4",
            "file:///a%zz",
            "file:///a%00",
            "file:///a\\..\\b",
            "file:///a b",
            "file:///a\u{0}",
            "http://Example.com/",
            "notes://../x",
        ] {
            assert!(!is_normal(other), "{other}");
        }
    }
}
