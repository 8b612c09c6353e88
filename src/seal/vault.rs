//! Keeps the key ring in the data directory: made at the first start, read at every other.
//!
//! ```text
//! DATA/            made with mode 0700 where it is missing
//!   keys/          mode 0700
//!     ring         mode 0600; appears whole or not at all
//!     token        the same, of the key that signs tokens; made where it is first needed
//!     admin        the same, of what operators on loopback show
//! ```
//!
//! The new ring is written to a file beside, synced, and then linked to its name. A link, unlike a rename, fails where
//! the name is taken: of two processes that start at once, one makes the ring and the other reads that one.

use std::{
    error, fmt,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::ring::{KeyRing, RingError};

/// Sixteen keys and their line ends are below 1 KiB; what is longer is no ring.
const MOST_BYTES: u64 = 64 * 1024;
/// The file of the ring.
const RING: &str = "ring";

/// A secret as its file has it.
pub(super) type Kept = Zeroizing<Vec<u8>>;

/// Why there is no key ring in a data directory.
#[derive(Debug)]
pub enum VaultError {
    /// The first path could not be made, read or written.
    Io(&'static str, PathBuf, io::Error),
    /// The path may be read or written by others; its mode.
    Open(PathBuf, u32),
    /// The file is there and is no key ring.
    Ring(PathBuf, RingError),
    /// The file is there and is no key that signs.
    Signing(PathBuf),
    /// The file is there and is no key of operators.
    Operators(PathBuf),
}

impl KeyRing {
    /// The ring in `data`; `None` where there is none, and [`KeyRing::open_or_create`] would make one. Changes nothing.
    pub fn open(data: &Path) -> Result<Option<Self>, VaultError> {
        open(data, RING)?.map(|(path, text)| parse(&path, text)).transpose()
    }

    /// The ring in `data`, made with one random key if there is none. Survives a crash at any point: the next start
    /// finds either no ring or a whole one.
    pub fn open_or_create(data: &Path) -> Result<Self, VaultError> {
        let (path, text) = open_or_create(data, RING, || Zeroizing::new(Self::generate_text()))?;
        parse(&path, text)
    }
}

/// The path and the text of the secret of that name in `data`; `None` where there is none. Changes nothing.
pub(super) fn open(data: &Path, name: &str) -> Result<Option<(PathBuf, Kept)>, VaultError> {
    let keys = data.join("keys");
    let path = keys.join(name);
    match File::open(&path) {
        Ok(file) => {
            refuse_open(&keys, fs::metadata(&keys).map_err(failed("look at", &keys))?.permissions(), 0o022)?;
            let text = read(&path, file)?;
            Ok(Some((path, text)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("open", &path)(error)),
    }
}

/// The path and the text of the secret of that name in `data`, which `make` makes if there is none.
pub(super) fn open_or_create(
    data: &Path,
    name: &str,
    make: fn() -> Zeroizing<String>,
) -> Result<(PathBuf, Kept), VaultError> {
    let keys = data.join("keys");
    make_directory(data)?;
    make_directory(&keys)?;
    refuse_open(&keys, fs::metadata(&keys).map_err(failed("look at", &keys))?.permissions(), 0o022)?;
    let path = keys.join(name);
    let text = match File::open(&path) {
        Ok(file) => read(&path, file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(data, &keys, name, make)?;
            read(&path, File::open(&path).map_err(failed("open", &path))?)?
        }
        Err(error) => return Err(failed("open", &path)(error)),
    };
    Ok((path, text))
}

fn read(path: &Path, file: File) -> Result<Kept, VaultError> {
    refuse_open(path, file.metadata().map_err(failed("look at", path))?.permissions(), 0o077)?;
    // With room for it all: a buffer that grows leaves what it held behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MOST_BYTES as usize + 1));
    file.take(MOST_BYTES).read_to_end(&mut text).map_err(failed("read", path))?;
    Ok(text)
}

fn parse(path: &Path, text: Kept) -> Result<KeyRing, VaultError> {
    match str::from_utf8(&text) {
        Ok(ring) => KeyRing::parse(ring).map_err(|error| VaultError::Ring(path.to_owned(), error)),
        Err(error) => Err(failed("read", path)(io::Error::new(io::ErrorKind::InvalidData, error))),
    }
}

fn create(data: &Path, keys: &Path, name: &str, make: fn() -> Zeroizing<String>) -> Result<(), VaultError> {
    // A random name, because a process number is no name of its own where containers share a directory.
    let mut random = [0; 8];
    rand::fill(&mut random).expect("the operating system gives random bytes");
    let draft = keys.join(format!("{name}.{:016x}", u64::from_ne_bytes(random)));
    let path = keys.join(name);
    let linked = write(&draft, make).and_then(|()| match fs::hard_link(&draft, &path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    let _ = fs::remove_file(&draft);
    linked.map_err(failed("write", &path))?;
    // The names have to outlive a power cut as well as the bytes.
    for directory in [keys, data] {
        File::open(directory).and_then(|opened| opened.sync_all()).map_err(failed("sync", directory))?;
    }
    Ok(())
}

fn write(draft: &Path, make: fn() -> Zeroizing<String>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(make().as_bytes()).and_then(|()| file.sync_all())
}

fn make_directory(path: &Path) -> Result<(), VaultError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("make the directory", path))
}

fn refuse_open(path: &Path, permissions: Permissions, forbidden: u32) -> Result<(), VaultError> {
    let mode = permissions.mode() & 0o7777;
    if mode & forbidden == 0 { Ok(()) } else { Err(VaultError::Open(path.to_owned(), mode)) }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> VaultError {
    move |error| VaultError::Io(what, path.to_owned(), error)
}

impl error::Error for VaultError {}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(what, path, error) => write!(
                f,
                "cannot {what} {}: {error}; keys are kept there: name a directory that this user may write with --data, or \
                 give a ring with [keys] ring",
                path.display()
            ),
            Self::Open(path, mode) => write!(
                f,
                "{} may be read or changed by others (mode {mode:04o}), and whoever has the keys can forge sessions and \
                 tokens: chmod go= it, and make a new one if somebody may have read it",
                path.display()
            ),
            Self::Ring(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Operators(path) => write!(
                f,
                "{} is no key of operators: `weir_admin_` and 32 random bytes in Base64. Take it away, and a start makes \
                 another one",
                path.display()
            ),
            Self::Signing(path) => write!(
                f,
                "{} is no key: 32 random bytes in Base64. Take it away, and another one is made; the tokens of this one \
                 then end",
                path.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{super::Purpose, *};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn refused(data: &Path) -> VaultError {
        KeyRing::open_or_create(data).err().expect("this ring is refused")
    }

    #[test]
    fn the_first_start_makes_a_ring_that_the_second_one_reads() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("a/b");
        let text = KeyRing::open_or_create(&data).unwrap().sealer(Purpose::Session).seal(&[], b"x");
        let again = KeyRing::open_or_create(&data).unwrap().sealer(Purpose::Session);
        assert_eq!(again.open(&[], &text), Some(b"x".to_vec()));
        assert_eq!((mode(&data), mode(&data.join("keys")), mode(&data.join("keys/ring"))), (0o700, 0o700, 0o600));
        assert_eq!(fs::read_dir(data.join("keys")).unwrap().count(), 1);
    }

    #[test]
    fn starts_at_once_agree_on_one_ring() {
        let home = tempfile::tempdir().unwrap();
        let texts: Vec<_> = thread::scope(|scope| {
            let start = || KeyRing::open_or_create(home.path()).unwrap().sealer(Purpose::Session).seal(&[], b"x");
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let sealer = KeyRing::open_or_create(home.path()).unwrap().sealer(Purpose::Session);
        assert!(texts.iter().all(|text| sealer.open(&[], text).is_some()));
    }

    #[test]
    fn a_ring_that_others_may_read_is_refused() {
        let home = tempfile::tempdir().unwrap();
        assert!(KeyRing::open_or_create(home.path()).is_ok());
        let ring = home.path().join("keys/ring");
        fs::set_permissions(&ring, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(refused(home.path()), VaultError::Open(path, 0o640) if path == ring));
        fs::set_permissions(&ring, Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(home.path().join("keys"), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(refused(home.path()), VaultError::Open(_, 0o777)));
    }

    #[test]
    fn a_broken_ring_is_refused_and_left_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        assert!(KeyRing::open_or_create(home.path()).is_ok());
        let ring = home.path().join("keys/ring");
        fs::write(&ring, "").unwrap();
        assert!(matches!(refused(home.path()), VaultError::Ring(_, RingError::Empty)));
        assert_eq!(fs::read_to_string(&ring).unwrap(), "");
    }

    #[test]
    fn a_data_directory_that_cannot_be_one_is_named() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        let message = refused(&file).to_string();
        assert!(message.starts_with(&format!("cannot make the directory {}", file.display())), "{message}");
        assert!(message.contains("--data"), "{message}");
    }
}
