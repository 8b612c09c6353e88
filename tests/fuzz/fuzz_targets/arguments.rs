//! Any schema, and any value against it.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks/arguments.rs"]
mod arguments;

fuzz_target!(|data: &[u8]| arguments::check(data));
