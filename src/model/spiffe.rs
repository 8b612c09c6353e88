//! SPIFFE ids (SPIFFE-ID, 2): `spiffe://TRUST-DOMAIN/PATH`.

/// The scheme with what follows it, as it has to be written.
const SCHEME: &str = "spiffe://";
/// The longest trust domain, and the longest id, in bytes (2.1, 2.3).
const MOST_DOMAIN: usize = 255;
const MOST: usize = 2048;

/// An id, in its two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiffeId<'a> {
    /// Who gives out the ids.
    pub trust_domain: &'a str,
    /// What stands behind it: nothing, or segments with a slash before each.
    pub path: &'a str,
}

impl<'a> SpiffeId<'a> {
    /// Reads one. There is one spelling of each: no percent-encoding, upper case in the path alone, and neither user, port,
    /// query nor fragment.
    pub fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(SCHEME).filter(|_| text.len() <= MOST)?;
        let (trust_domain, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let domain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        let fits = (1..=MOST_DOMAIN).contains(&trust_domain.len()) && trust_domain.bytes().all(domain);
        let mut segments = path.split('/').skip(1);
        (fits && segments.all(is_segment)).then_some(Self { trust_domain, path })
    }

    /// Whether a URI would be one, well written or not.
    pub fn is_meant(uri: &str) -> bool {
        uri.split_once(':').is_some_and(|(scheme, _)| scheme.trim().eq_ignore_ascii_case("spiffe"))
    }
}

fn is_segment(segment: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !matches!(segment, "" | "." | "..") && segment.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_a_trust_domain_and_segments() {
        for (text, trust_domain, path) in [
            ("spiffe://example.org", "example.org", ""),
            ("spiffe://example.org/agents/a-1", "example.org", "/agents/a-1"),
            ("spiffe://a_b-c.1/X/...", "a_b-c.1", "/X/..."),
        ] {
            assert_eq!(SpiffeId::parse(text), Some(SpiffeId { trust_domain, path }));
        }
        let long = |path: usize| format!("spiffe://{}/{}", "d".repeat(MOST_DOMAIN), "p".repeat(path));
        let fits = MOST - SCHEME.len() - MOST_DOMAIN - 1;
        assert!(SpiffeId::parse(&long(fits)).is_some() && SpiffeId::parse(&long(fits + 1)).is_none());
    }

    #[test]
    fn what_could_be_read_otherwise_is_none() {
        for text in [
            "",
            "spiffe:",
            "spiffe:example.org/a",
            "spiffe://",
            "spiffe:///a",
            "SPIFFE://example.org/a",
            "Spiffe://example.org/a",
            " spiffe://example.org/a",
            "https://example.org/a",
            "spiffe://Example.org/a",
            "spiffe://example.org:443/a",
            "spiffe://me@example.org/a",
            "spiffe://example.org/",
            "spiffe://example.org/a/",
            "spiffe://example.org//a",
            "spiffe://example.org/a//b",
            "spiffe://example.org/.",
            "spiffe://example.org/a/../b",
            "spiffe://example.org/a?q",
            "spiffe://example.org?q",
            "spiffe://example.org/a#f",
            "spiffe://example.org#f",
            "spiffe://example.org/%61",
            "spiffe://ex%61mple.org/a",
            "spiffe://example.org/a b",
            "spiffe://example.org/a\n",
            "spiffe://example.org/a\0",
            "spiffe://example.org/*",
            "spiffe://[::1]/a",
            "spiffe://ex\u{e4}mple.org/a",
            "spiffe://example.org/\u{e4}",
        ] {
            assert_eq!(SpiffeId::parse(text), None, "{text:?}");
        }
        let domain = "d".repeat(MOST_DOMAIN + 1);
        assert_eq!(SpiffeId::parse(&format!("spiffe://{domain}/a")), None);
        for (uri, meant) in
            [("spiffe://a/b", true), ("SpIfFe:x", true), ("spiffe", false), ("https://spiffe:1/", false)]
        {
            assert_eq!(SpiffeId::is_meant(uri), meant, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn every_id_of_the_grammar_is_read_in_its_parts(domain in "[a-z0-9._-]{1,40}", path in "(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,9}){0,5}") {
            let text = format!("spiffe://{domain}{path}");
            prop_assert_eq!(SpiffeId::parse(&text), Some(SpiffeId { trust_domain: &domain, path: &path }));
        }

        #[test]
        fn nothing_else_is_read(text in "(spiffe:)?/{0,3}[a-zA-Z0-9._/%:@?#*\u{e4}-]{0,20}") {
            if let Some(id) = SpiffeId::parse(&text) {
                prop_assert_eq!(&format!("spiffe://{}{}", id.trust_domain, id.path), &text);
                prop_assert!(SpiffeId::is_meant(&text));
                prop_assert!(!text.contains(['%', '@', '?', '#', '*', '\u{e4}']), "{}", text);
                prop_assert!(!id.path.ends_with('/') && !id.path.contains("//") && !id.path.contains("/../"), "{}", text);
                prop_assert!(!id.trust_domain.contains([':', '/']) && !id.trust_domain.is_empty(), "{}", text);
            }
        }
    }
}
