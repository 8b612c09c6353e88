//! The fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11).

use http::{HeaderMap, HeaderName};

use crate::model::Limited;
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
    headers.append(POLICY, limited.policy_field());
    headers.append(LIMIT, limited.field());
}
