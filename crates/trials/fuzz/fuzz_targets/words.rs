//! The words a function replies with: the first byte says how many requests they answer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_stores::fuzzing;

fuzz_target!(|input: &[u8]| {
    if let Some((&requests, words)) = input.split_first() {
        fuzzing::read_words(usize::from(requests % 8), words);
    }
});
