//! Each promise broken once, and seen.

use super::*;
use crate::{
    ledger::{HoldRecord, PurchaseRecord},
    orders::{Order, Told, What},
};

const CODE: Uuid = Uuid::from_u128(7);
const HOLD: Granted = Granted { code: CODE, unit: 1, expires_ms: 3_000 };

fn asked(what: Ask, answer: Answer) -> Asked {
    let user = "ann".to_owned();
    Asked { user, what, service: 0, sent_ms: 1_000, answered_ms: 1_010, answer }
}

fn granted() -> Asked {
    asked(Ask::Checkout, Answer::Granted(HOLD))
}

fn bought(is_replay: bool) -> Asked {
    let item = "A".to_owned();
    asked(Ask::Purchase(CODE), Answer::Bought { unit: 1, item, is_replay })
}

fn hold(state: &str, resolved_ms: Option<i64>) -> HoldRecord {
    let (user, state) = ("ann".to_owned(), state.to_owned());
    HoldRecord { user, unit: 1, slot: 0, state, expires_ms: 3_000, resolved_ms }
}

/// A ledger in which ann's hold of the only unit has this state.
fn ledger(state: &str, resolved_ms: Option<i64>) -> Records {
    let mut records = Records { stock: 1, ..Records::default() };
    records.holds.insert(CODE, hold(state, resolved_ms));
    if state == "sold" {
        let (user, item) = ("ann".to_owned(), "A".to_owned());
        records.purchases.insert(CODE, PurchaseRecord { user, unit: 1, item, is_cancelled: false });
    }
    records
}

fn broken(history: &[Asked], records: &Records) -> Vec<Promise> {
    let mut broken: Vec<_> =
        judge(history, records).into_iter().map(|breach| breach.promise).collect();
    broken.sort_unstable();
    broken.dedup();
    broken
}

#[test]
fn a_sale_in_which_everything_went_well_breaks_nothing() {
    let history = [granted(), bought(false), bought(true)];

    assert_eq!(broken(&history, &ledger("sold", Some(1_005))), []);
}

#[test]
fn an_answer_the_ledger_does_not_have_is_lost() {
    let sold = ledger("sold", Some(1_005));
    let mut unbought = ledger("sold", Some(1_005));
    unbought.purchases.clear();
    let refused = asked(Ask::Checkout, Answer::Refused("sold_out"));
    let mut other_unit = sold.holds.clone();
    other_unit.entry(CODE).and_modify(|hold| hold.unit = 2);

    assert_eq!(
        broken(&[granted()], &Records { holds: other_unit, ..ledger("sold", None) }),
        [Promise::AnswersAreKept]
    );
    assert_eq!(
        broken(&[granted(), bought(false)], &unbought),
        [Promise::AnswersAreKept, Promise::NothingIsUndersold]
    );
    assert_eq!(broken(&[refused], &sold), [Promise::AnswersAreKept]);
    let given_back = asked(Ask::Release(CODE), Answer::Released);
    assert_eq!(broken(&[granted(), given_back], &sold), [Promise::AnswersAreKept]);
}

#[test]
fn a_hold_is_refused_only_when_the_ledger_ended_it_in_time() {
    let expired = [granted(), asked(Ask::Purchase(CODE), Answer::Expired)];
    let unknown = [granted(), asked(Ask::Purchase(CODE), Answer::NotFound)];
    let stock = Promise::NothingIsUndersold;

    assert_eq!(broken(&expired, &ledger("expired", Some(3_000))), [stock]);
    assert_eq!(
        broken(&expired, &ledger("expired", Some(2_999))),
        [Promise::HoldsAreHonoured, stock]
    );
    assert_eq!(
        broken(&expired, &ledger("released", Some(1_000))),
        [Promise::HoldsAreHonoured, stock]
    );
    assert_eq!(
        broken(&unknown, &ledger("expired", Some(3_000))),
        [Promise::HoldsAreHonoured, stock]
    );
}

#[test]
fn one_code_has_one_answer() {
    let sold = ledger("sold", Some(1_005));
    let expired = asked(Ask::Purchase(CODE), Answer::Expired);

    assert_eq!(broken(&[granted(), granted()], &sold), [Promise::AnswersStay]);
    assert!(broken(&[granted(), bought(false), expired], &sold).contains(&Promise::AnswersStay));
}

#[test]
fn a_key_gets_one_code_and_no_other_request_gets_that() {
    let sold = ledger("sold", Some(1_005));
    let keyed = |number, hold| asked(Ask::Keyed(number), Answer::Granted(hold));
    let other = Granted { code: Uuid::from_u128(8), ..HOLD };

    let again = |number, hold| asked(Ask::Keyed(number), Answer::GrantedBefore(hold));

    assert_eq!(broken(&[keyed(1, HOLD), again(1, HOLD)], &sold), []);
    assert_eq!(broken(&[keyed(1, HOLD), again(2, HOLD)], &sold), [Promise::AnswersStay]);
    assert_eq!(broken(&[keyed(1, HOLD), granted()], &sold), [Promise::AnswersStay]);
    assert!(broken(&[keyed(1, HOLD), again(1, other)], &sold).contains(&Promise::AnswersStay));
}

#[test]
fn equal_keys_of_two_users_lead_to_two_holds() {
    let sold = ledger("sold", Some(1_005));
    let of_ann = asked(Ask::Keyed(1), Answer::Granted(HOLD));
    let of_ben = Asked { user: "ben".to_owned(), ..of_ann.clone() };

    assert_eq!(broken(&[of_ann, of_ben], &sold), [Promise::AnswersAreKept, Promise::AnswersStay]);
}

