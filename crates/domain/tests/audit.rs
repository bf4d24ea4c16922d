//! What an audit calls a breach, and what it lets pass because it is only on its way.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::BTreeSet;

use domain::{
    Code, Epoch, Origin, Sale, SaleId, Slot, Terms, Unit, UnixMillis, UserId, Window,
    audit::{
        Breaches, Conclusion, Findings, Invariant, ROWS_MAX,
        live::{LiveHold, LiveSnapshot, contradictions, disagreements, unissued},
    },
    ports::{LiveUnit, SaleSnapshot},
    sale::SaleState,
};

/// Whether a unit is on hold or sold.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Held,
    Sold,
}

use State::{Held, Sold};

/// A unit of the n-th user, in their first slot, under the n-th code.
type Taken = (u32, u32, State);

fn code(number: u32) -> Code {
    Code::new(sale_id(), number.into())
}

fn sale_id() -> SaleId {
    SaleId::try_from(1).unwrap()
}

fn unit(number: u32) -> Unit {
    Unit::try_from(number).unwrap()
}

fn user(number: u32) -> UserId {
    format!("user-{number}").parse().unwrap()
}

/// The ledger of a sale of four units, two a user, at epoch 1.
fn ledger(taken: &[Taken]) -> SaleSnapshot {
    let window = Window::new(UnixMillis(0), UnixMillis(1_000)).unwrap();
    let terms = Terms::new(4, 2, 100).unwrap();
    let sale = Sale {
        id: sale_id(),
        window,
        terms,
        origin: Origin::Timetable,
        state: SaleState::Active,
        epoch: Epoch(1),
        product: None,
        salt: domain::Salt::new([7; 32]),
    };
    let live = taken.iter().map(|&(number, place, state)| LiveUnit {
        code: code(number),
        user: user(number),
        unit: unit(place),
        slot: Slot(0),
        held_until: (state == Held).then_some(UnixMillis(100)),
    });
    SaleSnapshot { sale, live: live.collect() }
}

/// What the live store has when it has heard of just this.
fn live(taken: &[Taken]) -> LiveSnapshot {
    let held = || taken.iter().filter(|(.., state)| *state == Held);
    let is_taken = |number: u32| taken.iter().any(|&(_, place, _)| place == number);
    let holds = held().map(|&(number, place, _)| LiveHold {
        code: code(number),
        unit: unit(place),
        slot: Slot(0),
        user: user(number),
    });
    let mark = |state| if state == Held { "h" } else { "b" };
    LiveSnapshot {
        sale: sale_id(),
        epoch: Epoch(1),
        stock: 4,
        per_user_limit: 2,
        sold: u32::try_from(taken.len() - held().count()).unwrap(),
        free: (1..=4).filter(|&number| !is_taken(number)).map(unit).collect(),
        holds: holds.collect(),
        due: held().map(|&(number, ..)| code(number)).collect(),
        users: taken.iter().map(|&(n, _, state)| (user(n), mark(state).to_owned())).collect(),
        unreadable: vec![],
    }
}

/// How many disagreements these three looks prove.
fn proven(before: &[Taken], between: &[Taken], after: &[Taken]) -> u64 {
    let live = live(between);
    assert_eq!(contradictions(&live), Breaches::default());
    disagreements(&ledger(before), &live, &ledger(after)).unwrap().count()
}

#[test]
fn both_sides_alike_is_no_breach() {
    let all = [(1, 1, Held), (2, 2, Sold)];

    assert_eq!(proven(&all, &all, &all), 0);
    assert_eq!(proven(&[], &[], &[]), 0);
}

#[test]
fn what_is_on_its_way_is_no_breach() {
    let held = (1, 1, Held);
    let sold = (1, 1, Sold);
    let other = (2, 1, Held);

    for (what, before, between, after) in [
        ("a grant that is not recorded yet", None, Some(held), None),
        ("a grant that is being recorded", None, Some(held), Some(held)),
        ("a grant after the look at the live store", None, None, Some(held)),
        ("a hold that ends before the look at the live store", Some(held), None, None),
        ("a hold whose end the live store has not heard of", Some(held), Some(held), None),
        (
            "a hold that is sold after the look at the live store",
            Some(held),
            Some(held),
            Some(sold),
        ),
        (
            "a hold that is sold before the look at the live store",
            Some(held),
            Some(sold),
            Some(sold),
        ),
        ("a sale that the live store has not heard of", Some(sold), Some(held), Some(sold)),
        ("a unit that is held for another meanwhile", Some(held), Some(other), Some(other)),
        ("a unit that is granted again after the look", Some(held), None, Some(other)),
    ] {
        let [before, between, after] = [before, between, after].map(Vec::from_iter);

        assert_eq!(proven(&before, &between, &after), 0, "{what}");
    }
}

#[test]
fn what_is_live_in_the_ledger_throughout_must_be_taken_in_redis() {
    for (before, after) in [(Held, Held), (Held, Sold), (Sold, Sold)] {
        let proven = proven(&[(1, 1, before)], &[], &[(1, 1, after)]);
        // The unit and the slot, and while it is held the hold.
        assert_eq!(proven, if after == Held { 3 } else { 2 });
    }
}

