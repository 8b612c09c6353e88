//! A compiled schema, and what it says of a value.

use std::fmt::{self, Write as _};

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::{
    chain,
    meter::{self, STEP},
    outline::{Outline, Unusable},
    weigh::{self, Unheld},
};

/// Bytes of a schema's text.
pub(super) const LONGEST: usize = 64 * 1024;
/// Memory of a compiled pattern, and of what is remembered while it runs.
const PATTERN: usize = 128 * 1024;
/// Steps of finding out whether a value fits, and of then finding all that is wrong with it, which costs more each.
const STEPS: u64 = 50_000;
const STEPS_OF_FAULTS: u64 = 2_000;
/// Levels of nesting times subschemas in place: they are nested calls. They take less than half of a thread's stack.
const FRAMES: usize = 256;
/// Faults that are told.
const MOST: usize = 20;
/// Bytes of a fault's place, and of what is wrong there.
const SHOWN: usize = 200;

/// A schema that values can be checked against.
pub struct Schema {
    validator: Validator,
    /// Subschemas that look at one place, one inside the other.
    chain: usize,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: a JSON pointer into the value, empty for the whole, cut where it is long.
    pub at: String,
    /// What is wrong there. It names keys, and what the schema asks for; never a value.
    pub what: String,
}

/// All that is wrong, as far as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The first ones; at least one.
    pub told: Vec<Fault>,
    /// There may be more.
    pub more: bool,
}

/// What a schema says of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It fits.
    Fits,
    /// It does not.
    Faulty(Faults),
    /// It was not found out.
    Unheld(Unheld),
}

impl Schema {
    /// Compiles a schema. It takes as long as its size asks for, up to tens of milliseconds: not on a data core.
    ///
    /// # Errors
    /// Why nothing can be checked against it.
    pub fn compile(text: &[u8]) -> Result<Self, Unusable> {
        if text.len() > LONGEST {
            return Err(Unusable::Long);
        }
        let malformed = |error: &dyn fmt::Display| Unusable::Malformed(shown(error));
        let mut schema: Value = serde_json::from_slice(text).map_err(|error| malformed(&error))?;
        let outline = Outline::of(&mut schema)?;
        let chain = chain::longest(&outline)?;
        let patterns = PatternOptions::regex().size_limit(PATTERN).dfa_size_limit(PATTERN);
        let mut options = jsonschema::options().offline().with_pattern_options(patterns).should_validate_formats(false);
        // Whatever earlier drafts say: what is inside a text is not looked at.
        options = options.without_content_media_type_support("application/json");
        options = options.without_content_encoding_support("base64");
        if schema.get("$schema").is_none() {
            options = options.with_draft(Draft::Draft202012);
        }
        let compiled = options.with_keyword(STEP, meter::factory).build(&schema);
        let validator = compiled.map_err(|error| malformed(&error.masked()))?;
        Ok(Self { validator, chain })
    }

    /// Checks a value, of which `json` is the text: it has passed the strict reader. Bounded in steps.
    pub fn check(&self, json: &[u8]) -> Checked {
        match weigh::weigh(json) {
            Err(unheld) => return Checked::Unheld(unheld),
            Ok(depth) if (depth + 1).saturating_mul(self.chain) > FRAMES => return Checked::Unheld(Unheld::Depth),
            Ok(_) => {}
        }
        let Ok(value) = serde_json::from_slice::<Value>(json) else { return Checked::Unheld(Unheld::Unreadable) };
        match meter::within(STEPS, || self.validator.is_valid(&value)) {
            None => Checked::Unheld(Unheld::Steps),
            Some(true) => Checked::Fits,
            Some(false) => Checked::Faulty(self.faults(&value)),
        }
    }

    fn faults(&self, value: &Value) -> Faults {
        let all = meter::within(STEPS_OF_FAULTS, || {
            let mut errors = self.validator.iter_errors(value);
            let told: Vec<_> = errors.by_ref().take(MOST).map(|error| Fault::of(&error)).collect();
            Faults { more: errors.next().is_some(), told }
        });
        let first = || meter::within(STEPS, || self.validator.validate(value).err().map(|error| Fault::of(&error)));
        match all {
            Some(faults) if !faults.told.is_empty() => faults,
            // Too much to find all of it.
            _ => {
                let unfound =
                    || Fault { at: String::new(), what: "it does not fit, in too many ways to tell".to_owned() };
                Faults { told: vec![first().flatten().unwrap_or_else(unfound)], more: true }
            }
        }
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl Fault {
    fn of(error: &ValidationError<'_>) -> Self {
        Self { at: shown(&error.instance_path().as_str()), what: shown(&error.masked()) }
    }
}

/// As much of it as is shown; no more is written out.
fn shown(text: &dyn fmt::Display) -> String {
    let mut shown = Shown(String::new());
    if write!(shown, "{text}").is_err() {
        shown.0.push_str("...");
    }
    shown.0
}

struct Shown(String);

impl fmt::Write for Shown {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = SHOWN - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        let cut = (0..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        self.0.push_str(&text[..cut]);
        Err(fmt::Error)
    }
}
