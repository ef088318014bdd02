//! See [`farebox_fuzz::chat_request`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| farebox_fuzz::chat_request(bytes));
