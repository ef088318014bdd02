//! See [`farebox_fuzz::usage_csv`].
#![no_main]

// What is unpacked once is not the time of the first input.
libfuzzer_sys::fuzz_target!(init: farebox_fuzz::warm("usage_csv"), |bytes: &[u8]| farebox_fuzz::usage_csv(bytes));
