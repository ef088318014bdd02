//! See [`farebox_fuzz::price_yaml`].
#![no_main]

// What is unpacked once is not the time of the first input.
libfuzzer_sys::fuzz_target!(init: farebox_fuzz::warm("price_yaml"), |bytes: &[u8]| farebox_fuzz::price_yaml(bytes));
