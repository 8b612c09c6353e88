//! One message on its way to the server, and one stream from it: the requests that there are.

use std::io::Write as _;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, header};
use tokio::time::timeout;

use crate::net::grant::Held;
use crate::net::upstream::{Connection, Failure, Pool, ResponseHead};
use crate::protocol::media;

use super::Pair;

/// Bytes of an answer to a POST that are read away; a longer one costs its connection.
const READ_AWAY: usize = 64 * 1024;

/// Opens the stream.
pub(super) async fn open(pool: &Pool, pair: &Pair) -> Result<Box<Connection>, String> {
    let held = held(pair).await?;
    let mut connection = pool.connect(0, &pair.endpoint).await.map_err(|failure| failure.to_string())?;
    let more = "accept: text/event-stream\r\n";
    connection.queue(|out| head(out, "GET", pair, held.as_ref(), &pair.endpoint.path, more), Bytes::new());
    let head = connection.head(&Method::GET).await.map_err(|failure| failure.to_string())?;
    match is_events(&head) {
        true => Ok(connection),
        false => Err(format!("it answered GET with status {} and no event stream", head.status.as_u16())),
    }
}

/// Posts a message; the status that it was answered with.
pub(super) async fn post(
    pool: Rc<Pool>,
    pair: Pair,
    path: String,
    line: Bytes,
    patience: Duration,
) -> Result<u16, String> {
    let held = held(&pair).await?;
    let held = held.as_ref();
    let asked = timeout(patience, async {
        if let Some(kept) = pool.take(0) {
            match answer(&pool, kept, &pair, held, &path, line.clone()).await {
                // The server has closed it in the meantime. What may have arrived is not sent twice.
                Err(failure) if failure.nothing_sent() => {}
                answered => return answered,
            }
        }
        answer(&pool, pool.connect(0, &pair.endpoint).await?, &pair, held, &path, line).await
    });
    match asked.await {
        Ok(status) => status.map_err(|failure| failure.to_string()),
        Err(_) => Err("a POST was not answered in time".to_owned()),
    }
}

async fn answer(
    pool: &Pool,
    mut connection: Box<Connection>,
    pair: &Pair,
    held: Option<&Held>,
    path: &str,
    line: Bytes,
) -> Result<u16, Failure> {
    let more = format!("content-type: application/json\r\ncontent-length: {}\r\n", line.len());
    connection.queue(|out| head(out, "POST", pair, held, path, &more), line);
    let status = connection.head(&Method::POST).await?.status.as_u16();
    // The status says all; its body is read so that the connection can be kept.
    if connection.whole(READ_AWAY).await.is_ok() && connection.is_done() {
        pool.give_back(connection);
    }
    Ok(status)
}

/// What is shown with a request.
async fn held(pair: &Pair) -> Result<Option<Held>, String> {
    match &pair.credential {
        Some(credential) => {
            credential.obtain().await.map(Some).map_err(|_| "there is no credential to show it".to_owned())
        }
        None => Ok(None),
    }
}

fn head(out: &mut Vec<u8>, method: &str, pair: &Pair, held: Option<&Held>, path: &str, more: &str) {
    // Writing into a Vec cannot fail.
    let _ = write!(
        out,
        "{method} {path} HTTP/1.1\r\nhost: {}\r\nuser-agent: weir/{}\r\naccept-encoding: identity\r\n{more}",
        pair.endpoint.authority,
        env!("CARGO_PKG_VERSION")
    );
    if let Some(held) = held {
        out.extend_from_slice(held.field().line());
    }
    out.extend_from_slice(b"\r\n");
}

fn is_events(head: &ResponseHead) -> bool {
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    head.status.as_u16() == 200 && media::essence(kind).eq_ignore_ascii_case("text/event-stream")
}
