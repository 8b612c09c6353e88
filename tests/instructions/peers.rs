//! The client and the server around a core: they take their turn whenever the core has nothing left to do, on its own
//! thread. So nothing is a matter of luck: what the core finds when it looks is the same in every run.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use super::meter::left_out;

/// How long is waited for what should be there: it may still be on its way, and then the core is let look again.
const PATIENCE: Duration = Duration::from_millis(50);

/// Both ends that are not the core's.
pub(crate) struct Peers {
    client: TcpStream,
    listener: TcpListener,
    server: Option<TcpStream>,
    turn: Turn,
    play: Play,
    left: usize,
    /// How often nothing had come that was waited for, one time after the other.
    vain: usize,
    heard: Vec<u8>,
    done: Arc<Notify>,
}

/// A call, and how its answer is known to have ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Play {
    /// What the client writes.
    pub(crate) request: Vec<u8>,
    /// What the server answers; `None` where it is not to be asked.
    pub(crate) answer: Option<Vec<u8>>,
    /// How what the client reads ends.
    pub(crate) end: &'static str,
}

/// Who is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    ClientAsks,
    ServerAnswers,
    ClientHears,
}

impl Peers {
    /// A client connected to what it returns first, and a server at the address that it returns last.
    pub(crate) fn new() -> (TcpStream, Self, SocketAddr) {
        let gateway = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let client = TcpStream::connect(gateway.local_addr().expect("it is bound")).expect("it listens");
        let (accepted, _) = gateway.accept().expect("it has connected");
        client.set_read_timeout(Some(PATIENCE)).expect("a socket takes it");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        listener.set_nonblocking(true).expect("a socket can");
        let address = listener.local_addr().expect("it is bound");
        let peers = Self {
            client,
            listener,
            server: None,
            turn: Turn::ClientAsks,
            play: Play::default(),
            left: 0,
            vain: 0,
            heard: Vec::new(),
            done: Arc::default(),
        };
        (accepted, peers, address)
    }

    /// The core has nothing left to do.
    pub(crate) fn take_turn(peers: &Mutex<Self>) {
        left_out(&mut || peers.lock().expect("nobody panics with it").advance());
    }

    /// Has the same call made so often; told by what it returns.
    pub(crate) fn begin(&mut self, play: &Play, calls: usize) -> Arc<Notify> {
        (self.play, self.left) = (play.clone(), calls);
        Arc::clone(&self.done)
    }

    /// What the client has read last.
    pub(crate) fn heard(&self) -> &[u8] {
        &self.heard
    }

    fn advance(&mut self) {
        match self.turn {
            Turn::ClientAsks if self.left == 0 => self.done.notify_one(),
            Turn::ClientAsks => {
                self.heard.clear();
                self.client.write_all(&self.play.request).expect("the core reads");
                self.turn = if self.play.answer.is_some() { Turn::ServerAnswers } else { Turn::ClientHears };
            }
            Turn::ServerAnswers => {
                if self.hears_request() {
                    let server = self.server.as_mut().expect("it has been read from");
                    server.write_all(self.play.answer.as_deref().unwrap_or_default()).expect("the core reads");
                    self.turn = Turn::ClientHears;
                }
            }
            Turn::ClientHears => {
                let came = read(&mut self.client);
                self.note(came.is_some());
                self.heard.extend(came.unwrap_or_default());
                if self.heard.ends_with(self.play.end.as_bytes()) {
                    self.left -= 1;
                    self.turn = Turn::ClientAsks;
                    self.advance();
                }
            }
        }
    }

    /// Whether a request has come to the server, in one piece as the core writes it.
    fn hears_request(&mut self) -> bool {
        if self.server.is_none()
            && let Ok((server, _)) = self.listener.accept()
        {
            server.set_nonblocking(false).expect("a socket can");
            server.set_read_timeout(Some(PATIENCE)).expect("a socket takes it");
            self.server = Some(server);
        }
        let came = self.server.as_mut().and_then(read).is_some();
        self.note(came);
        came
    }

    /// Notes whether something came. What never comes ends the test, and says what that is.
    fn note(&mut self, came: bool) {
        self.vain = if came { 0 } else { self.vain + 1 };
        assert!(
            self.vain < 20,
            "never came: {:?}; the client has {:?}",
            self.turn,
            String::from_utf8_lossy(&self.heard)
        );
    }
}

/// What is there; `None` where nothing has come.
fn read(socket: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 64 * 1024];
    match socket.read(&mut bytes) {
        Ok(0) => panic!("the core has closed a connection"),
        Ok(read) => Some(bytes[..read].to_vec()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
        Err(error) => panic!("a connection broke: {error}"),
    }
}
