//! A file that is named, read without waiting for what may never come: a name may lead to a pipe, a device, a directory.

use std::{
    fs::{self, File, FileType, OpenOptions},
    io::{self, ErrorKind, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
};

/// How long nothing may come through a pipe; whoever is asked for a passphrase at its other end needs a while.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    /// Regular files.
    Files,
    /// Pipes as well, by whoever does not have to read them a second time.
    Pipes,
}

/// What was read.
pub(super) struct Contents {
    pub(super) bytes: Vec<u8>,
    /// It has no place where other files would be beside it.
    pub(super) is_pipe: bool,
}

/// Reads a regular file of at most so many bytes. Whatever else the name leads to is an error, and is not waited for.
pub fn read_file(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    read(path, most, Accepted::Files).map(|contents| contents.bytes)
}

pub(super) fn read(path: &Path, most: usize, accepted: Accepted) -> io::Result<Contents> {
    // The file that was opened is the one that is asked for its kind: a name may be given to another meanwhile.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| explained(path, error))?;
    let found = file.metadata()?;
    if found.is_file() {
        let likely = usize::try_from(found.len()).unwrap_or(usize::MAX);
        return Ok(Contents { bytes: whole(file, likely, most)?, is_pipe: false });
    }
    if found.file_type().is_fifo() && accepted == Accepted::Pipes {
        return Ok(Contents { bytes: whole(Pipe { file, patience: PATIENCE }, 0, most)?, is_pipe: true });
    }
    Err(io::Error::new(ErrorKind::InvalidInput, kind(found.file_type())))
}

/// What it is that is no file, and what to do.
fn kind(of: FileType) -> &'static str {
    if of.is_dir() {
        "it is a directory: name a file in it"
    } else if of.is_fifo() {
        "it is a pipe, which cannot be read again at a reload: write what comes through it to a file, and name that"
    } else if of.is_socket() {
        "it is a socket: name a file"
    } else {
        "it is a device: name a file"
    }
}

/// What the system says of a socket, or of a link that leads nowhere, says nothing of either.
fn explained(path: &Path, error: io::Error) -> io::Error {
    if fs::metadata(path).is_ok_and(|of| of.file_type().is_socket()) {
        return io::Error::new(ErrorKind::InvalidInput, "it is a socket: name a file");
    }
    match (error.kind(), fs::read_link(path)) {
        (ErrorKind::NotFound, Ok(to)) => {
            let why = format!("it is a link, and nothing is where it leads to, {}", to.display());
            io::Error::new(ErrorKind::NotFound, why)
        }
        _ => error,
    }
}

fn whole(from: impl Read, likely: usize, most: usize) -> io::Result<Vec<u8>> {
    // In one piece, so that a secret leaves no copies behind while it grows.
    let mut bytes = Vec::with_capacity(likely.min(most) + 1);
    from.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is longer than {}", size(most))));
    }
    Ok(bytes)
}

fn size(bytes: usize) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mib => format!("{mib} MiB"),
    }
}

/// A pipe, opened not to wait: it says by its readiness that something came, or that its last writer has gone.
struct Pipe {
    file: File,
    patience: Duration,
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let patience = Timespec::try_from(self.patience).expect("a patience of seconds");
        if poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&patience))? == 0 {
            let why = format!("it is a pipe, and nothing came through it for {} s", self.patience.as_secs());
            return Err(io::Error::new(ErrorKind::TimedOut, why));
        }
        self.file.read(into)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::net::UnixListener, thread};

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    fn error(path: &Path) -> String {
        read_file(path, 1 << 20).expect_err("it is refused").to_string()
    }

    #[test]
    fn what_is_no_file_is_said_and_not_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let [pipe, socket, link] = ["pipe", "socket", "link"].map(|name| home.path().join(name));
        mknodat(CWD, &pipe, FileType::Fifo, 0o600.into(), 0).unwrap();
        let _listener = UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink("gone", &link).unwrap();
        assert!(error(&pipe).starts_with("it is a pipe, "));
        assert_eq!(error(&socket), "it is a socket: name a file");
        assert_eq!(error(home.path()), "it is a directory: name a file in it");
        assert_eq!(error(Path::new("/dev/zero")), "it is a device: name a file");
        assert_eq!(error(&link), "it is a link, and nothing is where it leads to, gone");
        assert!(error(&home.path().join("gone")).starts_with("No such file"));
    }

    #[test]
    fn a_file_is_read_to_its_bound() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, [7; 2048]).unwrap();
        assert_eq!(read_file(&file, 2048).unwrap(), [7; 2048]);
        assert_eq!(read_file(&file, 2047).unwrap_err().to_string(), "it is longer than 1 KiB");
        // It says that it is empty, and is not.
        assert!(!read_file(Path::new("/proc/self/status"), 1 << 20).unwrap().is_empty());
    }

    #[test]
    fn a_pipe_is_read_to_its_end_by_whoever_may() {
        let home = tempfile::tempdir().unwrap();
        let pipe = home.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, 0o600.into(), 0).unwrap();
        let to = pipe.clone();
        // It opens once there is a reader, so that the reader is there before the first byte.
        let writer = thread::spawn(move || {
            let mut to = OpenOptions::new().write(true).open(to).unwrap();
            (0..3).for_each(|_| to.write_all(&[7; 100_000]).unwrap());
        });
        let contents = read(&pipe, 1 << 20, Accepted::Pipes).unwrap();
        assert!(contents.is_pipe && contents.bytes == [7; 300_000]);
        writer.join().unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
        let silent = whole(Pipe { file, patience: Duration::ZERO }, 0, 10).unwrap_err();
        assert_eq!(silent.kind(), ErrorKind::TimedOut);
    }
}
