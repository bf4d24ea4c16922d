//! What one connection may do, by its turns.

use super::{patience::STOP_GRACE, *};
use crate::body::{BODY_BYTES_MAX, OPERATORS_BODY_BYTES_MAX};

/// Receives as long as that is allowed without others having had their turn; returns how much.
fn receive(connection: &Connection) -> (usize, Allowance) {
    let mut received = 0;
    loop {
        match connection.allowance() {
            Allowance::Bytes(bytes) => {
                connection.received(bytes);
                received += bytes;
            }
            other => return (received, other),
        }
    }
}

#[test]
fn what_is_sent_ahead_of_an_answer_is_bounded_however_many_are_answered() {
    let connection = Connection::new();
    assert_eq!(receive(&connection), (PORTION, Allowance::Later));
    assert_eq!(receive(&connection), (PORTION, Allowance::Later));

    connection.received_all();
    for _ in 0..100 {
        let answer = connection.begin_answer(false);
        let (received, then) = receive(&connection);
        assert!(received <= PORTION && then == Allowance::AfterAnswer);
        drop(answer);
    }
    let (received, then) = receive(&connection);

    assert_eq!((received, then), (0, Allowance::Later), "not one for each answer");
}

#[test]
fn a_body_is_received_while_it_is_waited_for() {
    let connection = Connection::new();
    let _answer = connection.begin_answer(false);
    let (_, then) = receive(&connection);
    assert_eq!(then, Allowance::AfterAnswer);

    let body = connection.receive_body(BODY_BYTES_MAX);
    assert_eq!(receive(&connection), (0, Allowance::Later));
    assert_eq!(receive(&connection), (PORTION, Allowance::Later));
    drop(body);

    assert_eq!(connection.overdue(Instant::now() + 2 * REQUEST_TIMEOUT), None, "it is our turn");
}

#[test]
fn who_sent_nothing_after_an_answer_is_closed_without_a_word() {
    let connection = Connection::new();
    let later = || Instant::now() + 2 * REQUEST_TIMEOUT;
    assert_eq!(connection.overdue(later()), Some(Overdue::Timeout));
    assert_eq!(connection.overdue(Instant::now()), None);

    drop(connection.begin_answer(false));
    assert_eq!(connection.overdue(later()), Some(Overdue::Idle));
    connection.received(1);

    assert_eq!(connection.overdue(later()), Some(Overdue::Timeout));
}

#[test]
fn whoever_may_send_more_may_take_more_to_send_it_and_for_that_body_alone() {
    let connection = Connection::new();
    let _answer = connection.begin_answer(true);
    let body = connection.receive_body(OPERATORS_BODY_BYTES_MAX);

    connection.received(raw_bytes_max(OPERATORS_BODY_BYTES_MAX));
    assert!(!connection.is_body_too_long());
    connection.received(1);
    assert!(connection.is_body_too_long());

    drop(body);
    let _answer = connection.begin_answer(true);
    connection.received(BODY_RAW_BYTES_MAX + 1);
    assert!(connection.is_body_too_long());
}

#[test]
fn a_body_that_is_all_framing_is_too_long() {
    let connection = Connection::new();
    let _answer = connection.begin_answer(true);
    let body = connection.receive_body(BODY_BYTES_MAX);

    connection.received(BODY_RAW_BYTES_MAX);
    assert!(!connection.is_body_too_long());
    connection.received(1);
    assert!(connection.is_body_too_long());

    connection.body_ended();
    assert!(!connection.is_body_too_long(), "what comes is the next request");
    drop(body);
    let _answer = connection.begin_answer(false);
    connection.received(2 * BODY_RAW_BYTES_MAX);
    assert!(!connection.is_body_too_long(), "there is no body");
}

#[test]
fn a_stop_leaves_little_time_to_send_what_is_under_way() {
    let connection = Connection::new();
    drop(connection.begin_answer(false));
    let (soon, late) = (Instant::now(), Instant::now() + STOP_GRACE + Duration::from_millis(1));
    assert_eq!(connection.overdue(late), None);

    connection.stop();

    assert_eq!(connection.overdue(soon), None);
    assert_eq!(connection.overdue(late), Some(Overdue::Idle));
    let answer = connection.begin_answer(false);
    assert_eq!(connection.overdue(late), None, "it is our turn");
    connection.say_close();
    assert!(!connection.is_over());
    drop(answer);
    assert!(connection.is_over());
}
