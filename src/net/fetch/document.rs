//! What was answered: its text, and for how long it may be kept.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header};

use crate::protocol::media;

use super::fault::Why;

/// Largest document, in bytes.
pub const MOST_BYTES: usize = 64 * 1024;

/// A document as it was answered.
#[derive(Clone, Debug)]
pub struct Document {
    /// 200; of a form also what refuses it, 400 to 499.
    pub status: StatusCode,
    /// JSON, as its answer says; of what refuses a form perhaps something else.
    pub body: Bytes,
    /// For how long it may be kept (RFC 9111, 5.2.2.1); zero where it may not, `None` where nothing is said.
    pub max_age: Option<Duration>,
}

/// Checks that a body is JSON as it says, and is sent as it is.
pub(super) fn check_media(headers: &HeaderMap) -> Result<(), Why> {
    if let Some(coding) = text(headers, &header::CONTENT_ENCODING).filter(|coding| !coding.is_empty()) {
        return Err(Why::Media(format!("coded as {coding:?}")));
    }
    let value = text(headers, &header::CONTENT_TYPE).unwrap_or_default();
    let essence = media::essence(value).to_ascii_lowercase();
    let is_json = essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json");
    match is_json && media::is_utf8(value) {
        true => Ok(()),
        false => Err(Why::Media(format!("of the type {value:?}"))),
    }
}

/// For how long an answer says that it may be kept.
pub(super) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = || headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = || values().flat_map(|value| value.split(',')).map(str::trim);
    let is =
        |directive: &str, name: &str| directive.split('=').next().is_some_and(|one| one.eq_ignore_ascii_case(name));
    if directives().any(|directive| is(directive, "no-store") || is(directive, "no-cache")) {
        return Some(Duration::ZERO);
    }
    let said = directives().find(|directive| is(directive, "max-age"))?;
    let seconds = said.split_once('=')?.1.trim().trim_matches('"').parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        fields.collect()
    }

    #[test]
    fn how_long_it_may_be_kept_is_read() {
        for (value, age) in [
            ("max-age=300", Some(300)),
            ("public, Max-Age=\"60\", must-revalidate", Some(60)),
            ("max-age=60, no-store", Some(0)),
            ("no-cache", Some(0)),
            ("s-maxage=5", None),
            ("max-age", None),
            ("max-age=-1", None),
            ("max-age=many", None),
            ("", None),
        ] {
            let age: Option<u64> = age;
            assert_eq!(max_age(&headers(&[("cache-control", value)])), age.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn json_is_taken_and_nothing_else() {
        for value in
            ["application/json", "application/json; charset=utf-8", "application/jwk-set+json", "APPLICATION/JSON"]
        {
            assert!(check_media(&headers(&[("content-type", value)])).is_ok(), "{value}");
        }
        for value in ["text/html", "text/json+json", "application/jsonp", "application/json; charset=utf-16", ""] {
            assert!(check_media(&headers(&[("content-type", value)])).is_err(), "{value}");
        }
        assert!(check_media(&headers(&[])).is_err());
        let coded = headers(&[("content-type", "application/json"), ("content-encoding", "gzip")]);
        assert!(check_media(&coded).is_err());
    }
}
