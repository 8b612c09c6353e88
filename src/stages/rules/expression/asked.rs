//! The facts as values.

use std::borrow::Cow;

use super::{
    budget::Budget,
    elements,
    facts::{Facts, Json, Tool},
    fault::Why,
    names::Name,
    value::Value,
};
use crate::protocol::{
    json::{self, Kind, Span},
    revision::Era,
};

/// The arguments of a call that has none.
const EMPTY: Json<'static> = Json {
    bytes: b"{}",
    value: json::Value { span: Span { start: 0, end: 2 }, kind: Kind::Object, escaped: false },
    marks: &[],
};

/// Methods whose arguments may be left out, which says the same as `{}`.
const WITH_ARGUMENTS: [&str; 2] = ["tools/call", "prompts/get"];

/// What a name means.
pub(super) fn fact<'a>(name: Name, facts: &'a dyn Facts, budget: &mut Budget) -> Result<Value<'a>, Why> {
    let text = |text: &'a str| Ok(Value::Text(Cow::Borrowed(text)));
    let caller = || facts.principal().caller();
    match name {
        Name::Subject => text(&caller().subject),
        Name::Issuer => text(&caller().issuer),
        Name::Roles => Ok(Value::Texts(&caller().roles)),
        Name::Scopes => Ok(Value::Texts(&caller().scopes)),
        Name::Anonymous => Ok(Value::Bool(facts.principal().is_anonymous())),
        Name::Method => text(facts.method()),
        Name::Called => text(facts.name()),
        Name::Uri => text(facts.uri()),
        Name::Era => text(match facts.era() {
            Era::Legacy => "legacy",
            Era::Modern => "modern",
        }),
        Name::Defined => Ok(own(tool(facts)?, "name", Kind::String, budget)?.unwrap_or(Value::Text(Cow::Borrowed("")))),
        Name::Description => {
            Ok(own(tool(facts)?, "description", Kind::String, budget)?.unwrap_or(Value::Text(Cow::Borrowed(""))))
        }
        Name::ReadOnly | Name::Destructive | Name::Idempotent | Name::OpenWorld => {
            let (hint, default) = hint(name);
            let value = match annotations(facts, budget)? {
                Some(annotations) => own(annotations, hint, Kind::True, budget)?,
                None => None,
            };
            Ok(value.unwrap_or(Value::Bool(default)))
        }
        Name::Arguments => Value::read(arguments(facts)?, budget),
        Name::Path => text(facts.path()),
        Name::Route => text(facts.route()),
        Name::Address => {
            budget.spend(4)?;
            Ok(Value::Text(Cow::Owned(facts.address().to_canonical().to_string())))
        }
        Name::Headers => Ok(Value::Headers(facts.headers())),
        Name::Server => text(facts.server()),
        Name::Time => Ok(Value::Time(facts.time())),
    }
}

/// Whether a name is there.
pub(super) fn has_fact(name: Name, facts: &dyn Facts, budget: &mut Budget) -> Result<bool, Why> {
    match name {
        Name::Defined => has_tool(facts),
        Name::Description if has_tool(facts)? => Ok(own(tool(facts)?, "description", Kind::String, budget)?.is_some()),
        Name::ReadOnly | Name::Destructive | Name::Idempotent | Name::OpenWorld if has_tool(facts)? => {
            match annotations(facts, budget)? {
                Some(annotations) => Ok(own(annotations, hint(name).0, Kind::True, budget)?.is_some()),
                None => Ok(false),
            }
        }
        Name::Description | Name::ReadOnly | Name::Destructive | Name::Idempotent | Name::OpenWorld => Ok(false),
        _ => Ok(!matches!(fact(name, facts, budget)?, Value::Text(text) if text.is_empty())),
    }
}

/// Whether the message calls a tool. One that is called and not known is no tool that is not called.
pub(super) fn has_tool(facts: &dyn Facts) -> Result<bool, Why> {
    match tool(facts) {
        Ok(_) => Ok(true),
        Err(Why::NoTool) => Ok(false),
        Err(why) => Err(why),
    }
}

/// Whether the definition has annotations.
pub(super) fn has_annotations(facts: &dyn Facts, budget: &mut Budget) -> Result<bool, Why> {
    Ok(has_tool(facts)? && annotations(facts, budget)?.is_some())
}

fn tool(facts: &dyn Facts) -> Result<Json<'_>, Why> {
    match facts.tool() {
        Tool::None => Err(Why::NoTool),
        Tool::Unknown => Err(Why::UnknownTool),
        Tool::Known(json) if json.value.kind == Kind::Object => Ok(json),
        Tool::Known(_) => Err(Why::Definition),
    }
}

fn annotations<'a>(facts: &'a dyn Facts, budget: &mut Budget) -> Result<Option<Json<'a>>, Why> {
    match own(tool(facts)?, "annotations", Kind::Object, budget)? {
        Some(Value::Json(json)) => Ok(Some(json)),
        _ => Ok(None),
    }
}

/// The name of a hint in a definition, and what the specification takes it for where it is absent.
fn hint(name: Name) -> (&'static str, bool) {
    match name {
        Name::ReadOnly => ("readOnlyHint", false),
        Name::Destructive => ("destructiveHint", true),
        Name::Idempotent => ("idempotentHint", false),
        _ => ("openWorldHint", true),
    }
}

fn arguments(facts: &dyn Facts) -> Result<Json<'_>, Why> {
    match facts.arguments() {
        Some(json) => Ok(json),
        None if WITH_ARGUMENTS.contains(&facts.method()) => Ok(EMPTY),
        None => Err(Why::NoArguments),
    }
}

/// A member of a definition, of the kind that it must be. All of the object is looked at, since a server may repeat a
/// key, and whoever reads the definition otherwise would take the other value.
fn own<'a>(json: Json<'a>, name: &str, kind: Kind, budget: &mut Budget) -> Result<Option<Value<'a>>, Why> {
    let (mut walk, mut found) = (json.walk(), None);
    while let Some(passed) = elements::step(&mut walk, budget)? {
        if !passed.key.is_some_and(|key| key.is(json.bytes, name)) {
            continue;
        }
        if found.is_some() {
            return Err(Why::Repeated);
        }
        let of = passed.value(json.bytes);
        if of.value.kind != kind && !(kind == Kind::True && of.value.kind == Kind::False) {
            return Err(Why::Definition);
        }
        found = Some(Value::read(of, budget)?);
    }
    Ok(found)
}
