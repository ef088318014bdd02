//! See [`farebox_fuzz::chat_request`].
#![no_main]

// What is unpacked once is not the time of the first input.
libfuzzer_sys::fuzz_target!(init: farebox_fuzz::warm("chat_request"), |bytes: &[u8]| farebox_fuzz::chat_request(bytes));
