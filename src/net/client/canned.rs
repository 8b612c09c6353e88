//! What is said without HTTP's machinery: a status, an empty body, and an end that does not destroy what was said.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::net::socket::Socket;

/// How long a client may take to read its last answer.
pub(super) const LINGER: Duration = Duration::from_secs(1);
/// How much of what it still sends is read away meanwhile.
const LINGER_BYTES: usize = 256 * 1024;

/// How many strangers one core tells at once why they are turned away. Those past it are closed without a word, so
/// that a flood cannot take the file descriptors of those who were let in.
const DOORSTEP: usize = 32;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// Nothing is owed, or nobody is there.
    Close,
    /// What was said must not look complete, or is not read: nothing of it stays in the kernel.
    Reset,
    /// The last answer has been written, and is to arrive.
    Linger,
    /// An answer of this status and nothing else.
    TurnAway(u16),
}

impl Farewell {
    pub(super) async fn say(self, stream: Socket) {
        match self {
            Farewell::Close => stream.close().await,
            Farewell::Reset => stream.reset(),
            Farewell::Linger => linger(stream).await,
            Farewell::TurnAway(status) => turn_away(stream, status).await,
        }
    }
}

/// Answers with `status` and an empty body, and closes (security: what the head guard refuses is no MCP error).
async fn turn_away(mut stream: Socket, status: u16) {
    let head = match status {
        431 => "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        408 => "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        502 => "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        503 => "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n",
        _ => "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    };
    if let Ok(Ok(())) = timeout(LINGER, stream.write_all(head.as_bytes())).await {
        linger(stream).await;
    }
}

/// Closes after TLS has told a client why it is not let in.
pub(in crate::net) async fn dismiss(stream: Socket) {
    linger(stream).await;
}

/// Tells a client that speaks HTTP where TLS is awaited.
pub(in crate::net) async fn awaits_tls(mut stream: Socket) {
    const ANSWER: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 54\r\n\
                          connection: close\r\n\r\nThis port speaks TLS: the URL has to begin with https\n";
    if let Ok(Ok(())) = timeout(LINGER, stream.write_all(ANSWER.as_bytes())).await {
        linger(stream).await;
    }
}

/// Closes after a last answer (RFC 9112, 9.6): says that nothing more will be written, and reads away for a while what
/// is still coming. A plain close would reset the connection where bytes are unread, and the reset would overtake the
/// answer.
pub(super) async fn linger<IO: AsyncRead + AsyncWrite + Unpin>(mut stream: IO) {
    let last = async {
        stream.shutdown().await?;
        let mut sink = [0; 2048];
        let mut left = LINGER_BYTES;
        while left > 0 {
            match stream.read(&mut sink).await? {
                0 => return Ok(()),
                read => left = left.saturating_sub(read),
            }
        }
        // A flood is no longer read; what was said still has its time to be.
        pending::<std::io::Result<()>>().await
    };
    // Whatever goes wrong here, the connection is over.
    let _ = timeout(LINGER, last).await;
}

/// Where one core turns away those who come when it is full.
#[derive(Clone, Debug, Default)]
pub struct Doorstep {
    standing: Rc<Cell<usize>>,
}

impl Doorstep {
    /// Tells a stranger 503 and closes; nothing is to be done where too many stand there already. To be spawned.
    pub fn turn_away(&self, stream: Socket) -> Option<impl Future<Output = ()> + use<>> {
        if self.standing.get() >= DOORSTEP {
            return None;
        }
        let place = Place::take(&self.standing);
        Some(async move {
            turn_away(stream, 503).await;
            drop(place);
        })
    }
}

struct Place(Rc<Cell<usize>>);

impl Place {
    fn take(standing: &Rc<Cell<usize>>) -> Self {
        standing.set(standing.get() + 1);
        Self(Rc::clone(standing))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
