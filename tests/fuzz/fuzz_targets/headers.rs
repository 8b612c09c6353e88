//! The header checks on any headers, body and input schema.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks/headers.rs"]
mod headers;

fuzz_target!(|data: &[u8]| headers::check(data));
