//! `Content-Type`, as far as it decides which text a reader makes of the bytes (RFC 9110, 8.3).

/// What nearly every field says: it need not be taken apart.
const USUAL: &str = "application/json";

/// The media type itself, without its parameters and the white space around it.
pub fn essence(value: &str) -> &str {
    if value == USUAL {
        return value;
    }
    value.split(';').next().unwrap_or(value).trim_matches([' ', '\t'])
}

/// Whether every reader of this field takes the content for UTF-8: it names no charset or that one, and nothing in its
/// parameters could be read in two ways. JSON is exchanged in UTF-8 (RFC 8259, 8.1), but servers and clients in the
/// field decode it as the field says, so what names another charset would reach them as another text.
pub fn is_utf8(value: &str) -> bool {
    if value == USUAL {
        return true;
    }
    let mut rest = value.find(';').map_or("", |at| &value[at..]);
    while let Some(behind) = rest.strip_prefix(';') {
        rest = behind.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(';') {
            let Some((name, text, behind)) = parameter(rest) else { return false };
            if names_charset(name) && !(name.len() == "charset".len() && is_utf8_name(text)) {
                return false;
            }
            rest = behind.trim_start_matches([' ', '\t']);
        }
    }
    rest.is_empty()
}

/// `charset`, and its extended and continued forms `charset*`, `charset*0` (RFC 2231), which some readers take.
fn names_charset(name: &str) -> bool {
    let (name, form) = name.split_at_checked("charset".len()).unwrap_or((name, ""));
    name.eq_ignore_ascii_case("charset") && (form.is_empty() || form.starts_with('*'))
}

fn is_utf8_name(charset: &str) -> bool {
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

/// Name, value and what follows of the parameter that `text` begins with. Of a quoted value the contents as they stand:
/// a charset that is escaped is none that we know.
fn parameter(text: &str) -> Option<(&str, &str, &str)> {
    let (name, text) = token(text)?;
    let text = text.strip_prefix('=')?;
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, behind) = token(text)?;
        return Some((name, value, behind));
    };
    let mut escaped = false;
    let end = quoted.find(|character| {
        let ends = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })?;
    Some((name, &quoted[..end], &quoted[end + 1..]))
}

/// The token that `text` begins with (RFC 9110, 5.6.2), and the rest.
fn token(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|character: char| !is_token(character)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_what_nobody_reads_otherwise() {
        for value in [
            "application/json",
            "",
            "text/plain;",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json ;\tCharset=utf8 ; ; v=1",
            "application/json; note=\"a;charset=utf-16\"",
            r#"application/json; note="a\";charset=utf-16"; charset=utf-8"#,
            "application/json; charset=utf-8; charset=UTF8",
            "application/json; x-charset=latin1; charsets=latin1; char=set",
        ] {
            assert!(is_utf8(value), "{value}");
        }
        for value in [
            "application/json; charset=utf-16",
            "application/json; charset=iso-8859-1",
            // Decoded as windows-1252 where the browsers' table is followed.
            "application/json; charset=us-ascii",
            "application/json; charset=utf-7",
            "application/json; charset=",
            "application/json; charset",
            "application/json; charset=\"utf-8",
            "application/json; charset=\"utf-8\"x",
            r#"application/json; charset="utf\-8""#,
            "application/json; charset = utf-16",
            "application/json; charset=utf-8; charset=utf-16",
            "application/json; charset=utf-16; charset=utf-8",
            "application/json; charset*=utf-8''utf-16",
            "application/json; charset*0=utf; charset*1=-16",
            "application/json; CHARSET*=x",
            // Two fields that a proxy has joined.
            "application/json; charset=utf-8, application/json; charset=utf-16",
            "application/json; note=\"a\" charset=utf-16",
            "application/json; note=\"a;charset=utf-8",
            "application/json; charset='utf-8'",
        ] {
            assert!(!is_utf8(value), "{value}");
        }
    }

    #[test]
    fn the_essence_stands_before_the_parameters() {
        assert_eq!(essence("text/event-stream"), "text/event-stream");
        assert_eq!(essence(" application/json\t; charset=utf-8"), "application/json");
        assert_eq!(essence(""), "");
    }
}
