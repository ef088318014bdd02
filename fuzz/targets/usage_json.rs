//! See [`farebox_fuzz::usage_json`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| farebox_fuzz::usage_json(bytes));
