//! What policy names: tools, prompts and resources of servers, as `SERVER:NAME` with globs on both sides.
//!
//! The name is the server's own, whatever a route calls it, so that one call is decided alike on every path.

use std::fmt;

use super::Glob;

/// `SERVER:NAME`. What stands before the first colon is the server: its name has none. Without a colon it means every
/// server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Whose.
    pub server: Glob,
    /// What; of a resource the URI.
    pub name: Glob,
}

impl Pattern {
    /// The meaning of a text. The error is a sentence without subject.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((server, name)) = text.split_once(':') else {
            return Ok(Self { server: Glob::any(), name: Glob::parse(text)? });
        };
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-*?".contains(&byte);
        if server.is_empty() || !server.bytes().all(fits) {
            return Err(format!(
                "takes SERVER:NAME, and {server:?} before the first colon of {text:?} is no server's name; a name that has \
                 a colon itself is written with its server, or as \"*:{}\"",
                if server.is_empty() { name } else { text }
            ));
        }
        Ok(Self { server: Glob::parse(server)?, name: Glob::parse(name)? })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.server, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_colon_parts_server_and_name() {
        for (text, meaning) in [
            ("search", "*:search"),
            ("*", "*:*"),
            ("files:read_*", "files:read_*"),
            ("files:file:///a/*", "files:file:///a/*"),
            ("*:ns:tool", "*:ns:tool"),
            ("f?l-*:x", "f?l-*:x"),
        ] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), meaning);
        }
        for wrong in ["", ":x", "files:", "Files:x", "a_b:x", "https x:y"] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(Pattern::parse("HTTP://x").unwrap_err().ends_with("or as \"*:HTTP://x\""));
    }
}
