//! The files of a configuration: the one that was named, and those that its `include` names.
//!
//! All of them are one text, one after the other, and places count through it; a mistake finds its file by its place.

use std::{
    ffi::OsStr,
    fs::{self, File},
    hash::{DefaultHasher, Hasher},
    io::{self, Read},
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::report::{Mistakes, Place};

/// More bytes in all of them are refused.
const MOST_BYTES: usize = 4 << 20;
/// More files are refused.
const MOST_FILES: usize = 256;

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
#[derive(Debug, Default)]
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

/// Reads a file of at most as many bytes as are left.
pub(super) fn read(path: &Path, taken: usize) -> io::Result<String> {
    let mut text = String::new();
    let left = MOST_BYTES.saturating_sub(taken);
    File::open(path)?.take(left as u64 + 1).read_to_string(&mut text)?;
    if text.len() > left {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the configuration is longer than 4 MiB"));
    }
    Ok(text)
}

/// The files that `include` of the main file names, each with the place where it is named: patterns in their order, the
/// files of a pattern in the order of their names.
pub(super) fn included(
    main: &Path,
    table: &DeTable<'_>,
    sources: &mut Sources,
    mistakes: &Mistakes,
) -> Vec<(PathBuf, Place)> {
    let Some(value) = table.get("include") else { return Vec::new() };
    let DeValue::Array(patterns) = value.get_ref() else {
        let message = "`include` takes a list of paths, [\"conf.d/*.toml\"]";
        mistakes.add(Place::at(value.span()), message);
        return Vec::new();
    };
    let base = main.parent().unwrap_or(Path::new(""));
    let mut found: Vec<(PathBuf, Place)> = Vec::new();
    for pattern in patterns {
        let place = Place::at(pattern.span());
        let DeValue::String(text) = pattern.get_ref() else {
            mistakes.add(place, "`include` takes a list of paths, [\"conf.d/*.toml\"]");
            continue;
        };
        match matching(&base.join(&**text), sources) {
            Ok(files) if files.is_empty() => mistakes.warn(place, format!("no file is called {text:?} yet")),
            Ok(files) => found.extend(files.into_iter().map(|file| (file, place.clone()))),
            Err(why) => mistakes.add(place, why),
        }
    }
    if found.len() > MOST_FILES {
        mistakes.add(Place::at(value.span()), format!("at most {MOST_FILES} files are included, not {}", found.len()));
        found.truncate(MOST_FILES);
    }
    found
}

fn matching(pattern: &Path, sources: &mut Sources) -> Result<Vec<PathBuf>, String> {
    let (Some(directory), Some(name)) = (pattern.parent(), pattern.file_name().and_then(|name| name.to_str())) else {
        return Err("takes paths of files".to_owned());
    };
    if !name.contains(['*', '?']) {
        return match pattern.is_file() {
            true => Ok(vec![pattern.to_owned()]),
            false => {
                sources.directories.push((pattern.to_owned(), None));
                Err(format!("the file {} is not there", pattern.display()))
            }
        };
    }
    if directory.to_string_lossy().contains(['*', '?']) {
        return Err("`*` and `?` may stand in the last part of a path only".to_owned());
    }
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    sources.directories.push((directory.to_owned(), mark_of_names(directory)));
    let entries =
        fs::read_dir(directory).map_err(|error| format!("{} cannot be listed: {error}", directory.display()))?;
    let fits = |path: &PathBuf| {
        let named = path.file_name().and_then(|name| name.to_str());
        // As in a shell: what is hidden is not meant.
        named.is_some_and(|named| !named.starts_with('.') && fits(name.as_bytes(), named.as_bytes())) && path.is_file()
    };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(fits).collect();
    files.sort_unstable();
    Ok(files)
}

/// Whether a name fits a pattern: `*` is any bytes, `?` one character's.
fn fits(mut pattern: &[u8], mut name: &[u8]) -> bool {
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.first(), name.first()) {
            (Some(b'*'), _) => {
                pattern = &pattern[1..];
                star = Some((pattern, name));
            }
            (Some(b'?'), Some(_)) => (pattern, name) = (&pattern[1..], &name[1..]),
            (Some(one), Some(other)) if one == other => (pattern, name) = (&pattern[1..], &name[1..]),
            (None, None) => return true,
            // The last star takes one more.
            _ => match star {
                Some((behind, at)) if !at.is_empty() => {
                    (pattern, name) = (behind, &at[1..]);
                    star = Some((behind, name));
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        let fits = |pattern: &str, name: &str| super::fits(pattern.as_bytes(), name.as_bytes());
        for (pattern, name) in [("*.toml", "a.toml"), ("*", ""), ("a*b*c", "aXbYbZc"), ("?.toml", "a.toml"), ("a", "a")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("*.toml", "a.tom"), ("?", ""), ("a*b", "ac"), ("a", "ab"), ("", "a"), ("*.toml", "a.toml~")]
        {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_place_finds_its_file() {
        let mut texts = Texts::default();
        assert_eq!((texts.add("a", "12"), texts.add("b", ""), texts.add("c", "3")), (0, 3, 4));
        assert_eq!([0, 2, 3, 4, 5, 9].map(|at| texts.file(at).0), ["a", "a", "b", "c", "c", "c"]);
        assert_eq!(texts.file(0), ("a", 0, 2));
    }
}
