//! What is counted of the connections to one server on one core.

use std::cell::Cell as Plain;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::cell::Cell;

/// What this core counts of its connections to a server, and of its attempts to reach it.
#[derive(Debug)]
pub struct ServerMeter {
    cells: Arc<ServerCells>,
    /// The cells have one writer, the core's thread: this stays on it.
    _one_thread: PhantomData<Rc<()>>,
}

/// Why an attempt at an endpoint brought no head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its name has no address.
    Resolve,
    /// No address took the connection.
    Connect,
    /// Connection and handshake took longer than `connect_timeout`.
    ConnectTimeout,
    /// The TLS handshake failed.
    Tls,
    /// The connection broke, or the server closed it.
    Reset,
    /// What came is no HTTP, or beyond a bound.
    BadAnswer,
    /// It took longer than `first_byte` or `deadline`.
    Timeout,
}

impl Fault {
    /// All of them, each at the place of its discriminant.
    pub const ALL: [Self; 7] =
        [Self::Resolve, Self::Connect, Self::ConnectTimeout, Self::Tls, Self::Reset, Self::BadAnswer, Self::Timeout];

    /// As it stands in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::BadAnswer => "bad_answer",
            Self::Timeout => "timeout",
        }
    }
}

/// What became of a copy of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirrored {
    /// The server has answered it.
    Sent,
    /// It has not.
    Failed,
    /// There was no room for it.
    Dropped,
    /// The call means nothing to another server.
    Unfit,
}

impl Mirrored {
    /// All of them, each at the place of its discriminant, as they stand in labels.
    pub(super) const LABELS: [&str; 4] = ["sent", "failed", "dropped", "unfit"];
}

impl ServerMeter {
    pub(super) fn new(cells: Arc<ServerCells>) -> Self {
        Self { cells, _one_thread: PhantomData }
    }

    /// A connection was opened, and a call begins on it. It counts for as long as what is returned is kept.
    pub fn opened(self: &Rc<Self>) -> Held {
        self.cells.opened.add(1);
        self.cells.connections[State::Busy as usize].add(1);
        Held { meter: Rc::clone(self), state: Plain::new(State::Busy) }
    }

    /// A kept connection was taken for a call.
    pub fn reused(&self) {
        self.cells.reused.add(1);
    }

    /// A call was refused for its arguments.
    pub fn refuses_arguments(&self) {
        self.cells.arguments_refused.add(1);
    }

    /// An answer does not fit.
    pub fn answer_is_unfit(&self) {
        self.cells.answers_unfit.add(1);
    }

    /// Nothing can be checked against a schema of its.
    pub fn schema_is_unusable(&self) {
        self.cells.schemas_unusable.add(1);
    }

    /// It is asked for its tools on behalf of a call.
    pub fn looks_up(&self) {
        self.cells.lookups.add(1);
    }

    /// This became of a copy that is for it.
    pub fn mirrors(&self, became: Mirrored) {
        self.cells.mirrored[became as usize].add(1);
    }

    /// An attempt came to nothing.
    pub fn failed(&self, fault: Fault) {
        self.cells.failed[fault as usize].add(1);
    }
}

/// What a connection to a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Busy,
    Idle,
    Abandoned,
}

/// How many states of a connection there are, and their labels.
pub(super) const STATES: [&str; 3] = ["busy", "idle", "abandoned"];

/// An open connection to a server, as it is counted: by what it does, until this is dropped.
#[derive(Debug)]
pub struct Held {
    meter: Rc<ServerMeter>,
    state: Plain<State>,
}

impl Held {
    /// A call is made on it.
    pub fn works(&self) {
        self.turn(State::Busy);
    }

    /// It waits for the next call.
    pub fn rests(&self) {
        self.turn(State::Idle);
    }

    /// Its client left, and its call runs on.
    pub fn runs_on(&self) {
        self.meter.cells.adopted.add(1);
        self.turn(State::Abandoned);
    }

    /// Its client left, and there is no room for its call to run on.
    pub fn is_cut(&self) {
        self.meter.cells.cut.add(1);
    }

    fn turn(&self, state: State) {
        let connections = &self.meter.cells.connections;
        connections[self.state.replace(state) as usize].take(1);
        connections[state as usize].add(1);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.meter.cells.connections[self.state.get() as usize].take(1);
    }
}

/// The numbers behind a [`ServerMeter`].
#[derive(Debug, Default)]
pub(super) struct ServerCells {
    pub(super) name: String,
    /// Open ones by their state.
    pub(super) connections: [Cell; STATES.len()],
    pub(super) opened: Cell,
    pub(super) reused: Cell,
    pub(super) failed: [Cell; Fault::ALL.len()],
    pub(super) adopted: Cell,
    pub(super) cut: Cell,
    pub(super) arguments_refused: Cell,
    pub(super) answers_unfit: Cell,
    pub(super) schemas_unusable: Cell,
    pub(super) lookups: Cell,
    pub(super) mirrored: [Cell; Mirrored::LABELS.len()],
}

impl ServerCells {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_counts_in_one_state_until_it_is_gone() {
        let meter = Rc::new(ServerMeter::new(Arc::new(ServerCells::new("files"))));
        let states = || meter.cells.connections.each_ref().map(Cell::value);
        let (one, other) = (meter.opened(), meter.opened());
        assert_eq!(states(), [2, 0, 0]);
        one.rests();
        other.runs_on();
        assert_eq!(states(), [0, 1, 1]);
        one.works();
        one.works();
        assert_eq!(states(), [1, 0, 1]);
        drop((one, other));
        assert_eq!(states(), [0, 0, 0]);
        assert_eq!((meter.cells.opened.value(), meter.cells.adopted.value()), (2, 1));
    }

    #[test]
    fn each_fault_has_its_place() {
        assert!(Fault::ALL.iter().enumerate().all(|(at, fault)| *fault as usize == at));
        assert_eq!([State::Busy, State::Idle, State::Abandoned].map(|state| state as usize), [0, 1, 2]);
    }
}
