//! Fuzzes the head guard.

#![no_main]

#[path = "../checks/guard.rs"]
mod guard;

libfuzzer_sys::fuzz_target!(|data: &[u8]| guard::check(data));
