//! What a client is asked for whose credential is missing or does not do (RFC 6750, 3; RFC 9728, 5.1).

use std::borrow::Cow;
use std::fmt::Write;

/// One `Bearer` challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// `error`: `invalid_token`, `insufficient_scope` or `invalid_request`; none where there was no credential.
    pub error: Option<&'static str>,
    /// `error_description`: what the client can do, and nothing of what exists.
    pub description: Cow<'static, str>,
    /// `scope`: every scope that is needed, with spaces between; empty where none is.
    pub scope: Box<str>,
    /// `resource_metadata`: where the document of the route is; none where it has no issuer.
    pub resource_metadata: Option<Box<str>>,
}

impl Challenge {
    /// The value of `WWW-Authenticate`: visible ASCII and spaces, whatever the texts are.
    pub fn value(&self) -> String {
        let mut value = String::from("Bearer");
        let mut separator = ' ';
        let mut parameter = |name: &str, text: &str| {
            if text.is_empty() {
                return;
            }
            let quoted = |out: &mut String, letter: char| match letter {
                // RFC 6750, 3: neither of them may stand in these values, escaped or not.
                '"' | '\\' => out.push('\''),
                ' '..='~' => out.push(letter),
                _ => out.push('?'),
            };
            write!(value, "{separator}{name}=\"").expect("a String takes everything");
            text.chars().for_each(|letter| quoted(&mut value, letter));
            value.push('"');
            separator = ',';
        };
        parameter("error", self.error.unwrap_or(""));
        parameter("error_description", &self.description);
        parameter("scope", &self.scope);
        parameter("resource_metadata", self.resource_metadata.as_deref().unwrap_or(""));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_has_what_is_known() {
        assert_eq!(Challenge::default().value(), "Bearer");
        let challenge = Challenge {
            error: Some("insufficient_scope"),
            description: "ask for \"all\"\r\nof them\u{e9}".into(),
            scope: "a b".into(),
            resource_metadata: Some("https://x/.well-known/oauth-protected-resource/mcp".into()),
        };
        let expected = "Bearer error=\"insufficient_scope\",error_description=\"ask for 'all'??of them?\",scope=\"a b\",\
                        resource_metadata=\"https://x/.well-known/oauth-protected-resource/mcp\"";
        assert_eq!(challenge.value(), expected);
    }
}
