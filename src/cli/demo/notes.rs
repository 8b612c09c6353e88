//! What the tool `note` writes: lines in a file, bounded, and the news that there is one more.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// The resource that the notes are.
pub(super) const URI: &str = "demo://notes";
/// Bytes of one note.
pub(super) const LONGEST: usize = 1000;
/// Bytes of the file; a note that would pass them is refused.
const MOST: u64 = 256 * 1024;

/// The file of notes. Its few bytes are written where the call runs: this is a sample, not a store.
#[derive(Debug)]
pub(super) struct Notes {
    path: PathBuf,
    /// How many bytes the file has.
    size: Mutex<u64>,
    count: watch::Sender<u64>,
}

/// Why a note was not written.
#[derive(Debug)]
pub(super) enum Unwritten {
    Full,
    Failed(io::Error),
}

impl Notes {
    /// The notes in `directory`, those of an earlier run among them.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join("notes.txt");
        let size = match fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Self { path, size: Mutex::new(size), count: watch::Sender::new(0) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a note as one line: what would end it becomes a blank.
    pub(super) fn append(&self, text: &str) -> Result<(), Unwritten> {
        let line: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
        let line = line + "\n";
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        if *size + line.len() as u64 > MOST {
            return Err(Unwritten::Full);
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(Unwritten::Failed)?;
        *size += line.len() as u64;
        self.count.send_modify(|count| *count += 1);
        Ok(())
    }

    /// The text of the file.
    pub(super) fn text(&self) -> io::Result<String> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Tells of every note from now on.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_line_and_the_file_has_an_end() {
        let directory = tempfile::tempdir().unwrap();
        let notes = Notes::open(directory.path()).unwrap();
        let mut news = notes.watch();
        assert_eq!(notes.text().unwrap(), "");
        notes.append("one\nline\u{85}").unwrap();
        assert_eq!(notes.text().unwrap(), "one line \n");
        assert!(news.has_changed().unwrap() && *news.borrow_and_update() == 1);
        let long = "x".repeat(LONGEST);
        while notes.append(&long).is_ok() {}
        assert!(matches!(notes.append(&long), Err(Unwritten::Full)));
        let size = fs::metadata(notes.path()).unwrap().len();
        assert!(size <= MOST && size > MOST - 1002, "{size}");
        let again = Notes::open(directory.path()).unwrap();
        assert!(matches!(again.append(&long), Err(Unwritten::Full)), "what is there counts after a new start");
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let notes = Notes::open(directory.path()).unwrap();
        fs::create_dir(notes.path()).unwrap();
        assert!(matches!(notes.append("x"), Err(Unwritten::Failed(_))));
    }
}
