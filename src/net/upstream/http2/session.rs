//! A connection that exchanges share, and the task that drives it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use tokio::task::spawn_local;

use super::super::failure::{Failure, Stage};
use super::super::io::Socket;
use crate::model::clock;
use crate::net::tls;
use crate::telemetry::Held;

/// The most exchanges at once, whatever the server allows.
const STREAMS: usize = 100;
/// What a server may send of one answer before it is read; and of all of them, so that one that is not read holds up
/// no other.
const STREAM_WINDOW: u32 = 65_535;
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * STREAMS as u32;
/// What h2 keeps of one request.
const SEND_BUFFER: usize = 64 * 1024;
/// The most bytes of a head, as over HTTP/1.1.
const HEAD: u32 = 64 * 1024;
/// How long one may lie idle.
const IDLE: Duration = Duration::from_secs(60);

/// An HTTP/2 connection to a server.
#[derive(Debug)]
pub(in super::super) struct Session {
    send: SendRequest<Bytes>,
    /// Exchanges that have begun and are not dropped.
    open: Cell<usize>,
    /// Since when there has been none.
    since: Cell<Instant>,
    ended: Rc<Cell<bool>>,
    held: RefCell<Option<Held>>,
    certificate: Option<i64>,
}

impl Session {
    /// Begins to speak HTTP/2. The task that drives the connection ends with it: when nobody holds it and no exchange
    /// is left, or when it breaks.
    ///
    /// # Errors
    /// `Reset`: nothing was sent of any request.
    pub(in super::super) async fn begin(io: Box<tls::Stream<Socket>>) -> Result<Rc<Self>, Failure> {
        let certificate = tls::dates::runs_out(&io);
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(HEAD)
            .max_send_buffer_size(SEND_BUFFER);
        let (send, connection) = builder.handshake(io).await.map_err(|error| {
            let error = error.into_io();
            Failure::Reset { sent: false, stage: Stage::Sending, error }
        })?;
        let ended = Rc::new(Cell::new(false));
        let end = Rc::clone(&ended);
        spawn_local(async move {
            // Each exchange is told on its own.
            let _ = connection.await;
            end.set(true);
        });
        Ok(Rc::new(Self {
            send,
            open: Cell::new(0),
            since: Cell::new(clock::now()),
            ended,
            held: RefCell::new(None),
            certificate,
        }))
    }

    /// Whether it takes new exchanges at all: it has not ended, and the server has not said that it will (GOAWAY).
    pub(in super::super) fn is_open(&self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        !self.ended.get() && !matches!(self.send.clone().poll_ready(&mut cx), Poll::Ready(Err(_)))
    }

    /// Whether there is room for one more exchange.
    pub(in super::super) fn has_room(&self) -> bool {
        self.open.get() < self.send.current_max_send_streams().min(STREAMS)
    }

    /// Whether it is worth keeping.
    pub(in super::super) fn is_wanted(&self, now: Instant) -> bool {
        self.is_open() && (self.open.get() > 0 || now.saturating_duration_since(self.since.get()) < IDLE)
    }

    pub(super) fn certificate(&self) -> Option<i64> {
        self.certificate
    }

    pub(super) fn count_as(&self, held: Held) {
        let before = self.held.replace(Some(held));
        drop(before);
    }

    /// To ask with.
    pub(super) fn handle(&self) -> SendRequest<Bytes> {
        self.send.clone()
    }

    pub(super) fn enter(&self) {
        if self.open.replace(self.open.get() + 1) == 0
            && let Some(held) = &*self.held.borrow()
        {
            held.works();
        }
    }

    pub(super) fn leave(&self) {
        self.open.set(self.open.get() - 1);
        if self.open.get() == 0 {
            self.since.set(clock::now());
            if let Some(held) = &*self.held.borrow() {
                held.rests();
            }
        }
    }
}
