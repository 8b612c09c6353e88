//! The reader and writer of event streams on any bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks/sse.rs"]
mod sse;

fuzz_target!(|data: &[u8]| sse::check(data));
