//! See [`farebox_fuzz::workload_yaml`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| farebox_fuzz::workload_yaml(bytes));
