//! See [`farebox_fuzz::price_yaml`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| farebox_fuzz::price_yaml(bytes));
