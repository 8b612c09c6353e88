//! Standard input and output as the runtime can wait for them: pipes and sockets, which is what whoever starts a server
//! gives it. Anything else, a terminal or a file, has a thread of its own that reads it, and is written to where we are.

use std::fs::{File, FileType};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream as Socket;
use std::thread;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::{Receiver, Sender};

/// Standard input.
pub(super) struct Input(Box<dyn AsyncRead + Unpin>);

/// Standard output; `None` where it is written to in place.
pub(super) struct Output(Option<Box<dyn AsyncWrite + Unpin>>);

impl Input {
    pub(super) fn open() -> io::Result<Self> {
        let (fd, kind) = opened(io::stdin())?;
        Ok(Self(match kind {
            kind if kind.is_fifo() => Box::new(Receiver::from_owned_fd(fd)?),
            kind if kind.is_socket() => Box::new(socket(fd.into())?),
            _ => Box::new(copied(fd.into())?),
        }))
    }

    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).await
    }
}

impl Output {
    pub(super) fn open() -> io::Result<Self> {
        let (fd, kind) = opened(io::stdout())?;
        Ok(Self(match kind {
            kind if kind.is_fifo() => Some(Box::new(Sender::from_owned_fd(fd)?)),
            kind if kind.is_socket() => Some(Box::new(socket(fd.into())?)),
            _ => None,
        }))
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            _ if bytes.is_empty() => Ok(()),
            Some(output) => output.write_all(bytes).await,
            None => {
                let mut output = io::stdout().lock();
                output.write_all(bytes).and_then(|()| output.flush())
            }
        }
    }
}

fn opened(stream: impl AsFd) -> io::Result<(OwnedFd, FileType)> {
    let file = File::from(stream.as_fd().try_clone_to_owned()?);
    let kind = file.metadata()?.file_type();
    Ok((file.into(), kind))
}

fn socket(socket: Socket) -> io::Result<UnixStream> {
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

fn copied(mut from: File) -> io::Result<UnixStream> {
    let (mut to, end) = Socket::pair()?;
    thread::Builder::new().name("weir-sample-input".to_owned()).spawn(move || {
        // It ends with the input, or with whoever reads it.
        let _ = io::copy(&mut from, &mut to);
    })?;
    socket(end)
}
