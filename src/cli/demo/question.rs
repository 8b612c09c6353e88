//! The question of the tool `ask`, in the way of either era.
//!
//! With sessions it is a request of ours on the call's stream, and the client posts an answer. Without them the call is
//! answered with `input_required`, and comes again with what was answered; what we have to know by then travels in
//! `requestState`, sealed, bound to the question and to a time.

use http::StatusCode;

use crate::model::clock;
use crate::protocol::json::{self, Kind, Span, quoted};
use crate::protocol::message::{self, Body, Limits};
use crate::protocol::revision::Era;
use crate::seal::Sealer;

use super::asked::{Answered, Asked};
use super::asking::Asking;
use super::reply::{self, Failure};
use super::sessions::Wait;
use super::stream::{Stream, To, Work};

/// Characters of a question.
const LONGEST: usize = 500;
const DEFAULT: &str = "What is your name?";
/// How long an answer is taken, in seconds.
const LIFE: u64 = 600;
/// Before -32020 there was no code for it (2026-07-28, "MissingRequiredClientCapability").
const MISSING_CAPABILITY: i64 = -32021;

/// What the user is asked.
pub(super) struct Question<'a> {
    text: &'a str,
}

impl Question<'_> {
    /// The parameters of `elicitation/create`; revisions before 2025-11-25 know no mode.
    pub(super) fn params(&self, mode: bool) -> String {
        let mode = if mode { r#""mode":"form","# } else { "" };
        format!(
            r#"{{{mode}"message":{},"requestedSchema":{{"type":"object","properties":{{"answer":{{"type":"string","title":"Your answer","maxLength":1000}}}},"required":["answer"]}}}}"#,
            quoted(self.text)
        )
    }

    fn seal(&self, sealer: &Sealer, now: u64) -> String {
        sealer.seal(&[b"ask", self.text.as_bytes()], &(now + LIFE).to_be_bytes())
    }

    /// Whether this state was given for this very question, not too long ago.
    fn opens(&self, sealer: &Sealer, state: &str, now: u64) -> bool {
        let plain = sealer.open(&[b"ask", self.text.as_bytes()], state);
        plain.and_then(|plain| plain.try_into().ok()).is_some_and(|until| u64::from_be_bytes(until) >= now)
    }
}

/// The tool `ask`.
pub(super) fn ask(asked: &Asked<'_>) -> Result<Answered, Failure> {
    let text = match asked.argument("question") {
        None => DEFAULT.into(),
        Some(value) => match value.text(asked.bytes).filter(|text| text.chars().count() <= LONGEST) {
            Some(text) => text,
            None => return asked.told("`question` must be a string of at most 500 characters"),
        },
    };
    let question = Question { text: &text };
    match asked.era {
        Era::Modern => without_session(asked, &question),
        Era::Legacy => in_session(asked, &question),
    }
}

