//! A socket of our own in the file system.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use super::BACKLOG;

/// Whoever is of our group may connect, and nobody else.
const MODE: u32 = 0o660;

/// The file of a listening Unix socket. It is removed with this, unless another process has put its own there.
#[derive(Debug)]
pub(super) struct SocketFile {
    pub(super) path: PathBuf,
    /// Device and inode.
    own: (u64, u64),
}

impl SocketFile {
    /// Takes it away: nobody finds the way here any more.
    pub(super) fn remove(&self) {
        if identity(&self.path).is_ok_and(|there| there == self.own) {
            // Somebody else may be as quick; then it is gone as well.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Binds a socket to `path`. One that is there and that nobody listens on any more is replaced.
///
/// # Errors
/// Somebody listens there, something else is there, or what the operating system says.
pub(super) fn bind(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    make_room(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile { path: path.to_owned(), own: identity(path)? };
    // Nobody can connect before it listens.
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(BACKLOG)?;
    Ok((socket.into(), file))
}

/// Whether [`bind`] would find room now; nothing is changed.
///
/// # Errors
/// Somebody listens there, or something else is there.
pub(super) fn has_room(path: &Path) -> io::Result<()> {
    left_behind(path).map(drop)
}

fn make_room(path: &Path) -> io::Result<()> {
    if left_behind(path)? { fs::remove_file(path) } else { Ok(()) }
}

/// Whether a socket is there that nobody listens on.
fn left_behind(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => {}
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something is there that is no socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A queue that is full would make us wait; it is somebody's.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|there| (there.dev(), there.ino()))
}
