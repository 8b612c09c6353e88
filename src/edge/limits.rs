//! The fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11).

use std::fmt::Display;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::model::{Limited, Policy, ServiceLimit};
use crate::pipeline::Finish;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Tells a client how it stands with the limits that counted its request.
pub(super) fn tell_of(finish: &Finish, headers: &mut HeaderMap) {
    if let Some(limited) = finish.standing() {
        tell(headers, &limited);
    }
}

/// Tells a client how it stands with a limit. What a server says of limits of its own stays beside it: both are lists.
pub(super) fn tell(headers: &mut HeaderMap, limited: &Limited) {
    for (name, value) in [(POLICY, &Policy(limited) as &dyn Display), (LIMIT, &ServiceLimit(limited))] {
        let value = HeaderValue::from_str(&value.to_string()).expect("names of limits are plain");
        headers.append(name, value);
    }
}