fn without_session(asked: &Asked<'_>, question: &Question<'_>) -> Result<Answered, Failure> {
    let (fields, sealer) = (&asked.message.fields, &asked.site.sealer);
    let capabilities = asked.message.meta.client_capabilities;
    if !capabilities.is_some_and(|found| can_be_asked(asked.bytes, found.span)) {
        let mut failure =
            Failure::new(MISSING_CAPABILITY, StatusCode::BAD_REQUEST, "`ask` needs a client that can be asked");
        failure.data = Some(r#"{"requiredCapabilities":{"elicitation":{"form":{}}}}"#.to_owned());
        return Err(failure);
    }
    let now = clock::unix_seconds();
    if let Some(state) = asked.text(fields.request_state, "requestState")? {
        if !question.opens(sealer, &state, now) {
            return Err(Failure::parameters("this requestState was not given for this question, or is too old"));
        }
        let responses = fields.input_responses.filter(|responses| responses.kind == Kind::Object);
        let response = responses.and_then(|responses| json::member(asked.bytes, responses.span, "answer"));
        if let Some(said) = response.and_then(|response| said(asked.bytes, response.span)) {
            return asked.result(&reply::content(&quoted(&said), false));
        }
    }
    // Asked for the first time, or not answered.
    let mut out = Vec::with_capacity(600);
    reply::open(&mut out, Era::Modern, asked.id, "input_required");
    let members = format!(
        r#""inputRequests":{{"answer":{{"method":"elicitation/create","params":{}}}}},"requestState":"{}""#,
        question.params(true),
        question.seal(sealer, now)
    );
    out.extend_from_slice(members.as_bytes());
    reply::close(&mut out);
    Ok(Answered::Text(out))
}

fn in_session(asked: &Asked<'_>, question: &Question<'_>) -> Result<Answered, Failure> {
    let Some(session) = asked.session.filter(|session| session.elicitation) else {
        return asked.told("`ask` needs a session whose client declared elicitation in `initialize`");
    };
    let number = session.next();
    let Some(waiting) = session.wait(Wait::Answer(number)) else {
        return asked.told("too many calls of this session wait for an answer already");
    };
    let to = To { era: asked.era, id: asked.id.to_vec() };
    let work = Work::Asking(Asking::new(to, number, question, waiting));
    Ok(Answered::Stream(Box::new(Stream::new(asked.site, Some(session), work))))
}

/// Whether these capabilities let a form be shown. An empty `elicitation` means forms.
pub(super) fn can_be_asked(bytes: &[u8], capabilities: Span) -> bool {
    let Some(elicitation) = json::member(bytes, capabilities, "elicitation") else { return false };
    let has = |mode| json::member(bytes, elicitation.span, mode).is_some();
    elicitation.kind == Kind::Object && (has("form") || !has("url"))
}

/// What a posted answer said, as a sentence.
pub(super) fn heard(message: &[u8]) -> String {
    let Ok(Body::One(answer)) = message::read_client(message, &Limits::default()) else {
        return "the client answered with something that is no message".to_owned();
    };
    match answer.result {
        Some(result) => said(message, result.span).unwrap_or_else(|| "the client's answer has no `answer`".to_owned()),
        None => "the client refused to ask".to_owned(),
    }
}

/// What a result of `elicitation/create` says; `None` where it is none.
fn said(bytes: &[u8], result: Span) -> Option<String> {
    let action = json::member(bytes, result, "action")?;
    if action.is(bytes, "accept") {
        let content = json::member(bytes, result, "content")?;
        let answer = json::member(bytes, content.span, "answer")?;
        return Some(format!("the answer was: {}", answer.text(bytes)?));
    }
    (action.is(bytes, "decline") || action.is(bytes, "cancel"))
        .then(|| format!("there is no answer ({})", action.text(bytes).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{KeyRing, Purpose};

    #[test]
    fn a_state_is_of_one_question_and_one_time() {
        let sealer = KeyRing::parse(&KeyRing::generate_text()).unwrap().sealer(Purpose::Session);
        let (one, other) = (Question { text: "one?" }, Question { text: "other?" });
        let state = one.seal(&sealer, 1000);
        assert!(one.opens(&sealer, &state, 1000 + LIFE) && !one.opens(&sealer, &state, 1001 + LIFE));
        assert!(!other.opens(&sealer, &state, 1000) && !one.opens(&sealer, "x", 1000) && !one.opens(&sealer, "", 0));
    }

    #[test]
    fn what_the_user_said_is_understood() {
        let heard = |result: &str| heard(format!(r#"{{"jsonrpc":"2.0","id":1,{result}}}"#).as_bytes());
        assert_eq!(
            heard(r#""result":{"action":"accept","content":{"answer":"Ada \"x\""}}"#),
            "the answer was: Ada \"x\""
        );
        assert_eq!(heard(r#""result":{"action":"decline"}"#), "there is no answer (decline)");
        assert_eq!(heard(r#""error":{"code":-1,"message":"no"}"#), "the client refused to ask");
        for strange in [r#""result":{}"#, r#""result":{"action":"accept","content":{"answer":7}}"#, r#""result":[]"#] {
            assert!(heard(strange).contains("no `answer`"), "{strange}");
        }
    }

    #[test]
    fn forms_have_to_be_declared() {
        let can = |text: &str| {
            let whole = json::elements(format!("[{text}]").as_bytes(), Span { start: 0, end: text.len() as u32 + 2 })
                .next()
                .unwrap();
            can_be_asked(format!("[{text}]").as_bytes(), whole.span)
        };
        for yes in [r#"{"elicitation":{}}"#, r#"{"elicitation":{"form":{},"url":{}}}"#] {
            assert!(can(yes), "{yes}");
        }
        for no in ["{}", r#"{"elicitation":{"url":{}}}"#, r#"{"elicitation":true}"#, r#"{"sampling":{}}"#] {
            assert!(!can(no), "{no}");
        }
    }
}
