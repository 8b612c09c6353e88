//! Why an attempt came to nothing, and what that means to the caller.

use std::fmt;
use std::time::Duration;

use crate::model::{Reason, Refusal};
use crate::net::upstream::{Failure, Stage};
use crate::telemetry::Fault;

/// How long a caller should wait for a server that cannot be reached.
const AWAY: Duration = Duration::from_secs(1);

/// An attempt without an answer.
#[derive(Debug)]
pub(super) enum Miss {
    /// The exchange failed.
    Broken(Failure),
    /// It took longer than this bound of the configuration allows.
    TimedOut(&'static str),
}

impl Miss {
    /// Whether the server cannot have seen any of it, so that any other endpoint may be asked.
    pub(super) fn nothing_sent(&self) -> bool {
        matches!(self, Self::Broken(failure) if failure.nothing_sent())
    }

    /// Whether a kept connection, which the server may have been closing, broke before any of the answer came.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(self, Self::Broken(Failure::Reset { stage: Stage::Sending | Stage::Waiting, .. }))
    }

    /// What it is counted as.
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Broken(Failure::Resolve(_)) => Fault::Resolve,
            Self::Broken(Failure::Connect(_)) => Fault::Connect,
            Self::Broken(Failure::ConnectTimeout) => Fault::ConnectTimeout,
            Self::Broken(Failure::Tls(_)) => Fault::Tls,
            Self::Broken(Failure::Reset { .. }) => Fault::Reset,
            Self::Broken(Failure::Malformed(_) | Failure::TooLarge(_)) => Fault::BadAnswer,
            Self::TimedOut(_) => Fault::Timeout,
        }
    }

    /// What the caller is told: never where the server is, which the log alone knows.
    pub(super) fn refusal(&self, reads_only: bool) -> Refusal {
        let reason = match self {
            Self::Broken(failure) if failure.nothing_sent() => {
                return Refusal::new(Reason::UpstreamUnavailable, away(failure)).retryable(AWAY);
            }
            Self::Broken(Failure::Malformed(_) | Failure::TooLarge(_)) => Reason::UpstreamBadResponse,
            Self::Broken(_) => Reason::UpstreamReset,
            Self::TimedOut(_) => Reason::UpstreamTimeout,
        };
        Refusal::new(reason, self.to_string()).after_sending(reads_only)
    }
}

fn away(failure: &Failure) -> &'static str {
    match failure {
        Failure::Resolve(_) => "the server's name could not be resolved",
        Failure::ConnectTimeout => "the server could not be reached in time",
        Failure::Tls(_) => "the TLS handshake with the server failed",
        Failure::Reset { .. } => "the connection to the server broke before any of the request was sent",
        Failure::Connect(_) | Failure::Malformed(_) | Failure::TooLarge(_) => "the server could not be reached",
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(failure) => failure.fmt(f),
            Self::TimedOut(bound) => write!(f, "the server took longer than its `{bound}` allows"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::model::Accepted;

    fn reset(sent: bool, stage: Stage) -> Miss {
        Miss::Broken(Failure::Reset { sent, stage, error: None })
    }

    #[test]
    fn what_was_not_sent_may_be_sent_again_and_nothing_else_is_said_to_be_safe() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "10.1.2.3:3000: refused");
        for miss in [
            Miss::Broken(Failure::Connect(refused)),
            Miss::Broken(Failure::ConnectTimeout),
            Miss::Broken(Failure::Resolve(io::Error::new(io::ErrorKind::NotFound, "files.internal: 10.1.2.3"))),
            Miss::Broken(Failure::Tls("files.internal: 10.1.2.3 is not who it says".into())),
            reset(false, Stage::Sending),
        ] {
            let refusal = miss.refusal(false);
            assert!(miss.nothing_sent());
            assert_eq!((refusal.reason, refusal.accepted), (Reason::UpstreamUnavailable, Accepted::No));
            assert!(refusal.retryable && refusal.retry_after.is_some());
            assert!(!refusal.message.contains("10.1.2.3") && !refusal.message.contains("internal"), "{refusal:?}");
        }
        for (miss, reason) in [
            (reset(true, Stage::Sending), Reason::UpstreamReset),
            (reset(true, Stage::Waiting), Reason::UpstreamReset),
            (reset(true, Stage::Answering), Reason::UpstreamReset),
            (Miss::Broken(Failure::Malformed("its head")), Reason::UpstreamBadResponse),
            (Miss::TimedOut("deadline"), Reason::UpstreamTimeout),
        ] {
            for reads_only in [false, true] {
                let refusal = miss.refusal(reads_only);
                assert!(!miss.nothing_sent());
                assert_eq!((refusal.reason, refusal.accepted), (reason, Accepted::Unknown));
                assert_eq!(refusal.retryable, reads_only);
            }
        }
    }

    #[test]
    fn an_answer_that_has_begun_is_never_asked_for_again() {
        assert!(reset(true, Stage::Waiting).is_unanswered() && reset(true, Stage::Sending).is_unanswered());
        assert!(!reset(true, Stage::Answering).is_unanswered());
        assert!(!Miss::Broken(Failure::Malformed("its head")).is_unanswered());
        assert!(!Miss::TimedOut("first_byte").is_unanswered());
    }
}
