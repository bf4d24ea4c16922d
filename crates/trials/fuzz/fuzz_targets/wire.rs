//! What comes over the wire: the first byte says how many codes were asked for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_stores::fuzzing;

fuzz_target!(|input: &[u8]| {
    if let Some((&codes, wire)) = input.split_first() {
        fuzzing::read_wire(usize::from(codes % 8), wire);
    }
});
