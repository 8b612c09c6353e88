//! A connection's socket and what has been read of it, as the driver and the body of a request both use it.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::guard::{Head, Part, Phase, Reader, Refused};
use crate::net::socket::Socket;

use super::body::BodyBroken;
use super::clocks::{BodyClock, HeadClock};
use super::shared::Scratch;
use super::{Limits, TurnedAway};

/// What is read at once where a request is awaited: a head and a small body. What it brings is held for as long as a
/// part of it is.
const FIRST: usize = 16 * 1024;

/// What is read of later requests while one is answered.
const AHEAD: usize = 8 * 1024;

/// Told to a client that waits for it before it sends a body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The state of a connection. Only its driver reads, but for a body that is polled by who has it.
pub(super) struct Wire {
    io: RefCell<Io>,
    /// How many requests have begun; a body belongs to one of them.
    turn: Cell<u32>,
    /// The clock of the present request's body.
    pub(super) body: BodyClock,
    /// Why the body that is read is none.
    broken: Cell<Option<Refused>>,
    /// The request that a handler has was turned away so.
    turned_away: Cell<Option<TurnedAway>>,
    /// The client has closed its side, or the socket broke.
    left: Cell<bool>,
}

struct Io {
    /// Until it is taken to say farewell, or to write a stream.
    socket: Option<Socket>,
    reader: Reader,
    /// What has been read, and not been looked at.
    input: Bytes,
    scratch: Scratch,
    /// How much of `CONTINUE` is still to be written: all of it, while the body has not been asked for.
    invitation: &'static [u8],
}

impl Wire {
    pub(super) fn new(socket: Socket, limits: &Limits, scratch: Scratch) -> Self {
        let reader = Reader::new(limits.head);
        Self {
            io: RefCell::new(Io { socket: Some(socket), reader, input: Bytes::new(), scratch, invitation: b"" }),
            turn: Cell::new(0),
            body: BodyClock::default(),
            broken: Cell::new(None),
            turned_away: Cell::new(None),
            left: Cell::new(false),
        }
    }

    /// Reads up to the end of the next head; none if the client has left. `clock` is told how far it is.
    pub(super) fn poll_head(&self, clock: &HeadClock, cx: &mut Context<'_>) -> Poll<Result<Option<Head>, Refused>> {
        let io = &mut *self.io.borrow_mut();
        loop {
            if let Some(Part::Head(head)) = io.reader.next(&mut io.input)? {
                self.begin(&head, io);
                return Poll::Ready(Ok(Some(head)));
            }
            clock.is_at(io.reader.phase());
            match ready!(io.poll_fill(FIRST, cx)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => {
                    self.left.set(true);
                    return Poll::Ready(Ok(None));
                }
            }
        }
    }

    fn begin(&self, head: &Head, io: &mut Io) {
        self.turn.set(self.turn.get().wrapping_add(1));
        let over = io.reader.phase() != Phase::Body;
        self.body.begin(over);
        let invites = !over && head.parts.version == http::Version::HTTP_11 && head.awaits_continue();
        io.invitation = if invites { CONTINUE } else { b"" };
    }

    /// Which request is the present one; 0 before the first.
    pub(super) fn turn(&self) -> u32 {
        self.turn.get()
    }

