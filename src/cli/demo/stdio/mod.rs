//! The sample server over standard input and output: a message a line, in either era.
//!
//! Who started it is its one client: the first `initialize` opens the one session, and what the client of HTTP hears on
//! its GET stream comes as it happens. What one read brings is answered by one write.

mod front;
mod pipes;

use std::io;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::time::timeout;

use crate::protocol::stdio::Lines;

use super::site::Site;
use front::Front;
use pipes::{Input, Output};

/// Bytes of a message.
const LONGEST: usize = 1024 * 1024;
/// Bytes that are read at once.
const READ: usize = 64 * 1024;
/// How long what runs may take to come to its end once the input has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// Serves until the input ends, or until `stopped`, its notes in `directory`.
///
/// # Errors
/// The directory cannot be had, or the system refuses what is needed to read and to write.
pub(super) fn serve(directory: &Path, stopped: impl Future<Output = ()>) -> io::Result<()> {
    let site = Arc::new(Site::open(directory)?);
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let (mut input, mut output, mut stopped) = (Input::open()?, Output::open()?, pin!(stopped));
        let front = Rc::new(Front::new(site));
        let ended = tokio::select! {
            ended = converse(&front, &mut input, &mut output) => ended,
            () = &mut stopped => Ok(()),
        };
        match ended {
            Ok(()) => finish(&front, &mut output).await,
            Err(error) => Err(error),
        }
        .or_else(nobody_reads)
    })
}

/// Carries lines both ways until there are no more.
async fn converse(front: &Rc<Front>, input: &mut Input, output: &mut Output) -> io::Result<()> {
    let mut lines = Lines::new(LONGEST);
    let (mut buffer, mut out) = (vec![0; READ], Vec::new());
    loop {
        let read = tokio::select! {
            read = input.read(&mut buffer) => Some(read?),
            () = front.has_more() => None,
        };
        match read {
            // The last line may lack its end.
            Some(0) => lines.push(b"\n", |line| front.take(line)),
            Some(read) => lines.push(&buffer[..read], |line| front.take(line)),
            None => {}
        }
        // Who does not read is not read from, either.
        front.fetch(&mut out);
        output.write(&out).await?;
        if read == Some(0) {
            return Ok(());
        }
    }
}

/// What runs comes to its end, and is written.
async fn finish(front: &Front, output: &mut Output) -> io::Result<()> {
    let written = timeout(PATIENCE, async {
        front.end().await;
        let mut out = Vec::new();
        front.fetch(&mut out);
        output.write(&out).await
    });
    written.await.unwrap_or(Ok(()))
}

/// Whoever started us may have gone; that is an end like another.
fn nobody_reads(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Ok(()),
        _ => Err(error),
    }
}
