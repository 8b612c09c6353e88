//! The task of one stream: it opens it, posts what is said, hands on what comes, and closes it.

use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::timeout;

use crate::net::upstream::{Connection, Pool};
use crate::protocol::message::{self, Body, Kind, Limits};
use crate::protocol::sse::Reader;

use super::super::exchange::Queue;
use super::super::fleet::{Fleet, Shared};
use super::super::process::{How, Process};
use super::super::spec::Spec;
use super::super::worker::{MOST_BEHIND, room};
use super::place::target;
use super::{Pair, post};

/// Connections that are kept for POSTs.
const KEPT: usize = 2;

/// Runs a stream to its end.
pub(in crate::net::command) async fn drive(fleet: Shared, process: Rc<Process>, pair: Pair) {
    let spec = Arc::clone(&fleet.borrow().spec);
    let pool = Rc::new(Pool::new(1, KEPT));
    let opening = timeout(spec.start, post::open(&pool, &pair));
    let how = match opening.await {
        Ok(Ok(stream)) => {
            let reader = Reader::new(spec.line_limit);
            let carrier = Carrier {
                fleet: &fleet,
                process: &process,
                spec,
                pool,
                pair: &pair,
                path: None,
                reader,
                out: Vec::new(),
                taken: 0,
            };
            carrier.run(stream).await
        }
        Ok(Err(why)) => How::NotStarted(why),
        Err(_) => How::NotStarted("it did not open its stream in time".to_owned()),
    };
    Fleet::ended(&fleet, &process, &how);
}

struct Carrier<'a> {
    fleet: &'a Shared,
    process: &'a Rc<Process>,
    spec: Arc<Spec>,
    pool: Rc<Pool>,
    pair: &'a Pair,
    /// Where to post to, once the server has said so.
    path: Option<String>,
    reader: Reader,
    /// What is being posted, line by line, and how much of it has been taken.
    out: Vec<u8>,
    taken: usize,
}

/// A message that is being posted; `None` where there is none. Messages go one after the other, as in a pipe.
type Posting = Option<(Bytes, Pin<Box<dyn Future<Output = Result<u16, String>>>>)>;

impl Carrier<'_> {
    async fn run(mut self, mut stream: Box<Connection>) -> How {
        let mut posting: Posting = None;
        loop {
            if posting.is_none() {
                posting = self.next_line();
            }
            if let Some(why) = self.process.ending().filter(|_| posting.is_none()) {
                return How::Ended(why.to_owned());
            }
            let choked = self.fleet.borrow().choked(self.process);
            let step = tokio::select! {
                () = self.process.changed() => Ok(()),
                chunk = stream.chunk(), if choked.is_none() => match chunk {
                    Ok(Some(chunk)) => self.hear(&chunk),
                    Ok(None) => Err("its event stream ended".to_owned()),
                    Err(failure) => Err(failure.to_string()),
                },
                () = until_room(choked.as_deref()), if choked.is_some() => Ok(()),
                status = posted(&mut posting), if posting.is_some() => {
                    let line = posting.take().map(|(line, _)| line).unwrap_or_default();
                    status.and_then(|status| self.posted(&line, status))
                }
            };
            if let Err(why) = step {
                return How::Broke(why);
            }
        }
    }

    /// The next line to be posted.
    fn next_line(&mut self) -> Posting {
        let path = self.path.clone()?;
        if self.taken == self.out.len() {
            self.out.clear();
            self.taken = 0;
            std::mem::swap(&mut self.out, &mut self.process.traffic.borrow_mut().out);
        }
        let rest = &self.out[self.taken..];
        let end = memchr::memchr(b'\n', rest)?;
        let line = Bytes::copy_from_slice(&rest[..end]);
        self.taken += end + 1;
        let (pool, pair, patience) = (Rc::clone(&self.pool), self.pair.clone(), self.spec.start);
        Some((line.clone(), Box::pin(post::post(pool, pair, path, line, patience))))
    }

    /// Hands on what has come on the stream.
    fn hear(&mut self, chunk: &[u8]) -> Result<(), String> {
        self.reader.push(chunk);
        loop {
            let block = match self.reader.next() {
                Ok(Some(block)) => block,
                Ok(None) => break,
                Err(_) => {
                    self.fleet.borrow_mut().overlong(self.process);
                    return Ok(());
                }
            };
            if block.event == Some(b"endpoint") && self.path.is_none() {
                let said = String::from_utf8_lossy(block.data.unwrap_or_default());
                let path = target(&self.pair.endpoint, &said);
                self.path = Some(path.ok_or("its `endpoint` event names no place at its own origin")?);
            } else if let Some(text) = block.message() {
                self.fleet.borrow_mut().hear(self.process, text);
            }
        }
        self.process.traffic.borrow_mut().cut_slow(MOST_BEHIND);
        Ok(())
    }

    /// A message was answered with this status. A request that the server did not take will have no other answer.
    fn posted(&self, line: &[u8], status: u16) -> Result<(), String> {
        match status {
            200..=299 => Ok(()),
            // The session is unknown, or whoever we are may not speak: no message will be taken any more.
            401 | 403 | 404 | 410 => Err(format!("it answered a POST with status {status}")),
            _ => {
                tracing::warn!(
                    server = self.spec.name,
                    status,
                    "a server of the pair of 2024-11-05 did not take a message"
                );
                if let Some(error) = refused(line, status) {
                    self.fleet.borrow_mut().hear(self.process, error.as_bytes());
                }
                Ok(())
            }
        }
    }
}

/// The error that a request gets which was not taken.
fn refused(line: &[u8], status: u16) -> Option<String> {
    let Ok(Body::One(message)) = message::read_client(line, &Limits::default()) else { return None };
    let id = message.id.filter(|_| message.kind == Kind::Request)?;
    let id = String::from_utf8_lossy(&line[id.span().start as usize..id.span().end as usize]).into_owned();
    Some(format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":-32603,\"message\":\"the server answered with HTTP \
         status {status}\"}}}}"
    ))
}

async fn posted(posting: &mut Posting) -> Result<u16, String> {
    match posting {
        Some((_, asked)) => asked.as_mut().await,
        None => pending().await,
    }
}

async fn until_room(queue: Option<&Queue>) {
    room(queue).await;
}
