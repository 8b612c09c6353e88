//! The strict reader on any bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks/reader.rs"]
mod reader;

fuzz_target!(|data: &[u8]| reader::check(data));
