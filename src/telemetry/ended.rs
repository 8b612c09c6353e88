//! One request that has ended, as facts.

use std::time::Duration;

use crate::model::{Blame, Reason, Remote, RequestId};
use crate::protocol::json::Value;
use crate::protocol::method::Method;

use super::meter::RouteMeter;
use super::trace::Span;

/// What is known of a request when it has ended.
#[derive(Debug)]
pub struct Ended<'a> {
    /// Its id: in errors, in log lines, towards the server.
    pub id: RequestId,
    /// The route that it took, and the server behind it.
    pub route: &'a RouteMeter,
    /// Who connected.
    pub peer: Remote,
    /// Who called; empty where that was not found out.
    pub caller: &'a str,
    /// Who vouches for the caller, as another may for one of the same name; empty where nobody does.
    pub issuer: &'a str,
    /// What was said.
    pub said: Said,
    /// The method as the client wrote it, at most its beginning; empty where none was read.
    pub method: &'a str,
    /// The tool, prompt or resource that was named, at most its beginning; empty for none.
    pub name: &'a str,
    /// The rule that decided about it; empty where none did.
    pub rule: &'a str,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where Weir refused or cut it; `None` for what was turned away below MCP.
    pub reason: Option<Reason>,
    /// The same in words; empty where there is nothing to say.
    pub why: &'a str,
    /// The limit that had nothing left; empty where none refused it.
    pub limit: &'a str,
    /// What a tool is called with, in checked bytes; `None` where it is not wanted.
    pub arguments: Option<(&'a [u8], Value)>,
    /// Its ids, where it is traced.
    pub span: Option<&'a Span>,
    /// The status that the client saw; 0 where none went out.
    pub status: u16,
    /// Bytes of the request's body.
    pub received: u64,
    /// Bytes of the answer's body, as far as they passed.
    pub sent: u64,
    /// From the request's head to its end.
    pub total: Duration,
    /// From the request's head until the server was asked; `None` where it was not.
    pub asked: Option<Duration>,
    /// What of it the server was waited for, until its answer had come, or the head of its stream; `None` where it was
    /// not asked, or never answered.
    pub server: Option<Duration>,
    /// What Weir itself took until the answer, or the head of its stream, went out: neither waiting for the server nor
    /// for the rest of the client's body. `None` where no answer went out.
    pub added: Option<Duration>,
}

/// What a client said, by a closed list: whatever clients send, there are no more than these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing that was read.
    Unread,
    /// One message with this method.
    Method(Method),
    /// An answer to a request of the server.
    Answer,
    /// A batch.
    Batch,
    /// `GET`: a stream of a session.
    Get,
    /// `DELETE`: the end of a session.
    Delete,
    /// `OPTIONS`: what a page may do.
    Options,
}

impl Said {
    /// How many there are.
    pub const COUNT: usize = 6 + Method::ALL.len();

    /// All of them, each at the place of its [`Said::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        let others = [Self::Unread, Self::Answer, Self::Batch, Self::Get, Self::Delete, Self::Options];
        others.into_iter().chain(Method::ALL.iter().copied().map(Self::Method))
    }

    /// Its place among all, below [`Said::COUNT`].
    pub fn index(self) -> usize {
        match self {
            Self::Unread => 0,
            Self::Answer => 1,
            Self::Batch => 2,
            Self::Get => 3,
            Self::Delete => 4,
            Self::Options => 5,
            Self::Method(method) => 6 + method as usize,
        }
    }

    /// As it stands in labels and lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unread => "unread",
            Self::Method(method) => method.as_str(),
            Self::Answer => "answer",
            Self::Batch => "batch",
            Self::Get => "GET",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer went out whole.
    Answered,
    /// The server's own 4xx or 5xx went out whole.
    ServerStatus,
    /// Weir refused it, and it is the client's matter.
    Refused,
    /// Weir refused it: the server's fault, or ours, or a limit that is reached.
    Failed,
    /// The answer was at fault while it passed, and was cut.
    Cut,
    /// The client left before its answer had ended.
    ClientLeft,
    /// A stream was ended because Weir is stopping.
    Drained,
}

impl Outcome {
    /// All of them, each at the place of its discriminant.
    pub const ALL: [Self; 7] =
        [Self::Answered, Self::ServerStatus, Self::Refused, Self::Failed, Self::Cut, Self::ClientLeft, Self::Drained];

    /// That of a refusal by Weir, for whosever fault it is: by its reason or, below MCP, by its status.
    pub fn of_refusal(reason: Option<Reason>, status: u16) -> Self {
        match reason.map(Reason::blame) {
            Some(Blame::Client) => Self::Refused,
            None if status < 500 => Self::Refused,
            Some(Blame::Server | Blame::Weir) | None => Self::Failed,
        }
    }

    /// As it stands in labels and lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::ServerStatus => "server_status",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Cut => "cut",
            Self::ClientLeft => "client_left",
            Self::Drained => "drained",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_place_and_its_own_name() {
        let all: Vec<_> = Said::all().collect();
        assert_eq!(all.len(), Said::COUNT);
        assert!(all.iter().enumerate().all(|(at, said)| said.index() == at));
        let names: std::collections::HashSet<_> = all.iter().map(|said| said.as_str()).collect();
        assert_eq!(names.len(), all.len());
        assert!(Outcome::ALL.iter().enumerate().all(|(at, outcome)| *outcome as usize == at));
    }
}
