//! See [`farebox_fuzz::text_count`].
#![no_main]

// What is unpacked once is not the time of the first input.
libfuzzer_sys::fuzz_target!(init: farebox_fuzz::warm("text_count"), |bytes: &[u8]| farebox_fuzz::text_count(bytes));
