#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::flute_fdt(data));
