//! `cargo fuzz run seal`.
#![no_main]

#[path = "../checks/seal.rs"]
mod seal;

libfuzzer_sys::fuzz_target!(|data: &[u8]| seal::check(data));
