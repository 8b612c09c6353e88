//! Whether this caller may use this name on this server (security, "Reading a message", 6).
//!
//! | message | is allowed to |
//! | --- | --- |
//! | `tools/call` | who is granted the tool |
//! | `prompts/get` | who is granted the prompt |
//! | `resources/read`, `subscribe`, `unsubscribe` | who is granted the resource |
//! | `completion/complete` | who is granted the prompt, or something that the template may become |
//! | `subscriptions/listen` | who is granted every resource that it names |
//! | everything else: lists, methods that nobody here knows, posted answers, GET, DELETE | who is granted anything |
//!
//! A name that is not granted is answered as one that does not exist, without a look at whether it does. Answers are
//! the matter of `respond`: it shows of a list what is granted.

mod asked;
mod roles;

use crate::model::grants::Sight;
use crate::model::{Reason, Refusal};
use crate::protocol::message::{Kind, Message};

pub use roles::{Roles, permits};

/// Proof that the caller may do what the message asks for. Nobody else can make one.
#[derive(Debug)]
pub struct Permitted {
    sight: Sight,
}

/// A refusal of one message.
#[derive(Debug)]
pub struct Denied {
    /// Why.
    pub refusal: Refusal,
    /// Which of the messages; `None` where it is not one of them.
    pub message: Option<usize>,
}

impl Permitted {
    /// What the caller may see of the server; `None` where that is all of it.
    pub fn limited(&self) -> Option<&Sight> {
        Some(&self.sight).filter(|sight| !sight.all())
    }
}

/// Decides on all messages of a body; on GET and DELETE where there are none. They go on together or not at all.
///
/// # Errors
/// `unknown_name` for a name that is not granted, `invalid_params` where it cannot be read, `policy_denied` for whoever
/// is granted nothing on the server: with the first of the messages that is refused.
pub fn check(sight: Sight, messages: &[Message], bytes: &[u8]) -> Result<Permitted, Box<Denied>> {
    if sight.all() {
        return Ok(Permitted { sight });
    }
    if messages.is_empty() && !sight.any() {
        return Err(Box::new(Denied { refusal: nothing(), message: None }));
    }
    for (at, message) in messages.iter().enumerate() {
        if let Err(refusal) = asked::decide(&sight, message, bytes) {
            return Err(Box::new(Denied { refusal, message: Some(at) }));
        }
    }
    Ok(Permitted { sight })
}

/// Which of the requests of a batch a refusal of one of its messages concerns, counted as they are addressed; `None`
/// where it is a message that takes no answer.
pub fn request_at(messages: &[Message], denied: usize) -> Option<usize> {
    let is_request = |message: &Message| message.kind == Kind::Request && message.id.is_some();
    let before = messages.iter().take(denied).filter(|message| is_request(message)).count();
    messages.get(denied).filter(|message| is_request(message)).map(|_| before)
}

/// The refusal of a caller who may do nothing here.
fn nothing() -> Refusal {
    let message = "your roles grant nothing on this server; ask whoever runs the gateway for one that does";
    Refusal::new(Reason::PolicyDenied, message)
}

#[cfg(test)]
mod tests;
