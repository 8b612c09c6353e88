//! A schema and a value, one behind the other with a line end between them: whatever they are, both end, nothing panics, and
//! what is told is bounded and the same each time.

use weir::catalog::{Checked, Schema};
use weir::protocol::json;

/// Panics where that does not hold.
pub(crate) fn check(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (schema, value) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    // Both have passed the strict reader wherever they come from.
    if json::check(schema, 64).is_err() {
        return;
    }
    let schema = match Schema::compile(schema) {
        Ok(schema) => schema,
        Err(why) => return assert!(why.to_string().len() < 1000, "{why}"),
    };
    if json::check(value, 512).is_err() {
        return;
    }
    let checked = schema.check(value);
    assert_eq!(checked, schema.check(value), "it is the same each time");
    let Checked::Faulty(faults) = checked else { return };
    assert!((1..=20).contains(&faults.told.len()), "{faults:?}");
    for fault in &faults.told {
        assert!(fault.at.len() <= 203 && (1..=203).contains(&fault.what.len()), "{fault:?}");
        assert!(fault.at.is_empty() || fault.at.starts_with('/'), "{fault:?}");
    }
}
