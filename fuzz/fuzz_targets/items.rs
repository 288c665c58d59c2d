#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| recursive_gumbel_fuzz::run("items", bytes));
