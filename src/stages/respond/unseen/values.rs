//! Which values of a completion may be shown: those with which the template becomes something that is granted.

use crate::model::grants::{Named, OnServer};
use crate::model::template;
use crate::protocol::json::{self, Kind, Value};
use crate::protocol::message::Message;

/// What an answer to `completion/complete` brings values for.
#[derive(Debug)]
pub(super) enum Values {
    /// A variable of a resource template; what else is known of it stands in it already.
    Of { template: String, variable: String },
    /// Something of a resource that cannot be told: none of them is shown.
    Untold,
}

impl Values {
    /// By the request; `None` where its values are no part of a URI.
    pub(super) fn asked(message: &Message, bytes: &[u8]) -> Option<Self> {
        let params = message.params?;
        let reference = json::member(bytes, params.span, "ref")?;
        let member = |of: Value, key| json::member(bytes, of.span, key);
        let text = |of: Value, key| member(of, key).and_then(|value| value.text(bytes));
        if text(reference, "type").as_deref() == Some("ref/prompt") && member(reference, "uri").is_none() {
            return None;
        }
        let variable = json::member(bytes, params.span, "argument").and_then(|argument| text(argument, "name"));
        let (Some(template), Some(variable)) = (text(reference, "uri"), variable) else { return Some(Self::Untold) };
        let known = json::member(bytes, params.span, "context").and_then(|context| member(context, "arguments"));
        let mut template = template.into_owned();
        for (name, value) in known.into_iter().flat_map(|known| json::members(bytes, known.span)) {
            let (Some(name), Some(value)) = (name.text(bytes), value.text(bytes)) else { return Some(Self::Untold) };
            if name != variable {
                template = template::fill(&template, &name, &value);
            }
        }
        Some(Self::Of { template, variable: variable.into_owned() })
    }

    /// Whether a value may be shown.
    pub(super) fn shows(&self, on: &OnServer, value: Value, bytes: &[u8]) -> bool {
        let (Self::Of { template, variable }, Some(value)) = (self, value.text(bytes)) else { return false };
        let filled = template::fill(template, variable, &value);
        match filled.contains('{') {
            true => on.allows_template(&filled),
            false => on.allows(Named::Resource, &filled),
        }
    }
}

/// The list of values in the result of `completion/complete`; `None` where there is none.
///
/// # Errors
/// It cannot be told where they are.
pub(super) fn list(result: Value, bytes: &[u8]) -> Result<Option<Value>, &'static str> {
    let Some(completion) = json::member(bytes, result.span, "completion") else { return Ok(None) };
    if completion.kind != Kind::Object || !json::distinct(bytes, completion.span) {
        return Err("its completion cannot be read, and only part of it may be shown");
    }
    match json::member(bytes, completion.span, "values") {
        Some(values) if values.kind != Kind::Array => Err("its values are no list, and only part of them may be shown"),
        values => Ok(values),
    }
}
