//! The files of a configuration: the one that was named, and those that its `include` names.
//!
//! All of them are one text, one after the other, and places count through it; a mistake finds its file by its place.

use std::{
    ffi::OsStr,
    fs,
    hash::{DefaultHasher, Hasher},
    io::{self, ErrorKind},
    ops::Range,
    path::{Path, PathBuf},
};

use super::file::{self, Accepted, Contents};

/// More bytes in all of them are refused.
const MOST_BYTES: usize = 4 << 20;

/// Where a configuration came from, for whoever watches it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The file that was named, and those that it includes, each with the [`mark`] of what was read.
    pub files: Vec<(PathBuf, u64)>,
    /// Directories where another file would be included as soon as it is there, each with the [`mark_of_names`] of when it
    /// was listed; and what is named and is not there.
    pub directories: Vec<(PathBuf, Option<u64>)>,
}

/// A mark of a file's contents, to see whether they have changed since. It stays the same in one process alone, and
/// nobody is kept from choosing texts that have the same.
pub fn mark(contents: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(contents);
    hasher.finish()
}

/// The mark of the names that are in a directory; `None` where it cannot be listed.
pub fn mark_of_names(directory: &Path) -> Option<u64> {
    let entries = fs::read_dir(directory).ok()?;
    let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    names.sort_unstable();
    Some(mark(names.join(OsStr::new("\n")).as_encoded_bytes()))
}

/// The text of all files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Texts {
    pub(super) whole: String,
    /// The name of each file, and where its text begins.
    pub(super) files: Vec<(String, usize)>,
}

impl Texts {
    /// Appends a file, and gives the place where it begins.
    pub(super) fn add(&mut self, name: &str, text: &str) -> usize {
        let start = self.whole.len();
        self.files.push((name.to_owned(), start));
        self.whole.push_str(text);
        self.whole.push('\n');
        start
    }

    /// The file that a place is in: its name, where it begins, and where it ends.
    pub(super) fn file(&self, at: usize) -> (&str, usize, usize) {
        let index = self.files.partition_point(|(_, start)| *start <= at).saturating_sub(1);
        let end = self.files.get(index + 1).map_or(self.whole.len(), |(_, start)| *start);
        self.files.get(index).map_or(("", 0, 0), |(name, start)| (name.as_str(), *start, end.saturating_sub(1)))
    }
}

/// The text of one file.
#[derive(Debug)]
pub(super) struct Text {
    /// Without a byte order mark, and with U+FFFD for what is no UTF-8.
    pub(super) content: String,
    /// Of its bytes as they were read.
    pub(super) mark: u64,
    pub(super) broken: Option<Broken>,
    /// It came through a pipe.
    pub(super) is_pipe: bool,
}

/// What in a text is no UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) at: Range<usize>,
    pub(super) why: String,
    /// Nothing of it can be shown.
    pub(super) garbled: bool,
}

impl Text {
    /// Reads a file of at most as many bytes as are left.
    pub(super) fn read(path: &Path, taken: usize, accepted: Accepted) -> io::Result<Self> {
        let read = file::read(path, MOST_BYTES.saturating_sub(taken), accepted);
        let text = read.map(|Contents { bytes, is_pipe }| Self { is_pipe, ..Self::of(&bytes) });
        text.map_err(|error| match error.kind() {
            // What is left is less than what may be.
            ErrorKind::FileTooLarge => io::Error::new(error.kind(), "the configuration is longer than 4 MiB"),
            _ => error,
        })
    }

    /// The text that these bytes are.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let broken = str::from_utf8(text).err().map(|error| Broken::of(text, error.valid_up_to()));
        Self { content: String::from_utf8_lossy(text).into_owned(), mark: mark(bytes), broken, is_pipe: false }
    }
}

impl Broken {
    fn of(text: &[u8], at: usize) -> Self {
        // The mark of UTF-16, which some editors write.
        if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
            return Self { at: 0..0, why: "this is UTF-16: save the file as UTF-8".to_owned(), garbled: true };
        }
        let byte = text.get(at).copied().unwrap_or_default();
        let at = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
        Self { at, why: format!("this is no UTF-8 (byte 0x{byte:02x}): save the file as UTF-8"), garbled: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shown_whatever_its_bytes_are() {
        let text = Text::of(b"\xef\xbb\xbfa = 1");
        assert_eq!((text.content.as_str(), text.mark, text.broken), ("a = 1", mark(b"\xef\xbb\xbfa = 1"), None));
        let text = Text::of(b"\xef\xbb\xbfx\xfcy\xe4");
        let broken = text.broken.expect("it is broken");
        assert_eq!((&text.content[broken.at], text.content.as_str()), ("\u{fffd}", "x\u{fffd}y\u{fffd}"));
        assert_eq!(broken.why, "this is no UTF-8 (byte 0xfc): save the file as UTF-8");
        assert!(Text::of(b"\xff\xfea\0").broken.is_some_and(|broken| broken.why.starts_with("this is UTF-16: ")));
    }

    #[test]
    fn a_place_finds_its_file() {
        let mut texts = Texts::default();
        assert_eq!((texts.add("a", "12"), texts.add("b", ""), texts.add("c", "3")), (0, 3, 4));
        assert_eq!([0, 2, 3, 4, 5, 9].map(|at| texts.file(at).0), ["a", "a", "b", "c", "c", "c"]);
        assert_eq!(texts.file(0), ("a", 0, 2));
    }
}
