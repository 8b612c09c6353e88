//! The value of `Host`.

use std::net::Ipv6Addr;

use super::{classes, refused::Fault};

/// Refuses what is no host with an optional port (RFC 9112, 3.2: an invalid value is 400). An empty value
/// is allowed there; whether the host is ours is asked later.
pub(super) fn check(value: &[u8]) -> Result<(), Fault> {
    let port = match value {
        [b'[', rest @ ..] => {
            let end = rest.iter().position(|byte| *byte == b']').ok_or(INVALID)?;
            let address = str::from_utf8(&rest[..end]).map_err(|_| INVALID)?;
            address.parse::<Ipv6Addr>().map_err(|_| INVALID)?;
            &rest[end + 1..]
        }
        name => {
            let end = name.iter().position(|byte| !classes::is(*byte, classes::HOST)).unwrap_or(name.len());
            &name[end..]
        }
    };
    match port {
        [] => Ok(()),
        [b':', digits @ ..] if digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err(INVALID),
    }
}

const INVALID: Fault = Fault::bad("a Host that is no host");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for value in ["", "localhost", "a.example:8080", "127.0.0.1:1", "my_host", "[::1]", "[::1]:65535", "x:"] {
            assert_eq!(check(value.as_bytes()), Ok(()), "{value}");
        }
        for value in
            ["a b", "a,b", "a@b", "a/b", "a#", "a?", "a\\b", "a:b", "a:1:2", "[::1", "::1", "[a]", "[::1]x", "%61", "é"]
        {
            assert_eq!(check(value.as_bytes()), Err(INVALID), "{value}");
        }
    }
}
