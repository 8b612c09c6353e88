//! Any expression, and any arguments that it runs over.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks/expressions.rs"]
mod expressions;

fuzz_target!(|data: &[u8]| expressions::check(data));