    /// The next bytes of the body of that request; none at its end. Where it breaks the driver turns the request away,
    /// and drops who waits here.
    pub(super) fn poll_body(&self, turn: u32, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyBroken>>> {
        let io = &mut *self.io.borrow_mut();
        if turn != self.turn() || self.left.get() || io.socket.is_none() {
            return Poll::Ready(Some(Err(BodyBroken)));
        }
        if self.broken.get().is_some() {
            return Poll::Pending;
        }
        if !io.invitation.is_empty() && ready!(io.poll_invite(cx)).is_err() {
            return self.broke_off();
        }
        while io.reader.phase() == Phase::Body {
            match io.reader.next(&mut io.input) {
                Ok(Some(Part::Data(bytes))) => return Poll::Ready(Some(Ok(bytes))),
                Ok(Some(_)) => {}
                Ok(None) => match ready!(io.poll_fill(usize::MAX, cx)) {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return self.broke_off(),
                },
                Err(refused) => {
                    self.broken.set(Some(refused));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(None)
    }

    fn broke_off(&self) -> Poll<Option<Result<Bytes, BodyBroken>>> {
        self.left.set(true);
        Poll::Ready(Some(Err(BodyBroken)))
    }

    /// The bytes of that request's body that are still to come; `None` where only its end tells.
    pub(super) fn body_left(&self, turn: u32) -> Option<u64> {
        if turn == self.turn() { self.io.borrow().reader.left() } else { Some(0) }
    }

    /// Why the present request's body is none.
    pub(super) fn broken(&self) -> Option<Refused> {
        self.broken.get()
    }

    /// Whether the client leaves while its request is answered, or has. What it sends ahead is kept, and nothing more is
    /// read then.
    pub(super) fn poll_left(&self, cx: &mut Context<'_>) -> Poll<()> {
        let io = &mut *self.io.borrow_mut();
        if self.left.get() || io.reader.phase() == Phase::Body || !io.input.is_empty() {
            return Poll::Pending;
        }
        match ready!(io.poll_fill(AHEAD, cx)) {
            Ok(1..) => Poll::Pending,
            Ok(0) | Err(_) => {
                self.left.set(true);
                Poll::Ready(())
            }
        }
    }

    /// Passes over what is here of the present body; whether that is all of it.
    pub(super) fn ends_body(&self) -> bool {
        let io = &mut *self.io.borrow_mut();
        while io.reader.phase() == Phase::Body {
            if !matches!(io.reader.next(&mut io.input), Ok(Some(_))) {
                return false;
            }
        }
        true
    }

    /// Remembers that the request which is answered is turned away.
    pub(super) fn turn_away(&self, turned: TurnedAway) {
        self.turned_away.set(Some(turned));
    }

    /// How the request that a handler has was turned away.
    pub(super) fn turned_away(&self) -> Option<TurnedAway> {
        self.turned_away.get()
    }

    /// Whether the client has sent nothing that we have not read.
    pub(super) fn is_quiet(&self) -> bool {
        self.io.borrow().socket.as_ref().is_some_and(Socket::is_quiet)
    }

    /// Whether the client has closed its side, or the socket broke.
    pub(super) fn has_left(&self) -> bool {
        self.left.get()
    }

    /// Where an invitation has begun to leave, what of it is to be written before anything else.
    pub(super) fn take_invitation(&self) -> &'static [u8] {
        match std::mem::take(&mut self.io.borrow_mut().invitation) {
            whole if whole.len() == CONTINUE.len() => b"",
            rest => rest,
        }
    }

    /// Lends the socket.
    pub(super) fn with_socket<T>(&self, use_it: impl FnOnce(&mut Socket, &Scratch) -> T) -> Option<T> {
        let io = &mut *self.io.borrow_mut();
        io.socket.as_mut().map(|socket| use_it(socket, &io.scratch))
    }

    /// Takes the socket out, with what has been read ahead.
    pub(super) fn take(&self) -> Option<(Socket, Bytes)> {
        let io = &mut *self.io.borrow_mut();
        Some((io.socket.take()?, std::mem::take(&mut io.input)))
    }

    /// Goes on with it behind a stream.
    pub(super) fn resume(&self, socket: Socket, ahead: BytesMut) {
        let io = &mut *self.io.borrow_mut();
        io.socket = Some(socket);
        io.input = ahead.freeze();
    }
}

impl Io {
    /// Reads once, `most` bytes at the utmost; how many came. All that came before has been taken.
    fn poll_fill(&mut self, most: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(socket) = &mut self.socket else { return Poll::Ready(Ok(0)) };
        let mut buffer = self.scratch.buffer.borrow_mut();
        let most = most.min(buffer.len());
        let mut read = ReadBuf::new(&mut buffer[..most]);
        ready!(Pin::new(socket).poll_read(cx, &mut read))?;
        let bytes = read.filled();
        self.input = Bytes::copy_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_invite(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(socket) = &mut self.socket else { return Poll::Ready(Ok(())) };
        while !self.invitation.is_empty() {
            let written = ready!(Pin::new(&mut *socket).poll_write(cx, self.invitation))?;
            self.invitation = &self.invitation[written..];
        }
        Pin::new(socket).poll_flush(cx)
    }
}
