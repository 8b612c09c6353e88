//! What is told of a sampled request, as plain data.

use std::time::Duration;

use crate::model::{Reason, RequestId, clock};
use crate::telemetry::ended::{Ended, Outcome, Said};

use super::context::Span;

/// A sampled request that has ended.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) span: Span,
    pub(super) id: RequestId,
    /// When it ended, since 1970.
    pub(super) end: Duration,
    pub(super) total: Duration,
    /// From its head until the server was asked, where it was.
    pub(super) asked: Option<Duration>,
    /// What the server was waited for; `None` where it did not answer.
    pub(super) server_time: Option<Duration>,
    pub(super) route: String,
    pub(super) server: String,
    pub(super) peer: String,
    pub(super) said: Said,
    pub(super) method: String,
    pub(super) name: String,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<Reason>,
    pub(super) why: String,
    pub(super) status: u16,
    pub(super) received: u64,
    pub(super) sent: u64,
}

impl Facts {
    pub(super) fn of(span: Span, ended: &Ended<'_>) -> Self {
        Self {
            span,
            id: ended.id,
            end: clock::unix_time(),
            total: ended.total,
            asked: ended.asked,
            server_time: ended.server,
            route: ended.route.path.clone(),
            server: ended.route.server.clone(),
            peer: ended.peer.ip().map_or_else(|| ended.peer.to_string(), |address| address.to_string()),
            said: ended.said,
            method: ended.method.to_owned(),
            name: ended.name.to_owned(),
            outcome: ended.outcome,
            reason: ended.reason,
            why: ended.why.to_owned(),
            status: ended.status,
            received: ended.received,
            sent: ended.sent,
        }
    }

    /// How the SERVER span is called: the method and what it names (OpenTelemetry's conventions for MCP).
    pub(super) fn title(&self) -> String {
        match (self.method.as_str(), self.name.as_str()) {
            ("", _) => format!("{} {}", self.said.as_str(), self.route),
            (method, "") => method.to_owned(),
            (method, name) => format!("{method} {name}"),
        }
    }

    /// The method of HTTP.
    pub(super) fn verb(&self) -> &'static str {
        match self.said {
            Said::Get => "GET",
            Said::Delete => "DELETE",
            Said::Options => "OPTIONS",
            Said::Unread | Said::Method(_) | Said::Answer | Said::Batch => "POST",
        }
    }

    /// Whether it counts as an error, which a client's own mistake does not.
    pub(super) fn is_error(&self) -> bool {
        matches!(self.outcome, Outcome::Failed | Outcome::Cut)
            || self.outcome == Outcome::ServerStatus && self.status >= 500
    }
}
