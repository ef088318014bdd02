//! See [`farebox_fuzz::tokenizer_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| farebox_fuzz::tokenizer_file(bytes));
