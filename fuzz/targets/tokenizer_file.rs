//! See [`farebox_fuzz::tokenizer_file`].
#![no_main]

// What is unpacked once is not the time of the first input.
libfuzzer_sys::fuzz_target!(init: farebox_fuzz::warm("tokenizer_file"), |bytes: &[u8]| farebox_fuzz::tokenizer_file(bytes));
