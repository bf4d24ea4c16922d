//! Each promise to an operator broken once, and seen.

use super::*;
use crate::{
    history::Ask,
    judgement::judge_steered,
    ledger::{HoldRecord, PurchaseRecord},
};

const CODE: Uuid = Uuid::from_u128(7);
const MADE: Made = Made { stock: 2, per_user_limit: 1, ends_ms: 60_000 };

/// An order of this number that was given and answered at these moments.
fn order(number: u128, what: What, sent_ms: i64, answered_ms: i64) -> Order {
    let told = Told::Done {
        number: i64::try_from(number).unwrap(),
        sale: 1,
        in_effect: true,
        is_replayed: false,
    };
    let id = Uuid::from_u128(number);
    Order { id, what, sent_ms, answered_ms, tries: 1, told, again: None }
}

fn refused(order: Order, why: &str) -> Order {
    let number = order.told.number().unwrap();
    Order { told: Told::Refused { number, why: why.to_owned(), is_replayed: false }, ..order }
}

fn granted(unit: i32, sent_ms: i64) -> Asked {
    let (user, answered_ms) = ("ann".to_owned(), sent_ms + 10);
    let answer = Answer::Granted(Granted { code: CODE, unit, expires_ms: 3_000 });
    Asked { user, what: Ask::Checkout, service: 0, sent_ms, answered_ms, answer }
}

/// The row of an order, as it was told.
fn row(order: &Order) -> TrailRow {
    let (after, refused) = if let Told::Refused { why, .. } = &order.told {
        (None, Some(format!("{{\"refused\": \"{why}\"}}")))
    } else {
        let state = if order.what == What::Pause { "paused" } else { "active" };
        let terms = "\"stock\": 2, \"per_user_limit\": 1, \"ends_at\": 60000";
        (Some(format!("{{\"state\": \"{state}\", {terms}}}")), None)
    };
    let (id, action) = (order.id, order.what.name().to_owned());
    TrailRow { id, number: order.told.number().unwrap_or(9), action, after, refused }
}

/// A ledger that has these orders, and a hold of this unit in this slot, which was sold.
fn ledger(orders: &[Order], unit: i32, slot: u16) -> Records {
    let trail: Vec<_> = orders.iter().map(row).collect();
    let (stock, per_user_limit, ends_ms) = (2, 1, 60_000);
    let mut records = Records {
        stock,
        per_user_limit,
        ends_ms,
        state: "closed".to_owned(),
        trail,
        ..Records::default()
    };
    let user = || "ann".to_owned();
    let (state, resolved_ms) = ("sold".to_owned(), Some(1));
    let hold = HoldRecord { user: user(), unit, slot, state, expires_ms: 3_000, resolved_ms };
    records.holds.insert(CODE, hold);
    let item = "A".to_owned();
    records
        .purchases
        .insert(CODE, PurchaseRecord { user: user(), unit, item, is_cancelled: false });
    records
}

fn broken_in(history: &[Asked], records: &Records, orders: &[Order]) -> Vec<Promise> {
    let calm = Calm { from_ms: records.ends_ms, ..Calm::default() };
    let steering = Steering::new(MADE, orders, calm);
    let breaches = judge_steered(history, records, &steering);
    breaches.into_iter().map(|breach| breach.promise).collect()
}

/// What is broken by a grant of unit 1 that was asked for then.
fn broken(sent_ms: i64, orders: &[Order]) -> Vec<Promise> {
    broken_in(&[granted(1, sent_ms)], &ledger(orders, 1, 0), orders)
}

#[test]
fn nothing_is_granted_of_a_sale_that_was_answered_to_be_paused() {
    let pause = order(1, What::Pause, 1_000, 1_100);
    let resume = order(2, What::Resume, 2_000, 2_100);
    let both = [pause.clone(), resume];

    assert_eq!(broken(1_050, std::slice::from_ref(&pause)), []);
    assert_eq!(broken(1_100, std::slice::from_ref(&pause)), []);
    assert_eq!(broken(1_101, std::slice::from_ref(&pause)), [Promise::OrdersAreInEffect]);
    assert_eq!(broken(1_500, &both), [Promise::OrdersAreInEffect]);
    assert_eq!(broken(1_990, &both), []);
    assert_eq!(broken(2_500, &both), []);
}

