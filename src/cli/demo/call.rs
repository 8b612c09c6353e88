//! `tools/call`: what each tool does.

use std::time::Duration;

use http::StatusCode;
use tokio::time::sleep;

use crate::protocol::json::{self, Kind};
use crate::protocol::revision::Era;

use super::asked::{Answered, Asked};
use super::catalog;
use super::notes::{self, Unwritten};
use super::question;
use super::reply::{self, Failure};
use super::sessions::Wait;
use super::site::Path;
use super::slow::{Slow, progress};
use super::stream::{Stream, To, Work, event};

/// Calls a tool.
pub(super) fn call(asked: &Asked<'_>) -> Result<Answered, Failure> {
    let fields = &asked.message.fields;
    let name = asked.text(fields.name, "name")?.ok_or_else(|| Failure::parameters("`name` is missing"))?;
    if fields.arguments.is_some_and(|arguments| arguments.kind != Kind::Object) {
        return Err(Failure::parameters("`arguments` must be an object"));
    }
    if asked.path == Path::Catalog {
        let number = catalog::of_tool(&name).ok_or_else(|| Failure::parameters("there is no such tool"))?;
        return asked.result(&reply::content(&json::quoted(&catalog::entry(number)), false));
    }
    match &*name {
        "echo" => echo(asked),
        "slow" => slow(asked),
        "stream" => stream(asked),
        "fail" => fail(asked),
        "ask" => question::ask(asked),
        "note" => note(asked),
        "catalog" => listing(asked),
        _ => Err(Failure::parameters("there is no such tool; tools/list names them")),
    }
}

/// The text goes back as the very token that came.
fn echo(asked: &Asked<'_>) -> Result<Answered, Failure> {
    let Some(text) = asked.argument("text").filter(|text| text.kind == Kind::String) else {
        return asked.told("`text` must be a string");
    };
    let text = text.raw(asked.bytes);
    let mut out = Vec::with_capacity(256 + asked.id.len() + text.len());
    reply::open(&mut out, asked.era, asked.id, "complete");
    out.extend_from_slice(br#""content":[{"type":"text","text":"#);
    out.extend_from_slice(text);
    out.extend_from_slice(b"}]");
    reply::close(&mut out);
    Ok(Answered::Text(out))
}

fn slow(asked: &Asked<'_>) -> Result<Answered, Failure> {
    let (steps, delay) = match (asked.number("steps", 1, 100, 5), asked.number("delay_ms", 0, 10_000, 500)) {
        (Ok(steps), Ok(delay)) => (steps, Duration::from_millis(delay)),
        (Err(what), _) | (_, Err(what)) => return asked.told(&what),
    };
    // With sessions a message cancels; without them the client leaves, and the stream is dropped.
    let cancelled = asked.session.and_then(|session| session.wait(Wait::Cancel(asked.id.to_vec())));
    let timer = Box::pin(sleep(delay));
    let to = To { era: asked.era, id: asked.id.to_vec() };
    let work = Slow { to, token: asked.progress_token(), steps, done: 0, delay, timer, cancelled };
    Ok(streamed(asked, Work::Slow(work)))
}

fn stream(asked: &Asked<'_>) -> Result<Answered, Failure> {
    let count = match asked.number("events", 0, 1000, 3) {
        Ok(count) => count,
        Err(what) => return asked.told(&what),
    };
    let mut events = Vec::with_capacity(512);
    if let Some(token) = asked.progress_token() {
        for number in 1..=count {
            events.extend_from_slice(&progress(&token, number, count, &format!("event {number} of {count}")));
        }
    }
    let text = reply::content(&json::quoted(&format!("sent {count} events")), false);
    events.extend_from_slice(&event(&reply::result(asked.era, asked.id, &text)));
    Ok(streamed(asked, Work::Burst(events)))
}

fn fail(asked: &Asked<'_>) -> Result<Answered, Failure> {
    let how = asked.argument("how");
    let is = |name| how.is_some_and(|how| how.is(asked.bytes, name));
    if how.is_none() || is("result") {
        asked.told("the tool failed, as it was told to")
    } else if is("error") {
        Err(Failure::new(-32603, StatusCode::OK, "the call failed, as it was told to"))
    } else if is("http") {
        Ok(Answered::Status(StatusCode::SERVICE_UNAVAILABLE))
    } else {
        asked.told("`how` must be `result`, `error` or `http`")
    }
}

fn note(asked: &Asked<'_>) -> Result<Answered, Failure> {
    let text = asked.argument("text").and_then(|text| text.text(asked.bytes));
    let Some(text) = text.filter(|text| text.len() <= notes::LONGEST) else {
        return asked.told("`text` must be a string of at most 1000 bytes");
    };
    let notes = &asked.site.notes;
    match notes.append(&text) {
        Ok(()) => {
            let text = reply::content(&json::quoted(&format!("written to {}", notes.path().display())), false);
            asked.result(&text)
        }
        Err(Unwritten::Full) => asked.told(&format!("{} is full; delete it and start anew", notes.path().display())),
        Err(Unwritten::Failed(error)) => asked.told(&format!("{} cannot be written: {error}", notes.path().display())),
    }
}

fn listing(asked: &Asked<'_>) -> Result<Answered, Failure> {
    let most = catalog::ENTRIES as u64;
    match (asked.number("first", 1, most, 1), asked.number("count", 1, most, 20)) {
        (Ok(first), Ok(count)) => asked.result(&catalog::listing(first as usize, count as usize)),
        (Err(what), _) | (_, Err(what)) => asked.told(&what),
    }
}

fn streamed(asked: &Asked<'_>, work: Work) -> Answered {
    let session = asked.session.filter(|_| asked.era == Era::Legacy);
    Answered::Stream(Box::new(Stream::new(asked.site, session, work)))
}
