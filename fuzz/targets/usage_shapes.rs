//! See [`farebox_fuzz::usage_shapes`].
#![no_main]

// What is unpacked once is not the time of the first input.
libfuzzer_sys::fuzz_target!(init: farebox_fuzz::warm("usage_shapes"), |bytes: &[u8]| farebox_fuzz::usage_shapes(bytes));