#[test]
fn what_is_not_in_effect_yet_or_was_refused_takes_nothing_away() {
    let pause = order(1, What::Pause, 1_000, 1_100);
    let told = Told::Done { number: 1, sale: 1, in_effect: false, is_replayed: false };
    let late = Order { told, ..pause.clone() };
    let in_effect_by_then = order(2, What::Stock(2), 1_200, 1_300);

    assert_eq!(broken(1_500, std::slice::from_ref(&late)), []);
    assert_eq!(broken(1_500, &[refused(pause, "sale-ended")]), []);
    assert_eq!(broken(1_500, &[late, in_effect_by_then]), [Promise::OrdersAreInEffect]);
}

#[test]
fn nothing_is_granted_of_a_sale_that_is_over() {
    let end = [order(1, What::End, 1_000, 1_100)];
    let mut moved = [order(1, What::EndAt(1_200), 1_000, 1_100)];

    assert_eq!(broken(1_101, &end), [Promise::OrdersAreInEffect]);
    assert_eq!(broken(1_200 + LATE_MS_MAX, &moved), []);
    assert_eq!(broken(1_201 + LATE_MS_MAX, &moved), [Promise::OrdersAreInEffect]);
    moved[0].what = What::EndAt(9_000);
    assert_eq!(broken(1_201 + LATE_MS_MAX, &moved), []);
}

#[test]
fn an_end_by_a_clock_that_was_moved_may_be_as_much_later() {
    let calm = Calm { from_ms: 60_000, clock_ms: 300 };
    let broken = |sent_ms, what| {
        let orders = [order(1, what, 1_000, 1_100)];
        let records = ledger(&orders, 1, 0);
        let steering = Steering::new(MADE, &orders, calm);
        judge_steered(&[granted(1, sent_ms)], &records, &steering).len()
    };

    assert_eq!([1_400, 1_401].map(|sent_ms| broken(sent_ms, What::End)), [0, 1]);
    let late = 1_500 + LATE_MS_MAX;
    assert_eq!([late, late + 1].map(|sent_ms| broken(sent_ms, What::EndAt(1_200))), [0, 1]);
}

#[test]
fn no_unit_is_granted_beyond_the_stock_of_its_time_and_no_slot_beyond_the_limit() {
    let lowered = [order(1, What::Stock(1), 1_000, 1_100), order(2, What::Stock(2), 2_000, 2_100)];
    let raised = [order(1, What::Limit(2), 1_000, 1_100)];
    let of_unit_2 = |sent_ms| broken_in(&[granted(2, sent_ms)], &ledger(&lowered, 2, 0), &lowered);
    let in_slot_1 = |sent_ms| broken_in(&[granted(1, sent_ms)], &ledger(&raised, 1, 1), &raised);

    assert_eq!(of_unit_2(1_050), []);
    assert_eq!(of_unit_2(1_500), [Promise::OrdersAreInEffect]);
    assert_eq!(of_unit_2(2_050), []);
    assert_eq!(in_slot_1(900), [Promise::OrdersAreInEffect]);
    assert_eq!(in_slot_1(1_500), []);
}

#[test]
fn the_trail_has_what_was_answered_and_nothing_else() {
    let pause = order(1, What::Pause, 1_000, 1_100);
    let resume = order(2, What::Resume, 1_200, 1_300);
    let orders = [pause.clone(), resume];
    let with = |change: fn(&mut Vec<TrailRow>)| {
        let mut records = ledger(&orders, 1, 0);
        change(&mut records.trail);
        broken_in(&[], &records, &orders)
    };
    let lie = Promise::TrailIsTrue;

    assert_eq!(with(|_| {}), []);
    assert_eq!(with(|trail| drop(trail.remove(0))), [lie]);
    assert_eq!(with(|trail| trail.insert(0, trail[0].clone())), [lie]);
    assert_eq!(with(|trail| trail[0].id = Uuid::nil()), [lie, lie]);
    assert_eq!(with(|trail| trail[0].number = 5), [lie]);
    assert_eq!(with(|trail| trail[0].refused = Some("{}".to_owned())), [lie]);
    let other_reason = [refused(pause.clone(), "sale-ended")];
    let is_behind = [refused(pause, "ledger-behind")];
    assert_eq!(broken_in(&[], &ledger(&other_reason, 1, 0), &is_behind), [lie]);
}

