//! What a server is called.

use std::fmt;

const MOST_NAME: usize = 32;

/// The name of a server: `[a-z][a-z0-9-]{0,31}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerName(String);

impl ServerName {
    /// The meaning of a name. The error is a sentence without subject.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let begins = text.starts_with(|first: char| first.is_ascii_lowercase());
        if begins && text.len() <= MOST_NAME && text.bytes().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "takes a name that begins with a letter and has at most {MOST_NAME} of a to z, 0 to 9 and -, not {text:?}"
        ))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_neither_glob_nor_prefix() {
        for fine in ["a", "files", "a-1-", &"a".repeat(32)] {
            assert_eq!(ServerName::parse(fine).unwrap().as_str(), fine);
        }
        for wrong in ["", "A", "1a", "-a", "a_b", "a:b", "a*", "a/b", "a b", "\u{e4}", &"a".repeat(33)] {
            assert!(ServerName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