#[test]
fn whoever_was_answered_before_they_asked_again_is_told_so() {
    let sold = ledger("sold", Some(1_005));
    let told = |answer, sent_ms| {
        let answered_ms = sent_ms + 10;
        Asked { sent_ms, answered_ms, ..asked(Ask::Keyed(1), answer) }
    };
    let first = told(Answer::Granted(HOLD), 1_000);

    for (answer, sent_ms, breaches) in [
        (Answer::GrantedBefore(HOLD), 1_011, &[][..]),
        (Answer::Granted(HOLD), 1_010, &[]),
        (Answer::Granted(HOLD), 1_011, &[Promise::KeysHaveOneHold]),
        (Answer::Refused("sold_out"), 1_011, &[Promise::AnswersAreKept, Promise::KeysHaveOneHold]),
    ] {
        assert_eq!(broken(&[first.clone(), told(answer, sent_ms)], &sold), breaches, "{sent_ms}");
    }
}

#[test]
fn a_key_leaves_one_hold_whether_somebody_heard_of_it_or_not() {
    let mut two = ledger("sold", Some(1_005));
    two.holds.insert(Uuid::from_u128(8), hold("expired", Some(3_000)));
    let keyed = || asked(Ask::Keyed(1), Answer::Granted(HOLD));
    let lost = |what| asked(what, Answer::Unknown("reset".to_owned()));

    assert_eq!(broken(&[lost(Ask::Keyed(1)), keyed()], &two), [Promise::KeysHaveOneHold]);
    assert_eq!(broken(&[lost(Ask::Keyed(2)), keyed()], &two), []);
    assert_eq!(broken(&[lost(Ask::Checkout), keyed()], &two), []);
}

#[test]
fn stock_is_neither_oversold_nor_left_nor_held_for_ever() {
    let mut oversold = ledger("sold", Some(1_005));
    let again = oversold.purchases[&CODE].clone();
    oversold.purchases.insert(Uuid::from_u128(8), again);

    assert_eq!(broken(&[], &oversold), [Promise::NothingIsOversold]);
    assert_eq!(
        broken(&[], &ledger("held", None)),
        [Promise::NothingIsUndersold, Promise::HoldsEnd]
    );
}

#[test]
fn a_request_without_an_answer_is_asked_again_and_every_answer_is_known() {
    let sold = ledger("sold", Some(1_005));
    let lost = || asked(Ask::Purchase(CODE), Answer::Unknown("reset".to_owned()));
    let wrong = asked(Ask::Checkout, Answer::Wrong("500".to_owned()));

    assert_eq!(broken(&[granted(), lost(), bought(true)], &sold), []);
    assert_eq!(broken(&[granted(), lost()], &sold), [Promise::EverybodyIsAnswered]);
    assert_eq!(broken(&[wrong], &sold), [Promise::AnswersAreKnown]);
}

/// A ledger in which ann's purchase of the only unit was cancelled, and bob has bought it since.
fn cancelled_ledger() -> Records {
    let mut records = ledger("sold", Some(1_005));
    records.holds.insert(CODE, hold("cancelled", Some(1_100)));
    records.purchases.entry(CODE).and_modify(|row| row.is_cancelled = true);
    let (user, item) = ("bob".to_owned(), "A".to_owned());
    let row = PurchaseRecord { user, unit: 1, item, is_cancelled: false };
    records.purchases.insert(Uuid::from_u128(8), row);
    records
}

#[test]
fn only_what_an_operator_ordered_is_cancelled_and_it_stays_so() {
    let later =
        |answer| Asked { sent_ms: 1_200, answered_ms: 1_210, ..asked(Ask::Purchase(CODE), answer) };
    let ordered = |told| {
        let (id, what) = (Uuid::from_u128(9), What::Cancel(CODE));
        Order { id, what, sent_ms: 1_050, answered_ms: 1_150, tries: 1, told, again: None }
    };
    let done = || ordered(Told::Done { number: 1, sale: 1, in_effect: true, is_replayed: false });
    let unheard = ordered(Told::Unknown("reset".to_owned()));
    let told = [granted(), bought(false), later(Answer::Cancelled)];
    let broken = |history: &[Asked], records: &Records, orders: &[Order]| {
        let steering = Steering { orders, ..Steering::of_nobody() };
        let breaches = judge_steered(history, records, &steering);
        breaches.into_iter().map(|breach| breach.promise).collect::<Vec<_>>()
    };
    let records = cancelled_ledger();

    assert_eq!(broken(&told, &records, &[done()]), []);
    assert_eq!(broken(&told, &records, &[unheard]), []);
    assert_eq!(broken(&told, &records, &[]), [Promise::AnswersStay]);
    let bought_again = [granted(), bought(false), Asked { sent_ms: 1_200, ..bought(true) }];
    assert_eq!(broken(&bought_again, &records, &[done()]), [Promise::AnswersStay]);
    let sold = ledger("sold", Some(1_005));
    let lost = broken(&told[..2], &sold, &[done()]);
    assert_eq!(lost, [Promise::AnswersAreKept]);
    let mut twice = records;
    twice.purchases.entry(CODE).and_modify(|row| row.is_cancelled = false);
    assert!(broken(&told[..2], &twice, &[done()]).contains(&Promise::NothingIsOversold));
}
