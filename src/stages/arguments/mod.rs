//! What a route checks of messages beyond the protocol: their bounds, and whether the arguments of a call are what its tool
//! asks for.
//!
//! | found | answered |
//! | --- | --- |
//! | beyond `bounds` | `too_large`, `invalid_params` |
//! | `arguments` that are no object, or hold what cannot be checked | `invalid_params`: -32602 |
//! | arguments that do not fit | from 2025-11-25 on a result with `isError`, so that the model can mend its call (SEP-1303); before that `invalid_arguments`: -32602 |
//! | a schema that nothing can be checked against | `unusable_schema` |
//!
//! Nothing fails open: what cannot be checked does not pass. No value of a caller's is repeated, only keys and what the
//! schema asks for.

mod bounds;
mod telling;

use std::borrow::Cow;

use crate::catalog::{Checked, Schema, Unheld, Unusable};
use crate::config::{RouteChecks, ValidateAnswers};
use crate::model::{Reason, Refusal};
use crate::protocol::json::{Kind, Value};
use crate::protocol::message::Message;

pub use telling::Telling;

/// What a route checks. There is none where it checks nothing.
#[derive(Debug)]
pub struct Checks {
    asked: RouteChecks,
}

/// Proof that a message is within its route's bounds, and that its arguments fit where that is asked. Nobody else can make
/// one.
#[derive(Debug)]
pub struct Argued(());

/// A call of a tool.
#[derive(Debug)]
pub struct Call<'a> {
    /// The tool.
    pub name: Cow<'a, str>,
    arguments: Option<Value>,
}

/// A route that checks nothing.
pub fn unasked() -> Argued {
    Argued(())
}

impl Checks {
    /// What the configuration asks for; `None` where that is nothing.
    pub fn new(asked: &RouteChecks) -> Option<Self> {
        (!asked.is_empty()).then(|| Self { asked: asked.clone() })
    }

    /// Whether arguments are checked.
    pub fn arguments(&self) -> bool {
        self.asked.arguments
    }

    /// Whether answers are checked, and whether those that do not fit are refused.
    pub fn answers(&self) -> Option<bool> {
        match self.asked.answers {
            ValidateAnswers::Off => None,
            ValidateAnswers::Count => Some(false),
            ValidateAnswers::Refuse => Some(true),
        }
    }

    /// Whether any message has bounds of its own.
    pub fn has_bounds(&self) -> bool {
        !self.asked.bounds.is_empty()
    }

    /// The tool that a message calls, where anything of that is checked. `tools/call` without an id calls it as well.
    ///
    /// # Errors
    /// `invalid_params` for a tool without a name that can be read.
    pub fn call<'a>(&self, message: &Message, bytes: &'a [u8]) -> Result<Option<Call<'a>>, Refusal> {
        let calls = message.method.is_some_and(|method| method.is(bytes, "tools/call"));
        if !calls || !self.asked.arguments && self.asked.answers == ValidateAnswers::Off {
            return Ok(None);
        }
        match message.fields.name.and_then(|name| name.text(bytes)) {
            Some(name) => Ok(Some(Call { name, arguments: message.fields.arguments })),
            None => Err(Refusal::new(Reason::InvalidParams, "`params.name` has to be a string")),
        }
    }

    /// Whether a message is within the bounds of its method and name. `size` is that of its body.
    ///
    /// # Errors
    /// `too_large`, `invalid_params`.
    pub fn bound(&self, message: &Message, bytes: &[u8], size: usize) -> Result<(), Refusal> {
        bounds::hold(&self.asked.bounds, message, bytes, size)
    }

    /// Everything has been checked.
    pub fn done(&self) -> Argued {
        Argued(())
    }
}

/// Whether a call's arguments fit. Absent ones are none.
///
/// # Errors
/// See the table above.
pub fn fit(call: &Call<'_>, bytes: &[u8], schema: Result<&Schema, &Unusable>, telling: Telling) -> Result<(), Refusal> {
    let schema = schema.map_err(|why| unusable(&call.name, "inputSchema", why))?;
    let json = match call.arguments {
        None => &b"{}"[..],
        Some(arguments) if arguments.kind == Kind::Object => arguments.raw(bytes),
        Some(_) => return Err(Refusal::new(Reason::InvalidParams, "`params.arguments` has to be an object")),
    };
    match schema.check(json) {
        Checked::Fits => Ok(()),
        Checked::Faulty(faults) => Err(telling::faulty(&call.name, &faults, telling)),
        Checked::Unheld(why) => Err(unheld(&call.name, why)),
    }
}

/// Whether a refusal says that the arguments do not fit the definition which they were checked against.
pub fn is_of_the_definition(refusal: &Refusal) -> bool {
    matches!(refusal.reason, Reason::InvalidArguments | Reason::UnusableSchema)
}

/// The refusal of a call whose tool has a schema that nothing can be checked against.
pub fn unusable(name: &str, which: &str, why: &Unusable) -> Refusal {
    let name = telling::shown(name);
    let message = format!(
        "this route checks calls against the `{which}` of their tool, and that of {name} cannot be used: {why}; the \
         server's tool has to be mended, or called on a route that does not check"
    );
    Refusal::new(Reason::UnusableSchema, message).noted(&UNUSABLE)
}

static UNUSABLE: &str =
    "the tool's definition has a schema that nothing can be checked against; the first time is logged";

/// The refusal of a call of a tool that the server's list does not have.
pub fn unlisted(name: &str) -> Refusal {
    let name = telling::shown(name);
    Refusal::new(Reason::UnknownName, format!("{name} not found: the server's list of tools does not have it"))
}

fn unheld(name: &str, why: Unheld) -> Refusal {
    let name = telling::shown(name);
    Refusal::new(Reason::InvalidParams, format!("the arguments for {name} cannot be checked: {why}"))
}

#[cfg(test)]
mod tests;
