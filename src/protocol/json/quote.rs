//! A text of ours as a JSON string.

use std::fmt::Write as _;

/// `text` in quotes, with what JSON does not take as it is escaped (RFC 8259, 7).
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\u{0}'..='\u{1f}' => write!(out, "\\u{:04x}", u32::from(character)).expect("a String takes all"),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_read_back() {
        for text in ["", "plain", "a\"b\\c", "line\nfeed\u{0}\u{1f}", "é 𝄞 \u{202e}"] {
            assert_eq!(serde_json::from_str::<String>(&quoted(text)).unwrap(), text);
        }
    }
}
