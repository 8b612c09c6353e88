//! Why a call to a server came to nothing, and whether the server can have seen any of it.

use std::{fmt, io};

/// Why there is no (whole) answer. Whoever retries asks [`Failure::nothing_sent`] first.
#[derive(Debug)]
pub enum Failure {
    /// The host name has no address; the error names it.
    Resolve(io::Error),
    /// No address took the connection; the error names the last one tried.
    Connect(io::Error),
    /// Neither connection nor handshake came about within the endpoint's `connect_timeout`.
    ConnectTimeout,
    /// The TLS handshake failed: what rustls says of it, and of which host.
    Tls(String),
    /// The connection broke, or the server closed it, before the answer had ended.
    Reset {
        /// Whether any byte of the request was given to the socket.
        sent: bool,
        /// How far the exchange had come.
        stage: Stage,
        /// The system's error; `None` where the server closed in an orderly way.
        error: Option<io::Error>,
    },
    /// The answer is not what RFC 9112 allows, or could be read in two ways.
    Malformed(&'static str),
    /// The answer is beyond one of our bounds (not that of its body, which has none here).
    TooLarge(&'static str),
}

/// How far an exchange had come when its connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The request was still being written, and no byte of an answer had come.
    Sending,
    /// The request was written, and no byte of an answer had come.
    Waiting,
    /// Some of the answer had come.
    Answering,
}

impl Failure {
    /// True if the server cannot have seen any byte of the request, so that trying again is always safe.
    pub fn nothing_sent(&self) -> bool {
        match self {
            Self::Resolve(_) | Self::Connect(_) | Self::ConnectTimeout | Self::Tls(_) => true,
            Self::Reset { sent, .. } => !sent,
            Self::Malformed(_) | Self::TooLarge(_) => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => write!(f, "the server's name could not be resolved: {error}"),
            Self::Connect(error) => write!(f, "the server could not be reached: {error}"),
            Self::ConnectTimeout => f.write_str("the server could not be reached within the connect timeout"),
            Self::Tls(what) => write!(f, "the TLS handshake with the server failed: {what}"),
            Self::Reset { sent, stage, error } => {
                let when = match (stage, sent) {
                    (Stage::Sending, false) => "before any of the request was sent",
                    (Stage::Sending, true) => "while the request was being sent",
                    (Stage::Waiting, _) => "after the request was sent and before any of the answer came",
                    (Stage::Answering, _) => "in the middle of the answer",
                };
                match error {
                    Some(error) => write!(f, "the connection to the server broke {when}: {error}"),
                    None => write!(f, "the server closed the connection {when}"),
                }
            }
            Self::Malformed(what) => write!(f, "the server's answer is malformed: {what}"),
            Self::TooLarge(what) => write!(f, "the server's answer is too large: {what}"),
        }
    }
}

impl std::error::Error for Failure {}
