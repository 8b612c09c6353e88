//! The place of a secret, which is never written into the file itself, and the secret once it has been read.

use std::{
    env, error, fmt, io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    file::read_file,
    report::Place,
    section::Section,
    shape::{Key, Kind, Shape, Value},
};

/// Longer secrets are refused: what is meant to be a key is not a disk image.
const MOST_BYTES: usize = 64 * 1024;

/// Where a secret is. May be printed: it is no secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In this file.
    File(PathBuf),
    /// In this environment variable.
    Env(String),
    /// In this file of the directory that systemd names in `CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// A secret. Has neither `Debug` nor `Display`, and is overwritten when it is dropped.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

/// Why a secret could not be read; says where it was looked for and nothing of it.
#[derive(Debug)]
pub struct SecretError {
    place: String,
    cause: io::Error,
}

pub(super) const SHAPE: Shape = Shape {
    title: "a secret's place",
    about: "Where a secret is. It is read at the start and never written into the configuration.",
    keys: &[
        key("file", "a path", "A file that holds it."),
        key("env", "the name of an environment variable", "An environment variable that holds it."),
        key(
            "credential",
            "the name of a credential of systemd",
            "A file in the directory that systemd names in `CREDENTIALS_DIRECTORY` (`LoadCredential=`).",
        ),
    ],
    unbuilt: &[],
};

impl Secret {
    /// The secret as it is there, line ends included. Reads a file: not for a thread that carries traffic.
    pub fn read(&self) -> Result<SecretBytes, SecretError> {
        let bytes = match self {
            Self::File(path) => read_file(path, MOST_BYTES),
            Self::Env(name) => match env::var_os(name) {
                Some(value) => Ok(value.into_vec()),
                None => Err(io::Error::new(io::ErrorKind::NotFound, "it is not set")),
            },
            Self::Credential(name) => match env::var_os("CREDENTIALS_DIRECTORY") {
                Some(directory) => read_file(&Path::new(&directory).join(name), MOST_BYTES),
                None => Err(io::Error::new(io::ErrorKind::NotFound, "CREDENTIALS_DIRECTORY is not set")),
            },
        };
        bytes
            .map(|bytes| SecretBytes(Zeroizing::new(bytes)))
            .map_err(|cause| SecretError { place: self.to_string(), cause })
    }

    /// The place under `key`; notes what is wrong with it without showing it.
    pub(super) fn read_place(section: &Section<'_>, key: &str) -> Option<Self> {
        if !section.has(key) {
            return None;
        }
        let place = section.place(key).hidden();
        if !section.has_table(key) {
            // What stands here may well be the secret; it goes into no log of ours.
            let message = format!(
                "`{key}` is a secret, and a secret is never written in place: put it into a file and write \
                 `{key} = {{ file = \"...\" }}`"
            );
            section.mistakes.add(place, message);
            return None;
        }
        Self::read_table(&section.table(key, &SHAPE), key, place)
    }

    /// The place that a table says, which stands under `key`.
    pub(super) fn read_table(table: &Section<'_>, key: &str, place: Place) -> Option<Self> {
        if ["file", "env", "credential"].iter().filter(|place| table.has(place)).count() != 1 {
            table.mistakes.add(place.hidden(), format!("`{key}` takes one of `file`, `env` and `credential`"));
        }
        let file = table.text("file", |path| not_empty(path).map(|path| Self::File(path.into())));
        let env = table.text("env", |name| environment_name(name).map(|name| Self::Env(name.to_owned())));
        let credential = table.text("credential", |name| file_name(name).map(|name| Self::Credential(name.to_owned())));
        file.or(env).or(credential)
    }
}

impl SecretBytes {
    /// It without the line end that files have.
    pub fn without_line_end(mut self) -> Self {
        if self.0.last() == Some(&b'\n') {
            self.0.pop();
            if self.0.last() == Some(&b'\r') {
                self.0.pop();
            }
        }
        self
    }

    /// The secret as it was found, line ends included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Also the meaning of paths elsewhere in the file.
pub(super) fn not_empty(text: &str) -> Result<&str, String> {
    if text.is_empty() || text.contains('\0') { Err("must not be empty".to_owned()) } else { Ok(text) }
}

fn environment_name(name: &str) -> Result<&str, String> {
    let fits = not_empty(name)?.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits { Ok(name) } else { Err("takes the name of an environment variable, [A-Za-z0-9_]+".to_owned()) }
}

fn file_name(name: &str) -> Result<&str, String> {
    let fits = !not_empty(name)?.contains('/') && !name.starts_with('.');
    if fits { Ok(name) } else { Err("takes the name of a credential, not a path".to_owned()) }
}

const fn key(name: &'static str, what: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::Text(what), default: Value::Absent, about }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::Credential(name) => write!(f, "the credential {name}"),
        }
    }
}

/// The cause is part of the text, so it is no `source` as well: whoever prints the chain would say it twice.
impl error::Error for SecretError {}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read the secret in {}: {}", self.place, self.cause)
    }
}
