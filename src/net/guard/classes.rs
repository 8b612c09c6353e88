//! The classes of bytes in a head, and the search for its control bytes.

/// A character of a method or a header's name (RFC 9110, 5.6.2).
pub(super) const TOKEN: u8 = 1;
/// A byte of a path that `http::Uri` takes as well; UTF-8 is checked apart.
pub(super) const PATH: u8 = 2;
/// The same for a query.
pub(super) const QUERY: u8 = 4;
/// A character of a host's name: no userinfo, no percent, none of the delimiters that nobody uses there.
pub(super) const HOST: u8 = 8;

const CLASSES: [u8; 256] = classes();

/// True if the byte is of that class.
#[inline]
pub(super) fn is(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

/// Where the first control byte is, a tab not counted: the end of a line, or a fault.
#[inline]
pub(super) fn find_control(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        match first_control(*word) {
            None => at += 8,
            // Behind a tab there may be another one.
            Some(inside) if word[inside] == b'\t' => at += inside + 1,
            Some(inside) => return Some(at + inside),
        }
    }
    let inside = bytes[at..].iter().position(|byte| is_control(*byte))?;
    Some(at + inside)
}

#[inline]
fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// The first of eight bytes that is below a space, or DEL. Subtraction borrows into the top bit of such a
/// byte; what it borrows from the bytes behind the first one does not matter.
#[inline]
fn first_control(word: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    let word = u64::from_le_bytes(word);
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let deleted = word ^ (ONES * 0x7f);
    let deleted = deleted.wrapping_sub(ONES) & !deleted;
    let found = (low | deleted) & TOPS;
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte: u8 = 0x21;
    while byte < 0x7f {
        let mut class = 0;
        if byte.is_ascii_alphanumeric() {
            class |= TOKEN | HOST;
        }
        if matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~') {
            class |= TOKEN;
        }
        if matches!(byte, b'-' | b'.' | b'_' | b'~') {
            class |= HOST;
        }
        if !matches!(byte, b'#' | b'<' | b'>' | b'?' | b'`') {
            class |= PATH;
        }
        if !matches!(byte, b'"' | b'#' | b'<' | b'>') {
            class |= QUERY;
        }
        classes[byte as usize] = class;
        byte += 1;
    }
    let mut high = 0x80;
    while high < 0x100 {
        classes[high] = PATH | QUERY;
        high += 1;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_control_byte_is_found_wherever_it_is() {
        for byte in 0..=255u8 {
            for at in 0..20 {
                let mut text = [b'a'; 20];
                text[at] = byte;
                let expected = (byte.is_ascii_control() && byte != b'\t').then_some(at);
                assert_eq!(find_control(&text), expected, "{byte:#x} at {at}");
                text[..at].fill(b'\t');
                assert_eq!(find_control(&text), expected, "{byte:#x} at {at} behind tabs");
            }
        }
        assert_eq!(find_control(b""), None);
    }

    #[test]
    fn no_delimiter_is_a_token() {
        for byte in 0..=255u8 {
            let delimiter = b"\"(),/:;<=>?@[\\]{}".contains(&byte);
            assert_eq!(is(byte, TOKEN), byte.is_ascii_graphic() && !delimiter, "{byte:#x}");
        }
    }
}
