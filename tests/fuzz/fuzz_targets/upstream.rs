//! The reader of servers' answers on any bytes, beside hyper's client.

#![no_main]

#[path = "../checks/upstream.rs"]
mod upstream;

libfuzzer_sys::fuzz_target!(|data: &[u8]| upstream::check(data));