#[test]
fn a_sale_is_as_its_last_change_left_it() {
    let orders = [order(1, What::Pause, 1_000, 1_100), order(2, What::Resume, 1_200, 1_300)];
    let as_it_is = |change: fn(&mut Records)| {
        let mut records = ledger(&orders, 1, 0);
        change(&mut records);
        broken_in(&[], &records, &orders)
    };

    assert_eq!(as_it_is(|records| records.state = "active".to_owned()), []);
    for change in [
        |records: &mut Records| records.state = "paused".to_owned(),
        |records: &mut Records| records.per_user_limit = 2,
        |records: &mut Records| records.ends_ms = 1,
        |records: &mut Records| records.stock = 3,
    ] {
        assert_eq!(as_it_is(change), [Promise::OrdersAreInEffect]);
    }
}

#[test]
fn the_same_order_again_is_told_the_same() {
    let pause = order(1, What::Pause, 1_000, 1_100);
    let again = |number, is_replayed| {
        let told = Told::Done { number, sale: 1, in_effect: true, is_replayed };
        [Order { again: Some(told), ..pause.clone() }]
    };
    let lost = [Order { again: Some(Told::Unknown("reset".to_owned())), ..pause.clone() }];

    assert_eq!(broken(900, &again(1, true)), []);
    assert_eq!(broken(900, &lost), []);
    assert_eq!(broken(900, &again(1, false)), [Promise::AnswersStay]);
    assert_eq!(broken(900, &again(2, true)), [Promise::AnswersStay]);
}

#[test]
fn an_order_is_answered_in_the_end_and_by_what_there_is() {
    let pause = order(1, What::Pause, 1_000, 1_100);
    let lost = [Order { told: Told::Unknown("reset".to_owned()), ..pause.clone() }];
    let wrong = [Order { told: Told::Wrong("{}".to_owned()), ..pause }];

    assert_eq!(broken(900, &lost), [Promise::EverybodyIsAnswered]);
    assert_eq!(broken(900, &wrong), [Promise::AnswersAreKnown]);
}

#[test]
fn a_hold_that_an_operator_gave_back_is_released_and_may_be_refused() {
    let orders = [order(1, What::Release(CODE), 1_000, 1_100)];
    let redeemed =
        Asked { what: Ask::Purchase(CODE), answer: Answer::Expired, ..granted(1, 1_200) };
    let history = [granted(1, 900), redeemed];
    let sold = ledger(&orders, 1, 0);
    let mut released = ledger(&orders, 1, 0);
    released.purchases.clear();
    released.holds.entry(CODE).and_modify(|hold| hold.state = "released".to_owned());

    assert_eq!(broken_in(&history, &released, &orders), []);
    released.trail.clear();
    assert_eq!(broken_in(&history, &released, &[]), [Promise::HoldsAreHonoured]);
    assert_eq!(broken_in(&history[..1], &sold, &orders), [Promise::AnswersAreKept]);
}

#[test]
fn a_sale_is_to_be_sold_out_if_it_lasts_after_the_last_order() {
    let orders = [order(1, What::Resume, 1_000, 1_100)];
    let at = |from_ms, ends_ms, state: &str| {
        let records = Records { ends_ms, state: state.to_owned(), ..Records::default() };
        let calm = Calm { from_ms, ..Calm::default() };
        Steering::new(MADE, &orders, calm).is_to_be_sold_out(&records)
    };

    assert!(at(0, 1_100 + SELLS_OUT_WITHIN_MS, "closed"));
    assert!(!at(0, 1_099 + SELLS_OUT_WITHIN_MS, "closed"));
    assert!(!at(1_101, 1_100 + SELLS_OUT_WITHIN_MS, "closed"));
    assert!(!at(0, 1_100 + SELLS_OUT_WITHIN_MS, "paused"));
}
