//! The client and the server around a core: they take their turn whenever the core has nothing left to do, on its own
//! thread. So nothing is a matter of luck: what the core finds when it looks is the same in every run.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use super::meter::left_out;

/// Both ends that are not the core's.
pub(crate) struct Peers {
    client: TcpStream,
    listener: TcpListener,
    server: Option<TcpStream>,
    turn: Turn,
    play: Play,
    left: usize,
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
        // What is on its way need not have come: then the core is let look again.
        let patience = Some(Duration::from_millis(50));
        client.set_read_timeout(patience).expect("a socket takes it");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("it is bound");
        let peers = Self {
            client,
            listener,
            server: None,
            turn: Turn::ClientAsks,
            play: Play::default(),
            left: 0,
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
                let server = self.server.get_or_insert_with(|| {
                    let (server, _) = self.listener.accept().expect("the core connects");
                    server.set_read_timeout(Some(Duration::from_millis(50))).expect("a socket takes it");
                    server
                });
                if read(server).is_some() {
                    server.write_all(self.play.answer.as_deref().unwrap_or_default()).expect("the core reads");
                    self.turn = Turn::ClientHears;
                }
            }
            Turn::ClientHears => {
                self.heard.extend(read(&mut self.client).unwrap_or_default());
                if self.heard.ends_with(self.play.end.as_bytes()) {
                    self.left -= 1;
                    self.turn = Turn::ClientAsks;
                    self.advance();
                }
            }
        }
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
