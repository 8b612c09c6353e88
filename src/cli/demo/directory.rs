//! Where the demo keeps its few files: a directory of its own that goes with it, or one that was named.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::{env, process};

/// Names that are tried before it is given up.
const TRIES: usize = 100;

/// A directory; a temporary one is removed with all that is in it when this is dropped.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    is_temporary: bool,
}

impl Directory {
    /// The directory at `path`, which stays.
    pub(super) fn kept(path: PathBuf) -> Self {
        Self { path, is_temporary: false }
    }

    /// A new directory that nobody else may look into.
    ///
    /// # Errors
    /// There is no place for temporary files, or it is full of demos that were killed.
    pub(super) fn temporary() -> io::Result<Self> {
        let mut taken = None;
        for number in 0..TRIES {
            let path = env::temp_dir().join(format!("weir-demo-{}-{number}", process::id()));
            // `create` takes no directory that is there already, whoever made it, and follows no link.
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path, is_temporary: true }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(taken.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it goes with the demo.
    pub(super) fn is_temporary(&self) -> bool {
        self.is_temporary
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.is_temporary
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            eprintln!("weir: {} cannot be removed: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_temporary_one_is_our_own_and_goes() {
        let (one, other) = (Directory::temporary().unwrap(), Directory::temporary().unwrap());
        assert_ne!(one.path(), other.path());
        assert_eq!(fs::metadata(one.path()).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(one.path().join("x"), "x").unwrap();
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists());
    }

    #[test]
    fn a_named_one_stays() {
        let given = tempfile::tempdir().unwrap();
        drop(Directory::kept(given.path().to_owned()));
        assert!(given.path().exists());
    }
}