#[test]
fn what_redis_has_sold_must_be_sold_in_the_ledger() {
    // The unit and the slot.
    assert_eq!(proven(&[], &[(1, 1, Sold)], &[]), 2);
    assert_eq!(proven(&[(1, 1, Held)], &[(1, 1, Sold)], &[(1, 1, Held)]), 3);
    // Another unit was sold than the live store believes.
    assert_eq!(proven(&[(1, 2, Sold)], &[(1, 1, Sold)], &[(1, 2, Sold)]), 2);
}

#[test]
fn a_code_has_one_unit_slot_and_user_on_both_sides() {
    let taken = [(1, 1, Held)];
    let same = ledger(&taken);
    for change in [
        |hold: &mut LiveHold| hold.unit = unit(2),
        |hold: &mut LiveHold| hold.slot = Slot(1),
        |hold: &mut LiveHold| hold.user = user(2),
    ] {
        let mut live = live(&taken);
        change(&mut live.holds[0]);

        let rows = disagreements(&same, &live, &same).unwrap();

        assert!(
            rows.rows().iter().any(|row| row.contains(" on the live store: Code(")),
            "{rows:?}"
        );
    }
}

#[test]
fn sides_of_two_epochs_are_not_compared() {
    for epochs in [[1, 1, 2], [1, 2, 2], [2, 1, 2], [2, 2, 1], [1, 2, 1]] {
        let [before, between, after] = epochs.map(Epoch);
        let (mut first, mut second) = (ledger(&[(1, 1, Held)]), ledger(&[(1, 1, Held)]));
        (first.sale.epoch, second.sale.epoch) = (before, after);
        let live = LiveSnapshot { epoch: between, ..live(&[]) };

        assert_eq!(disagreements(&first, &live, &second), None);
    }
}

#[test]
fn an_epoch_that_was_not_issued_is_a_breach_and_an_old_one_is_not() {
    let live = live(&[]);

    assert_eq!(unissued(&live, Epoch(0)).count(), 1);
    assert_eq!(unissued(&live, Epoch(1)).count(), 0);
    assert_eq!(unissued(&live, Epoch(2)).count(), 0);
}

#[test]
fn a_live_store_contradicts_itself_in_units_codes_or_marks() {
    type Change = fn(&mut LiveSnapshot);
    let taken = [(1, 1, Held), (2, 2, Sold)];
    let changes: [(&str, Change); 10] = [
        ("are not 4", |live| live.sold = 2),
        ("unit 4 is free and free", |live| live.free.push(unit(4))),
        ("unit 1 is free and on hold", |live| live.free[0] = unit(1)),
        ("unit 5 of 4 is free", |live| live.free[0] = unit(5)),
        ("unit 1 is on hold and never due", |live| live.due.clear()),
        ("nothing is on hold, but will be due", |live| live.due.push(code(3))),
        ("marked held, without a hold", |live| live.users[0].1.push('h')),
        ("on hold, but not marked so", |live| live.users[0].1.clear()),
        ("1 units are sold, 2 slots bought", |live| live.users[1].1.push('b')),
        ("has 3 of 2 slots", |live| live.users[1].1.push_str("..")),
    ];
    for (row, change) in changes {
        let mut live = live(&taken);
        assert_eq!(contradictions(&live), Breaches::default());
        change(&mut live);

        let found = contradictions(&live);

        assert!(found.rows().iter().any(|found| found.contains(row)), "{row}: {found:?}");
    }
}

#[test]
fn breaches_are_counted_beyond_those_that_are_listed() {
    let mut breaches = Breaches::default();
    for number in 0..42 {
        breaches.add(|| number.to_string());
    }
    let mut findings = Findings::default();
    findings.check(Invariant::CodesOnce, breaches.clone());
    findings.check(Invariant::CodesOnce, breaches);

    let found = findings.of(Invariant::CodesOnce).unwrap();

    assert_eq!((found.count(), found.rows().len()), (84, ROWS_MAX));
    assert_eq!(found.rows()[9], "9");
}

#[test]
fn a_breach_counts_for_more_than_what_is_unknown() {
    let mut findings = Findings::default();
    assert_eq!(findings.conclusion(), Conclusion::Unknown);
    for invariant in Invariant::ALL {
        assert_eq!(findings.conclusion(), Conclusion::Unknown);
        findings.check(invariant, Breaches::default());
    }
    assert_eq!(findings.conclusion(), Conclusion::Holds);

    let mut broken = Findings::default();
    broken.check(Invariant::LiveWhole, Breaches::counted(1, vec!["so".to_owned()]));
    assert_eq!(broken.conclusion(), Conclusion::Broken);
}

#[test]
fn every_invariant_has_a_name_of_its_own() {
    let names: BTreeSet<_> = Invariant::ALL.map(Invariant::name).into_iter().collect();

    assert_eq!(names.len(), Invariant::ALL.len());
}
