#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::fec_geometry(data));
