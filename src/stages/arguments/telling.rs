//! How faults are told: to the model in a result, or to the client in an error.

use crate::catalog::{Fault, Faults};
use crate::model::{Reason, Refusal};
use crate::protocol::json::quoted;
use crate::protocol::revision::{Era, Revision};

/// Characters of a name that are shown.
const SHOWN: usize = 100;

/// How the faults of a call's arguments are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// As an error: before 2025-11-25, in a batch, and where nothing is said.
    Error,
    /// As a result (2025-11-25).
    Result,
    /// As a result that says that it is one (2026-07-28).
    Modern,
}

impl Telling {
    /// By what was agreed on.
    pub fn of(era: Era, revision: Option<Revision>) -> Self {
        match (era, revision) {
            (Era::Modern, _) => Self::Modern,
            (Era::Legacy, Some(revision)) if revision >= Revision::V2025_11_25 => Self::Result,
            (Era::Legacy, _) => Self::Error,
        }
    }
}

/// The refusal of arguments with these faults.
pub(super) fn faulty(name: &str, faults: &Faults, telling: Telling) -> Refusal {
    let text = text(name, faults);
    let each = |Fault { at, what }: &Fault| format!("{{\"path\":{},\"message\":{}}}", quoted(at), quoted(what));
    let told: Vec<_> = faults.told.iter().map(each).collect();
    let data = format!("\"faults\":[{}],\"more\":{}", told.join(","), faults.more);
    let kind = if telling == Telling::Modern { "\"resultType\":\"complete\"," } else { "" };
    let result =
        || format!("{{{kind}\"content\":[{{\"type\":\"text\",\"text\":{}}}],\"isError\":true}}", quoted(&text));
    let told_as = (telling != Telling::Error).then(result);
    let refusal = Refusal::new(Reason::InvalidArguments, text.clone()).with_data(data).noted(&NOTE);
    match told_as {
        Some(result) => refusal.as_result(result),
        None => refusal,
    }
}

static NOTE: &str = "the arguments do not fit the tool's inputSchema; the client was told what is wrong with them";

/// What a model makes its next call by.
fn text(name: &str, faults: &Faults) -> String {
    let mut text = format!("The arguments do not fit the inputSchema of {}:", shown(name));
    for Fault { at, what } in &faults.told {
        let at = if at.is_empty() { "the arguments" } else { at };
        text.push_str(&format!("\n- {at}: {what}"));
    }
    if faults.more {
        text.push_str("\n- and more");
    }
    text.push_str("\nNothing was called. Mend the arguments and call again.");
    text
}

/// As much of a name as is shown.
pub(super) fn shown(name: &str) -> String {
    let short: String = name.chars().take(SHOWN).collect();
    format!("{short:?}")
}
