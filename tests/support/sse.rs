//! A reader of event streams, written for the tests after the WHATWG grammar and for nothing but correctness.

/// One event, or one comment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<String>,
    /// All `data` lines, joined by a line feed.
    pub(crate) data: Option<String>,
    pub(crate) comment: Option<String>,
}

impl Event {
    /// Whether it carries a JSON-RPC message: a priming event has an id and empty data, a comment nothing.
    pub(crate) fn is_message(&self) -> bool {
        self.data.as_ref().is_some_and(|data| !data.is_empty())
    }
}

#[derive(Default)]
pub(crate) struct Parser {
    bytes: Vec<u8>,
    event: Event,
    begun: bool,
}

impl Parser {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole event or comment.
    pub(super) fn next(&mut self) -> Option<Event> {
        loop {
            let line = self.line(false)?;
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                if event != Event::default() {
                    return Some(event);
                }
            } else if let Some(comment) = line.strip_prefix(':') {
                return Some(Event { comment: Some(comment.trim_start().into()), ..Event::default() });
            } else {
                self.field(&line);
            }
        }
    }

    /// What is left at the end of the stream: nothing, or the test fails, for a half event must not be sent.
    pub(super) fn end(&mut self) -> Option<Event> {
        if let Some(line) = self.line(true) {
            assert!(line.is_empty(), "the stream ended within a line: {line:?}");
            self.bytes.splice(0..0, *b"\n");
            return self.next();
        }
        assert_eq!(self.event, Event::default(), "the stream ended within an event");
        None
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => match &mut self.event.data {
                Some(data) => data.push_str(&format!("\n{value}")),
                none => *none = Some(value.into()),
            },
            "event" => self.event.name = Some(value.into()),
            "id" => self.event.id = Some(value.into()),
            "retry" => self.event.retry = Some(value.into()),
            _ => {}
        }
    }

    /// A line without its end: CR, LF or CRLF. A CR that is the last byte waits, as a LF may follow.
    fn line(&mut self, ended: bool) -> Option<String> {
        let end = self.bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
        let length = match self.bytes[end..] {
            [b'\r', b'\n', ..] => 2,
            [b'\r'] if !ended => return None,
            _ => 1,
        };
        let line = self.bytes.drain(..end + length).take(end).collect();
        let line = String::from_utf8(line).expect("an event stream is UTF-8");
        let marked = !std::mem::replace(&mut self.begun, true);
        Some(line.strip_prefix('\u{feff}').filter(|_| marked).map(str::to_owned).unwrap_or(line))
    }
}
