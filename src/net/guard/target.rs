//! The target of a request: its forms, and the bytes that may stand in it.

use super::{classes, refused::Fault};

pub(super) const INVALID: Fault = Fault::bad("a byte in the target that has no place there");

/// Refuses a target that is in no form that a server may be asked with (RFC 9112, 3.2). `*` is for OPTIONS alone; the
/// authority form belongs to CONNECT, which we do not serve.
pub(super) fn check(method: &[u8], raw: &[u8]) -> Result<(), Fault> {
    match raw {
        [b'/', ..] => path_and_query(raw),
        b"*" if method == b"OPTIONS" => Ok(()),
        _ => absolute(raw),
    }
}

fn absolute(raw: &[u8]) -> Result<(), Fault> {
    const OTHER: Fault = Fault::bad("a target that is neither a path nor an http URL");
    let colon = raw.iter().position(|byte| *byte == b':').ok_or(OTHER)?;
    let scheme = &raw[..colon];
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(OTHER);
    }
    let rest = raw[colon + 1..].strip_prefix(b"//").ok_or(OTHER)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() {
        return Err(OTHER);
    }
    path_and_query(path)
}

/// A fragment, which a client should have kept to itself, is dropped by `http::Uri`.
fn path_and_query(raw: &[u8]) -> Result<(), Fault> {
    let all = |part: &[u8], class| part.iter().all(|byte| classes::is(*byte, class));
    let path_end = raw.iter().position(|byte| !classes::is(*byte, classes::PATH)).unwrap_or(raw.len());
    let rest = &raw[path_end..];
    let query_end = rest.iter().position(|byte| *byte == b'#').unwrap_or(rest.len());
    let (query, fragment) = rest.split_at(query_end);
    let sound = matches!(query, [] | [b'?', ..])
        && all(query, classes::QUERY)
        && fragment.iter().all(|byte| !byte.is_ascii_control() && *byte != b' ');
    if !sound || (!raw.is_ascii() && !is_text(raw)) {
        return Err(INVALID);
    }
    Ok(())
}

/// UTF-8 without the control characters that only appear once it is decoded (U+0080 to U+009F).
fn is_text(raw: &[u8]) -> bool {
    str::from_utf8(raw).is_ok_and(|text| !text.contains(char::is_control))
}
