//! What is said without HTTP's machinery: a status, an empty body, the end of the connection.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a client that is turned away may take to read its answer.
const LINGER: Duration = Duration::from_secs(1);
/// How much of what it still sends is read away, so that a reset does not destroy the answer on its way.
const LINGER_BYTES: usize = 64 * 1024;

/// Answers with `status` and an empty body, and closes (security: what the head guard refuses is no MCP error).
pub async fn turn_away(mut stream: TcpStream, status: u16) {
    let head = match status {
        431 => "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        408 => "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        503 => "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n",
        _ => "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    };
    // Whatever goes wrong here, the connection is over.
    let _ = tokio::time::timeout(LINGER, async {
        stream.write_all(head.as_bytes()).await?;
        linger(&mut stream).await
    })
    .await;
}

/// Says that nothing more will be written, and reads away what is still coming.
async fn linger(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.shutdown().await?;
    let mut sink = [0; 2048];
    let mut left = LINGER_BYTES;
    while left > 0 {
        match stream.read(&mut sink).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}
