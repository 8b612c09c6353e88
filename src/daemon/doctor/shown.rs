//! What a server said, as it may be shown: short, and without anything that a terminal would obey.

/// The longest text shown, in characters.
const MOST: usize = 80;

/// `text` with everything unprintable escaped, cut where it is long.
pub(super) fn shown(text: &str) -> String {
    shown_up_to(MOST, text)
}

/// As [`shown`], cut behind `most` characters.
pub(super) fn shown_up_to(most: usize, text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(most) {
        match character {
            '"' | '\'' => shown.push(character),
            other => shown.extend(other.escape_debug()),
        }
    }
    if text.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(shown("the \"ref-server\" 1.0 é"), "the \"ref-server\" 1.0 é");
        assert_eq!(shown("\u{1b}[2Jx\r\n\u{7}"), "\\u{1b}[2Jx\\r\\n\\u{7}");
        assert_eq!(shown("a\u{202e}b\u{200b}"), "a\\u{202e}b\\u{200b}");
        assert_eq!(shown(&"x".repeat(MOST)), "x".repeat(MOST));
        assert_eq!(shown(&"x".repeat(1 << 20)), "x".repeat(MOST) + "…");
    }
}
