//! The readers of replies, open to the fuzzer: each is given any reply for any question, and
//! panics where one gives more answers than were asked for.

use deadpool_redis::redis::{Value, parse_redis_value};
use domain::{Code, SaleId, audit::live, ports::HoldRequest};

use crate::{
    code_store::{place::read_placed, read_due, read_units, settle::read_settled},
    load::read_step,
    sale_store::read_status,
    snapshot,
    turns::read_turn,
};

/// Reads words, as the reply of every function there is.
pub fn read_words(requests: usize, words: &[u8]) {
    read(requests, &Value::BulkString(words.to_vec()));
}

/// Reads what a server sent, if it keeps to the protocol: also as replies to plain commands.
pub fn read_wire(codes: usize, wire: &[u8]) {
    if let Ok(value) = parse_redis_value(wire) {
        read(codes, &value);
    }
}

fn read(questions: usize, value: &Value) {
    let Ok(sale) = SaleId::try_from(7) else { return };
    let Ok(user) = "alice".parse() else { return };
    let codes: Vec<_> = (0..questions).map(|number| Code::new(sale, number as u128)).collect();
    let asked: Vec<_> = codes
        .iter()
        .map(|&code| HoldRequest { code, user: Clone::clone(&user), has_key: false })
        .collect();

    if let Ok(answers) = read_placed(value, &asked.iter().collect::<Vec<_>>()) {
        assert_eq!(answers.len(), questions);
    }
    if let Ok(units) = read_units(value, codes.len()) {
        assert_eq!(units.len(), questions);
    }
    let _ = (read_due(value), read_settled(value), read_step(value), read_status(value));
    let _ = read_turn(value);
    if let Value::Array(replies) = value
        && let Ok(Some(snapshot)) = snapshot::read(sale, replies)
    {
        let _ = live::contradictions(&snapshot);
    }
}
