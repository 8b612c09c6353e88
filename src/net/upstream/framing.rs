//! What the head of an answer says about where the answer ends, and about the connection afterwards.

use std::time::Duration;

use http::StatusCode;

use super::failure::Failure;

/// How long a connection may lie idle where the server names no time, and at most.
const IDLE: Duration = Duration::from_secs(60);

/// How the body of an answer is delimited (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// This many bytes; 0 where there is no body.
    Length(u64),
    /// The chunked coding.
    Chunked,
    /// All until the server closes.
    UntilClose,
}

/// The fields that decide about framing and connection, gathered as they are read.
#[derive(Debug, Default)]
pub(super) struct Fields {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    timeout: Option<u64>,
}

impl Fields {
    /// Takes note of one field.
    pub(super) fn note(&mut self, name: &str, value: &[u8]) -> Result<(), Failure> {
        match name.len() {
            14 if name.eq_ignore_ascii_case("content-length") => self.note_length(value),
            17 if name.eq_ignore_ascii_case("transfer-encoding") => self.note_coding(value),
            10 if name.eq_ignore_ascii_case("connection") => {
                for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
                Ok(())
            }
            10 if name.eq_ignore_ascii_case("keep-alive") => {
                self.timeout = self.timeout.or_else(|| keep_alive_timeout(value));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), Failure> {
        if self.length.is_some() {
            return Err(Failure::Malformed("more than one Content-Length"));
        }
        // 18 digits: far beyond any body, and far from where numbers end.
        if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
            return Err(Failure::Malformed("a Content-Length that is no plain number"));
        }
        self.length = Some(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')));
        Ok(())
    }

    fn note_coding(&mut self, value: &[u8]) -> Result<(), Failure> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Failure::Malformed("a Transfer-Encoding that is not one plain `chunked`"));
        }
        self.chunked = true;
        Ok(())
    }

    /// How the body of an answer with this status is delimited. `bodyless`: it answers HEAD.
    pub(super) fn framing(&self, old: bool, status: StatusCode, bodyless: bool) -> Result<Framing, Failure> {
        if self.chunked && self.length.is_some() {
            return Err(Failure::Malformed("both Content-Length and Transfer-Encoding"));
        }
        if self.chunked && old {
            return Err(Failure::Malformed("Transfer-Encoding in an HTTP/1.0 answer"));
        }
        if status.is_informational() && (self.chunked || self.length.is_some()) {
            return Err(Failure::Malformed("an interim answer with a body"));
        }
        if bodyless || has_no_body(status) {
            return Ok(Framing::Length(0));
        }
        Ok(match self.length {
            _ if self.chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        })
    }

    /// How long the connection may lie idle after this answer; `None` if it must not be used again.
    pub(super) fn keep(&self, old: bool, status: StatusCode) -> Option<Duration> {
        let persistent = !self.close && (!old || self.keep_alive);
        // A 204 that announces a body: whoever wrote it may also send one.
        let doubtful = status == StatusCode::NO_CONTENT && (self.chunked || self.length.is_some_and(|n| n > 0));
        if !persistent || doubtful {
            return None;
        }
        // A second less than the server says: it counts from when it sent, and closes while we would be writing.
        let idle = self.timeout.map_or(IDLE, |timeout| Duration::from_secs(timeout.saturating_sub(1)).min(IDLE));
        (!idle.is_zero()).then_some(idle)
    }
}

fn has_no_body(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// The seconds of `Keep-Alive: timeout=5, max=100`; what is no number is as good as not said.
fn keep_alive_timeout(value: &[u8]) -> Option<u64> {
    let parameters = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    let is_timeout = |parameter: &&[u8]| parameter.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"timeout="));
    let seconds = parameters.filter(is_timeout).map(|parameter| &parameter[8..]).next()?;
    std::str::from_utf8(seconds.trim_ascii()).ok()?.parse().ok()
}
