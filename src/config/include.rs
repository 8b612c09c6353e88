//! Which files `include` names: paths as they are, and patterns of names in one directory.

use std::{
    collections::HashMap,
    fs,
    io::ErrorKind,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{
    report::{Mistakes, Place},
    section::value_of,
    sources::{Sources, mark_of_names},
};

/// More files are refused.
const MOST_FILES: usize = 256;

/// A file, whatever it is called: device and inode.
type Identity = (u64, u64);

/// The files found so far.
struct Found<'m> {
    main: Option<Identity>,
    files: Vec<(PathBuf, Place)>,
    /// Which of them it is, and the pattern that named it.
    known: HashMap<Identity, (usize, String)>,
    mistakes: &'m Mistakes,
}

/// The files that `include` of the main file names, each with the place where it is named: patterns in their order, the
/// files of a pattern in the order of their names.
pub(super) fn files(
    main: &Path,
    table: &DeTable<'_>,
    sources: &mut Sources,
    mistakes: &Mistakes,
) -> Vec<(PathBuf, Place)> {
    let Some(value) = table.get("include") else { return Vec::new() };
    let DeValue::Array(patterns) = value.get_ref() else {
        mistakes.add(Place::at(value.span()), "`include` takes a list of paths, [\"conf.d/*.toml\"]");
        return Vec::new();
    };
    let base = main.parent().unwrap_or(Path::new(""));
    let mut found = Found { main: identity(main), files: Vec::new(), known: HashMap::new(), mistakes };
    for pattern in patterns {
        let place = Place::at(pattern.span());
        let DeValue::String(text) = pattern.get_ref() else {
            let what = value_of(pattern.get_ref()).describe();
            mistakes.add(place, format!("`include` takes paths, [\"conf.d/*.toml\"]; this is {what}"));
            continue;
        };
        match matching(base, text, sources) {
            Ok(files) if files.is_empty() => mistakes.warn(place, format!("no file is called {text:?} yet")),
            Ok(files) => found.add(files, text, &place),
            Err(why) => mistakes.add(place, why),
        }
    }
    let mut files = found.files;
    if files.len() > MOST_FILES {
        mistakes.add(Place::at(value.span()), format!("at most {MOST_FILES} files are included, not {}", files.len()));
        files.truncate(MOST_FILES);
    }
    files
}

impl Found<'_> {
    /// Takes the files of a pattern; the first one that cannot be meant is told, for it and those like it.
    fn add(&mut self, paths: Vec<PathBuf>, pattern: &str, place: &Place) {
        let mut wrong = None;
        for path in paths {
            if let Some(identity) = identity(&path) {
                if let Some(why) = self.objection(&path, identity, pattern) {
                    wrong = wrong.or(Some(why));
                    continue;
                }
                self.known.insert(identity, (self.files.len(), pattern.to_owned()));
            }
            self.files.push((path, place.clone()));
        }
        if let Some(why) = wrong {
            self.mistakes.add(place.clone(), why);
        }
    }

    fn objection(&self, path: &Path, identity: Identity, pattern: &str) -> Option<String> {
        if self.main == Some(identity) {
            let what = if is_pattern(pattern) { "fits the name of" } else { "is" };
            return Some(format!(
                "{pattern:?} {what} this file itself: keep the files that it includes in a directory of their own, \
                 \"conf.d/*.toml\""
            ));
        }
        let (at, by) = self.known.get(&identity)?;
        let other = self.files.get(*at).map(|(other, _)| other).filter(|other| *other != path);
        let same = other.map_or(String::new(), |other| format!("the same file as {}, and so ", other.display()));
        Some(format!("{} is {same}included already, by {by:?}: name each file once", path.display()))
    }
}

fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|of| (of.dev(), of.ino()))
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

fn matching(base: &Path, text: &str, sources: &mut Sources) -> Result<Vec<PathBuf>, String> {
    let path = base.join(text);
    if text.is_empty() {
        return Err("`include` takes paths of files, and this one is empty".to_owned());
    }
    if !is_pattern(text) {
        return one(path, text, sources).map(|file| vec![file]);
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(format!("`include` takes paths of files, not {text:?}"));
    };
    if Path::new(text).parent().is_some_and(|above| is_pattern(&above.to_string_lossy())) {
        let why = "`*` and `?` may stand in the last part of a path only: write a path for each directory";
        return Err(why.to_owned());
    }
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    sources.directories.push((directory.to_owned(), mark_of_names(directory)));
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("the directory {} is not there: make it, or take this out", directory.display()),
        _ => format!("the directory {} cannot be listed: {error}", directory.display()),
    })?;
    let meant = |path: &PathBuf| {
        let named = path.file_name().unwrap_or_default().as_bytes();
        // As in a shell, what is hidden is not meant. What cannot be looked at is kept, and told where it is read.
        !named.starts_with(b".") && fits(name.as_bytes(), named) && !path.is_dir()
    };
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).filter(meant).collect();
    files.sort_unstable();
    Ok(files)
}

/// The file of a path that is no pattern.
fn one(path: PathBuf, text: &str, sources: &mut Sources) -> Result<PathBuf, String> {
    if path.is_dir() {
        let files = format!("{}/*.toml", text.trim_end_matches('/'));
        return Err(format!("{} is a directory: write {files:?} for the files in it", path.display()));
    }
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let why = format!("the file {} is not there: write it, or take this out", path.display());
            sources.directories.push((path, None));
            Err(why)
        }
        _ => Ok(path),
    }
}

/// Whether a name fits a pattern: `*` is any bytes, `?` one of them.
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
    fn what_cannot_be_looked_at_is_kept_and_directories_are_not() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        std::os::unix::fs::symlink("gone", at("b.toml")).unwrap();
        fs::write(at("a.toml"), "").unwrap();
        fs::write(at(".c.toml"), "").unwrap();
        fs::create_dir(at("d.toml")).unwrap();
        let mut sources = Sources::default();
        let mut of = |text: &str| matching(home.path(), text, &mut sources);
        assert_eq!(of("*.toml"), Ok(vec![at("a.toml"), at("b.toml")]));
        assert_eq!(of("b.toml"), Ok(vec![at("b.toml")]));
        for (text, said) in [
            ("d.toml/", "write \"d.toml/*.toml\""),
            ("..", "write \"../*.toml\""),
            ("", "this one is empty"),
            ("*/..", "`include` takes paths of files, not"),
            ("*/a.toml", "the last part of a path only"),
            ("x/*.toml", "/x is not there"),
            ("x.toml", "/x.toml is not there"),
            ("a.toml/*", "/a.toml cannot be listed: "),
        ] {
            assert!(of(text).is_err_and(|why| why.contains(said)), "{text}");
        }
    }
}
