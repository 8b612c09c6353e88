//! The target of a request: its forms, and what is kept of it to compare.

use http::Uri;

use super::{bytes, refused::Fault};

/// A request's target as a number: hyper's reading of it must give the same one.
///
/// A hash without a key is enough: both sides hash the same few bytes of one client, and a client gains
/// nothing from a collision with himself unless hyper misreads what is plain by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target(u64);

/// A target in the form that a server may be asked with (RFC 9112, 3.2).
#[derive(Debug, Clone, Copy)]
pub(super) struct Form<'a> {
    /// Of an absolute target; it must be the `Host`.
    pub(super) authority: &'a [u8],
    pub(super) target: Target,
}

/// Takes a target apart. `*` is for OPTIONS alone; the authority form belongs to CONNECT, which we do not serve.
pub(super) fn parse<'a>(method: &[u8], raw: &'a [u8]) -> Result<Form<'a>, Fault> {
    match raw {
        [b'/', ..] => Ok(Form { authority: b"", target: Target::new(b"", b"", path_and_query(raw)?) }),
        b"*" if method == b"OPTIONS" => Ok(Form { authority: b"", target: Target::new(b"", b"", raw) }),
        _ => absolute(raw),
    }
}

impl Target {
    /// The same, of what hyper has read.
    pub(super) fn of(uri: &Uri) -> Self {
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        Self::new(scheme.as_bytes(), authority.as_bytes(), path.as_bytes())
    }

    fn new(scheme: &[u8], authority: &[u8], path: &[u8]) -> Self {
        let hash = fold(0, path);
        Self(if scheme.is_empty() { hash } else { fold(fold(hash, authority), scheme) })
    }
}

fn absolute(raw: &[u8]) -> Result<Form<'_>, Fault> {
    const OTHER: Fault = Fault::bad("a target that is neither a path nor an http URL");
    let colon = raw.iter().position(|byte| *byte == b':').ok_or(OTHER)?;
    let scheme: &[u8] = match &raw[..colon] {
        scheme if scheme.eq_ignore_ascii_case(b"http") => b"http",
        scheme if scheme.eq_ignore_ascii_case(b"https") => b"https",
        _ => return Err(OTHER),
    };
    let rest = raw[colon + 1..].strip_prefix(b"//").ok_or(OTHER)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() {
        return Err(OTHER);
    }
    let path = match path_and_query(path)? {
        b"" => b"/",
        path => path,
    };
    Ok(Form { authority, target: Target::new(scheme, authority, path) })
}

/// What of a target is asked for: without a fragment, which a client should have kept to itself and hyper drops.
fn path_and_query(raw: &[u8]) -> Result<&[u8], Fault> {
    const INVALID: Fault = Fault::bad("a byte in the target that has no place there");
    let all = |part: &[u8], class| part.iter().all(|byte| bytes::is(*byte, class));
    let path_end = raw.iter().position(|byte| !bytes::is(*byte, bytes::PATH)).unwrap_or(raw.len());
    let rest = &raw[path_end..];
    let query_end = rest.iter().position(|byte| *byte == b'#').unwrap_or(rest.len());
    let (query, fragment) = rest.split_at(query_end);
    let sound = matches!(query, [] | [b'?', ..])
        && all(query, bytes::QUERY)
        && fragment.iter().all(|byte| !byte.is_ascii_control() && *byte != b' ');
    if !sound || (!raw.is_ascii() && !is_text(raw)) {
        return Err(INVALID);
    }
    Ok(&raw[..path_end + query_end])
}

/// UTF-8 without the control characters that only appear once it is decoded (U+0080 to U+009F).
fn is_text(raw: &[u8]) -> bool {
    str::from_utf8(raw).is_ok_and(|text| !text.contains(char::is_control))
}

/// Folds bytes into a hash, eight at a time.
fn fold(hash: u64, bytes: &[u8]) -> u64 {
    let mix = |hash: u64, word: [u8; 8]| {
        (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let hash = words.iter().fold(hash, |hash, word| mix(hash, *word));
    mix(mix(hash, last), (bytes.len() as u64).to_le_bytes())
}
