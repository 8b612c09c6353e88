//! Policy of a usual size: the rules and limits that the load of `loadtest/compare` is held against, none of which refuses
//! a call.

/// As the configuration has it; what it reads of the arguments is there in the calls that are counted.
pub(crate) fn policy() -> String {
    include_str!("../../loadtest/policy.toml").replace("arguments.text", "arguments.query")
}
