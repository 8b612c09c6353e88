//! Expressions of rules and limits, in CEL: parsed by the crate `cel`, and checked, compiled, bounded and run by us.
//!
//! ```text
//!  text -> guard -> parse -> check -> program      when a rule is loaded: every mistake with its place
//!                                        |
//!            facts, budget ----------> run -> bool, key, or Failed         for every message
//! ```
//!
//! An expression is compiled once. [`Expression::decide`] runs it over [`Facts`], which give what a name means when it
//! is asked for; the message is never parsed again and nothing of it is copied but strings with escapes in them.
//! The clock is a fact: nothing here does I/O.
//!
//! # Names
//!
//! | name | type | what it is |
//! | --- | --- | --- |
//! | `principal.subject` | string | who calls, as their issuer names them; empty for the anonymous caller |
//! | `principal.issuer` | string | who vouches for the subject; empty for the anonymous caller |
//! | `principal.roles` | list(string) | the roles of the credential, known to the configuration or not |
//! | `principal.scopes` | list(string) | the scopes that the credential was given |
//! | `principal.anonymous` | bool | whether nobody in particular calls |
//! | `message.method` | string | the method, as `tools/call` |
//! | `message.name` | string | the server's own name of the tool or prompt; empty where the message has none |
//! | `message.uri` | string | the URI of the resource; empty where the message has none |
//! | `message.era` | string | `legacy` (with a handshake, up to 2025-11-25) or `modern` |
//! | `message.tool.name` | string | the name in the tool's definition |
//! | `message.tool.description` | string | the description in it; empty where absent |
//! | `message.tool.annotations.readOnlyHint` | bool | false where absent |
//! | `message.tool.annotations.destructiveHint` | bool | true where absent |
//! | `message.tool.annotations.idempotentHint` | bool | false where absent |
//! | `message.tool.annotations.openWorldHint` | bool | true where absent |
//! | `arguments` | dyn | the arguments of a tool or prompt; their types are known with the message only |
//! | `request.path` | string | the path of the request, without the query |
//! | `request.route` | string | the name of the route that it came by |
//! | `request.address` | string | the client's address, as `192.0.2.7` or `2001:db8::7` |
//! | `request.headers` | map(string, string) | the header fields, whatever their case; several of one name are joined by `, ` |
//! | `server` | string | the server that the message goes to; empty where there are several |
//! | `time` | timestamp | when the message came |
//!
//! `arguments` has no declared type: whatever depends on it is checked with the message. A number without point and
//! exponent is an int (a uint beyond 64 bits with sign), others are doubles; one that no type holds, as 1e400, is a
//! fault. Where a number of the message meets one of another type, both are doubles.
//!
//! A message that calls no tool has no `message.tool`, one without arguments no `arguments`: a condition that cannot be
//! decided without them does not hold for it, and a key has nothing to count. Every other fault, as a member that is not there, is no answer: what was
//! to be decided is denied. `has(arguments.path)` asks whether a member is there.
//!
//! # Bounds
//!
//! Text, tokens, nesting and patterns are bounded when an expression is loaded (`guard`, `check`, `pattern`); a
//! loop may be in one other loop, and only one of the two over what comes with the message. What all expressions do for
//! one message is bounded by its [`Budget`], which counts the bytes of strings too.

mod asked;
mod budget;
mod calendar;
mod check;
mod compare;
mod elements;
mod facts;
mod fault;
mod functions;
mod guard;
mod key;
mod names;
mod needs;
mod numbers;
mod parse;
mod pattern;
mod program;
mod run;
mod types;
mod value;

pub use budget::Budget;
pub use facts::{Facts, Json, Tool};
pub use fault::{Failed, Flaw};
pub use needs::Needs;

use fault::{Fault, Why};
use program::Node;
use run::Run;
use types::Type;

/// What an expression is to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// True or false: the condition of a rule.
    Bool,
    /// A string, a whole number or a bool, as text: what a limit counts by.
    Key,
}

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    text: Box<str>,
    program: Node,
    needs: Needs,
}

impl Expression {
    /// Compiles a text.
    ///
    /// # Errors
    /// Every mistake in it, in the order of their places; never none.
    pub fn compile(text: &str, expected: Expected) -> Result<Self, Vec<Flaw>> {
        let (tree, source) = parse::parse(text)?;
        let (program, of, needs) = check::check(text, &tree, &source)?;
        let fits = match expected {
            Expected::Bool => of.may_be(&Type::Bool),
            Expected::Key => matches!(of, Type::Dynamic | Type::Text | Type::Int | Type::Uint | Type::Bool),
        };
        if !fits {
            let want = match expected {
                Expected::Bool => "a condition is true or false",
                Expected::Key => "a key is a string, a whole number or a bool",
            };
            return Err(vec![Flaw { span: program.at.range(), message: format!("this is of type {of}; {want}") }]);
        }
        Ok(Self { text: text.into(), program, needs })
    }

    /// What it was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it asks for.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// Whether the condition holds for a message. One that cannot be decided because the message calls no tool, or has
    /// no arguments, does not.
    ///
    /// # Errors
    /// If it has no answer for this message: what it was to decide must be denied.
    pub fn decide(&self, facts: &dyn Facts, budget: &mut Budget) -> Result<bool, Failed> {
        match Run::new(facts, budget).test(&self.program) {
            Ok(holds) => Ok(holds),
            Err(Fault { why: Why::NoTool | Why::NoArguments, .. }) => Ok(false),
            Err(fault) => Err(Failed::new(&self.text, fault)),
        }
    }

    /// Writes the key of a message into `key`, in the place of what stands there. `false` where it cannot be told because
    /// the message calls no tool, or has no arguments: then it has none.
    ///
    /// # Errors
    /// If there is no answer for this message: what was to be counted must be denied.
    pub fn key(&self, facts: &dyn Facts, budget: &mut Budget, key: &mut String) -> Result<bool, Failed> {
        key.clear();
        match Run::new(facts, budget).key(&self.program, key) {
            Ok(()) => Ok(true),
            Err(Fault { why: Why::NoTool | Why::NoArguments, .. }) => Ok(false),
            Err(fault) => Err(Failed::new(&self.text, fault)),
        }
    }
}

/// The names that expressions have, their types and what they are: for documents.
pub fn names() -> impl Iterator<Item = (&'static str, String, &'static str)> {
    names::NAMES.iter().map(|declared| (declared.path, declared.of().to_string(), declared.means))
}

/// The functions that expressions have, as they are written, the types of what they give, and what that is: for documents.
pub fn functions() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    check::FUNCTIONS.iter().map(|function| (function.written, function.of, function.means))
}

#[cfg(test)]
mod tests;
