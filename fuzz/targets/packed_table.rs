//! See [`farebox_fuzz::packed_table`].
#![no_main]

// What is unpacked once is not the time of the first input.
libfuzzer_sys::fuzz_target!(init: farebox_fuzz::warm("packed_table"), |bytes: &[u8]| farebox_fuzz::packed_table(bytes));
