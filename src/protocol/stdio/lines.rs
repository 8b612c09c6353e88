//! What a server writes, cut into lines.

use memchr::memchr;

/// A line, its end taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It is longer than the limit. It is told of once, at once, and passed over to its end.
    TooLong,
}

/// Cuts a stream of bytes into lines, and holds no more than one line of it.
#[derive(Debug)]
pub struct Lines {
    limit: usize,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    /// The rest of a line that was too long is still to come.
    skipping: bool,
}

/// What a buffer may keep of its room for the next line.
const KEPT: usize = 64 * 1024;

impl Lines {
    /// Lines of at most `limit` bytes, their end not counted.
    pub fn new(limit: usize) -> Self {
        Self { limit, begun: Vec::new(), skipping: false }
    }

    /// Takes the next bytes, which may end anywhere, and hands on each line that they complete. Lines that are empty,
    /// or white space alone, are none. A CR before the LF belongs to the end.
    pub fn push(&mut self, bytes: &[u8], mut take: impl FnMut(Line<'_>)) {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            let (piece, after) = (&rest[..end], &rest[end + 1..]);
            rest = after;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.begun.len() + piece.len() > self.limit {
                take(Line::TooLong);
            } else if self.begun.is_empty() {
                whole(piece, &mut take);
            } else {
                self.begun.extend_from_slice(piece);
                whole(&self.begun, &mut take);
            }
            self.forget();
        }
        if self.skipping || rest.is_empty() {
            return;
        }
        if self.begun.len() + rest.len() > self.limit {
            self.skipping = true;
            self.forget();
            return take(Line::TooLong);
        }
        self.begun.extend_from_slice(rest);
    }

    /// Bytes of a line whose end has not come.
    pub fn begun(&self) -> usize {
        self.begun.len()
    }

    fn forget(&mut self) {
        self.begun.clear();
        self.begun.shrink_to(KEPT);
    }
}

fn whole(line: &[u8], take: &mut impl FnMut(Line<'_>)) {
    let line = line.trim_ascii();
    if !line.is_empty() {
        take(Line::Whole(line));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of chunks; `None` for one that is too long.
    fn cut<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Vec<Option<String>> {
        let mut lines = Lines::new(limit);
        let mut all = Vec::new();
        for chunk in chunks {
            lines.push(chunk, |line| {
                all.push(match line {
                    Line::Whole(line) => Some(String::from_utf8(line.to_vec()).unwrap()),
                    Line::TooLong => None,
                });
            });
            assert!(lines.begun() <= limit);
        }
        all
    }

    fn whole(lines: &[&str]) -> Vec<Option<String>> {
        lines.iter().map(|line| Some((*line).to_owned())).collect()
    }

    #[test]
    fn ends_are_taken_off_and_empty_lines_are_none() {
        assert_eq!(cut([&b"{}\n[1]\r\n\n \t\r\nlast"[..]], 100), whole(&["{}", "[1]"]));
        assert_eq!(cut([&b"ab"[..], b"", b"c\nd", b"\n"], 100), whole(&["abc", "d"]));
    }

    #[test]
    fn a_long_line_is_told_of_once_and_harms_no_other() {
        let expected = [None, Some("ok".to_owned())];
        assert_eq!(cut([&b"12345\nok\n"[..]], 4), expected);
        assert_eq!(cut([&b"123"[..], b"45", b"6789", b"0\nok\n"], 4), expected);
        assert_eq!(cut([&b"1234\n"[..]], 4), whole(&["1234"]));
        assert_eq!(cut([&b"123"[..], b"4", b"\n"], 4), whole(&["1234"]));
    }

    proptest! {
        #[test]
        fn where_chunks_end_means_nothing(text in "[ab\r\n ]{0,64}", cuts in prop::collection::vec(0_usize..64, 0..8)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([bytes.len()]) {
                chunks.push(&bytes[from..cut]);
                from = cut;
            }
            prop_assert_eq!(cut(chunks, 5), cut([bytes], 5));
        }
    }
}
