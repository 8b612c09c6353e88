//! The credential of a request, of which there may be one.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The field of keys beside `Authorization`.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What a head holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credential<'a> {
    /// None.
    None,
    /// `Authorization: Bearer` (RFC 6750, 2.1). Not empty, visible ASCII.
    Bearer(&'a str),
    /// `X-API-Key`. Not empty, visible ASCII.
    ApiKey(&'a str),
}

impl<'a> Credential<'a> {
    /// Finds it.
    ///
    /// # Errors
    /// What to tell the client: two, where another reader might take the other one; or another scheme than `Bearer`.
    pub(super) fn of(headers: &'a HeaderMap) -> Result<Self, &'static str> {
        let (bearer, key) = (only(headers, &header::AUTHORIZATION)?, only(headers, &API_KEY)?);
        match (bearer, key) {
            (None, None) => Ok(Self::None),
            (Some(_), Some(_)) => Err("send one credential: `Authorization` or `X-API-Key`"),
            (Some(value), None) => bearer_token(value).map(Self::Bearer),
            (None, Some(value)) => Ok(Self::ApiKey(value)),
        }
    }
}

/// The one value of a field.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err("send one credential: a field of it is there twice");
    }
    // Searched through in strides: a token is long, and read for each request.
    let ascii = |value: &'a HeaderValue| Some(value.as_bytes()).filter(|bytes| !bytes.is_empty() && bytes.is_ascii());
    let text = |value: &'a HeaderValue| ascii(value).and_then(|bytes| str::from_utf8(bytes).ok());
    first.map(|value| text(value).ok_or("the credential is empty, or no plain text")).transpose()
}

/// The token behind the scheme, which is compared without case (RFC 9110, 11.1).
fn bearer_token(value: &str) -> Result<&str, &'static str> {
    const OTHER: &str = "the scheme of `Authorization` is not Bearer";
    let (scheme, token) = value.split_once(' ').ok_or(OTHER)?;
    let token = token.trim_start_matches(' ');
    match scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !is_several(token) {
        true => Ok(token),
        false => Err(OTHER),
    }
}

fn is_several(token: &str) -> bool {
    memchr::memchr3(b' ', b'\t', b',', token.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&'static str, &'static str)]) -> Result<String, &'static str> {
        let fields =
            fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let headers: HeaderMap = fields.collect();
        Credential::of(&headers).map(|credential| format!("{credential:?}"))
    }

    #[test]
    fn there_is_one_or_none() {
        assert_eq!(of(&[]).unwrap(), "None");
        assert_eq!(of(&[("authorization", "bEARER  a.b.c")]).unwrap(), "Bearer(\"a.b.c\")");
        assert_eq!(of(&[("x-api-key", "weir_x")]).unwrap(), "ApiKey(\"weir_x\")");
        for two in [
            [("authorization", "Bearer a"), ("authorization", "Bearer a")],
            [("authorization", "Bearer a"), ("x-api-key", "a")],
            [("x-api-key", "a"), ("x-api-key", "b")],
        ] {
            of(&two).unwrap_err();
        }
    }

    #[test]
    fn another_scheme_is_none_of_ours() {
        for value in ["Basic YTpi", "Bearer", "Bearer ", "Bearer a b", "Bearer a, Bearer b", "bearer\ta", ""] {
            of(&[("authorization", value)]).unwrap_err();
        }
    }
}
