//! See [`farebox_fuzz::packed_table`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| farebox_fuzz::packed_table(bytes));
