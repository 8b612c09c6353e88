//! The meter: a keyword of ours in every subschema, which takes steps whenever that subschema is entered.
//!
//! The crate bounds no evaluation, and two branches that lead to the same place double it. So the steps of a check are
//! counted where they are taken. Once they are spent nothing that the crate would still say means anything: the check
//! ends there and then, by unwinding to where it began.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};

/// The keyword. A schema's own of that name is left out.
pub(super) const STEP: &str = "weir:step";

thread_local! {
    /// The steps that are left of the check on this thread.
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// Bytes of text that one state of a pattern passes in a step.
const BYTES_A_STATE: u64 = 128;
/// Bytes of text that are passed over in a step.
const BYTES: usize = 256;
/// Elements up to which every one is compared with every other.
const PAIRWISE: usize = 15;

/// What entering a subschema costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Whatever the value is.
    pub(super) flat: u64,
    /// For each element or member.
    pub(super) each: u64,
    /// States of patterns for texts, and for keys.
    pub(super) text: u64,
    pub(super) keys: u64,
    /// Times that the whole value is compared.
    pub(super) whole: u64,
    /// For a number, whether it is a multiple.
    pub(super) number: u64,
    /// Elements are compared with each other.
    pub(super) unique: bool,
}

/// What it takes to find out whether a number is a multiple: the crate computes with fractions, of any length.
const MULTIPLE: u64 = 10;
const EXTREME: u64 = 1000;

/// What it takes for multiples of this number.
pub(super) fn multiples_of(number: f64) -> u64 {
    if number == 0.0 || (1e-9..1e15).contains(&number.abs()) { MULTIPLE } else { EXTREME }
}

impl Cost {
    /// As it stands in the schema.
    pub(super) fn to_value(self) -> Value {
        let Self { flat, each, text, keys, whole, number, unique } = self;
        Value::from(vec![flat, each, text, keys, whole, number, u64::from(unique)])
    }

    fn of_value(value: &Value) -> Option<Self> {
        let numbers: Vec<u64> = value.as_array()?.iter().map(Value::as_u64).collect::<Option<_>>()?;
        let [flat, each, text, keys, whole, number, unique] = numbers[..] else { return None };
        Some(Self { flat, each, text, keys, whole, number, unique: unique == 1 })
    }

    fn steps(&self, value: &Value) -> u64 {
        let by_text = |length: usize, states: u64| (length as u64).saturating_mul(states) / BYTES_A_STATE;
        let mut steps = self.flat;
        match value {
            Value::String(text) => steps += (text.len() / BYTES) as u64 + by_text(text.len(), self.text),
            Value::Array(elements) => steps += self.each.saturating_mul(elements.len() as u64),
            Value::Object(members) => {
                steps += self.each.saturating_mul(members.len() as u64);
                if self.keys > 0 {
                    steps += members.keys().map(|key| by_text(key.len(), self.keys)).sum::<u64>();
                }
            }
            Value::Number(number) if self.number > 0 => {
                steps += self.number.max(multiples_of(number.as_f64().unwrap_or(f64::MAX)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        let compared = match value {
            Value::Array(elements) if self.unique && elements.len() <= PAIRWISE => elements.len() as u64,
            Value::Array(_) if self.unique => 2,
            _ => 0,
        };
        match self.whole + compared {
            0 => steps,
            times => steps.saturating_add(size(value).saturating_mul(times)),
        }
    }
}

/// What it takes to compare a value whole.
fn size(value: &Value) -> u64 {
    match value {
        Value::String(text) => 1 + (text.len() / BYTES) as u64,
        Value::Array(elements) => 1 + elements.iter().map(size).sum::<u64>(),
        Value::Object(members) => {
            1 + members.iter().map(|(key, value)| 1 + (key.len() / BYTES) as u64 + size(value)).sum::<u64>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

struct Spent;

/// Runs a check of so many steps; `None` where it takes more.
pub(super) fn within<T>(steps: u64, check: impl FnOnce() -> T) -> Option<T> {
    LEFT.set(steps);
    // What is left behind is this check's own: nothing of it is looked at again.
    match catch_unwind(AssertUnwindSafe(check)) {
        Ok(done) => Some(done),
        Err(reason) if reason.is::<Spent>() => None,
        Err(reason) => resume_unwind(reason),
    }
}

/// The steps that the check before has left.
#[cfg(test)]
pub(super) fn left() -> u64 {
    LEFT.get()
}

struct Meter(Cost);

impl Meter {
    fn take(&self, value: &Value) {
        match LEFT.get().checked_sub(self.0.steps(value)) {
            Some(left) => LEFT.set(left),
            None => resume_unwind(Box::new(Spent)),
        }
    }
}

impl<'i> Keyword<'i> for Meter {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        self.take(instance);
        Ok(())
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.take(instance);
        true
    }
}

/// Makes the meter of a subschema.
pub(super) fn factory<'a>(
    _: &'a Map<String, Value>,
    cost: &'a Value,
    _: jsonschema::paths::Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    match Cost::of_value(cost) {
        Some(cost) => Ok(Box::new(Meter(cost))),
        None => Err(ValidationError::custom("a meter that is not ours")),
    }
}
