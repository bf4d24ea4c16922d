//! Recording attempts.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    CheckoutRefusal, Epoch, Sale, SaleId, Slot, Terms, Unit, UnixMillis,
    answer::Retry,
    ports::{Attempt, CodeRecord, Grant, Granted, Outcome, Recorded},
};

use crate::{
    fixtures::{MINUTE, all_at_once, nth_user, unit, user},
    ledger::{Ledger, grant},
};

/// A grant is recorded with an expiry by the ledger's clock; a repetition gets the same one,
/// also when the unit is sold meanwhile.
pub async fn a_grant_is_recorded_once_and_its_repetition_stands(ledger: Ledger) {
    let sale = ledger.open(5, 2).await;
    let (ann, grant) = (user("ann"), grant(&sale, 3, 1));

    let before = ledger.now().await;
    let first = ledger.record_grant(&sale, &ann, grant).await;
    let after = ledger.now().await;
    let again = ledger.record_grant(&sale, &ann, grant).await;
    ledger.sell(grant).await;
    let after_the_sale = ledger.record_grant(&sale, &ann, grant).await;

    let Recorded::Hold(Granted { unit, slot, expires_at }) = first else { panic!("{first:?}") };
    assert_eq!((unit, slot), (grant.unit, grant.slot));
    let hold_ms = sale.terms.hold_ms();
    assert!((before + hold_ms..=after + hold_ms).contains(&expires_at), "{expires_at:?}");
    assert_eq!([again, after_the_sale], [first, first]);
    assert_eq!(ledger.recorded(&sale, "granted").await, 1);
    assert_eq!(ledger.counts(&sale).await, [0, 1]);
}

/// The same grant many times in one batch is one record.
pub async fn a_grant_repeated_at_once_is_recorded_once(ledger: Ledger) {
    let sale = ledger.open(5, 1).await;
    let grant = grant(&sale, 3, 0);
    let calls = (0..100).map(|_| {
        let ledger = ledger.clone();
        async move { ledger.record_grant(&sale, &user("ann"), grant).await }
    });

    let replies = all_at_once(calls).await;

    assert!(matches!(replies[0], Recorded::Hold { .. }), "{:?}", replies[0]);
    assert!(replies.iter().all(|reply| *reply == replies[0]));
    assert_eq!(ledger.recorded(&sale, "granted").await, 1);
}

/// A code that left the live store may come back with another unit. What was recorded first is the
/// answer, and nothing of the other gets in.
pub async fn a_code_granted_again_has_what_was_recorded_first(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let (ann, first) = (user("ann"), grant(&sale, 1, 0));
    let recorded = ledger.record_grant(&sale, &ann, first).await;

    let other = Grant { unit: unit(2), slot: Slot(1), ..first };
    assert_eq!(ledger.record_grant(&sale, &ann, other).await, recorded);

    ledger.sell(first).await;
    assert_eq!(ledger.record_grant(&sale, &ann, other).await, recorded);
    assert_eq!(ledger.recorded(&sale, "granted").await, 1);
    assert!(matches!(
        ledger.record_grant(&sale, &ann, grant(&sale, 2, 1)).await,
        Recorded::Hold(_)
    ));
}

/// Two units under one code come to be recorded at once: one is, and both hear which.
pub async fn of_two_units_of_a_code_both_learn_which_stands(ledger: Ledger) {
    let sale = ledger.open(80, 2).await;
    let calls = (1..=40).map(|number| {
        let ledger = ledger.clone();
        async move {
            let (ann, one) = (nth_user(number), grant(&sale, 2 * number - 1, 0));
            let other = Grant { unit: unit(2 * number), slot: Slot(1), ..one };
            tokio::join!(
                ledger.record_grant(&sale, &ann, one),
                ledger.record_grant(&sale, &ann, other),
            )
        }
    });

    for (one, other) in all_at_once(calls).await {
        assert!(matches!(one, Recorded::Hold(_)), "{one:?}");
        assert_eq!(one, other);
    }
    assert_eq!(ledger.counts(&sale).await, [40, 0]);
}

/// Only the live store of the current epoch may grant. What an older one granted, or one the
/// ledger never issued, is never recorded.
pub async fn a_grant_of_another_epoch_is_stale_and_leaves_no_record(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;

    for epoch in [Epoch(0), Epoch(2)] {
        let other = Grant { epoch, ..grant(&sale, 1, 0) };
        assert_eq!(ledger.record_grant(&sale, &user("ann"), other).await, Recorded::Stale);
        assert_eq!(ledger.find(other.code).await, CodeRecord::Unknown);
    }

    assert_eq!(ledger.records.by_outcome(sale.id).await, BTreeMap::new());
    let next = ledger.raise(&sale).await;
    assert_eq!(next.live, []);
    let old = grant(&sale, 1, 0);
    assert_eq!(ledger.record_grant(&sale, &user("ann"), old).await, Recorded::Stale);
    ledger.hold(&next.sale, &user("ann"), 1, 0).await;
}

/// There is no epoch of a sale that never was.
pub async fn a_grant_of_an_unknown_sale_is_stale(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let nowhere = Sale { id: SaleId::try_from(SaleId::MAX).unwrap(), ..sale };
    let grant = grant(&nowhere, 1, 0);

    assert_eq!(ledger.record_grant(&nowhere, &user("ann"), grant).await, Recorded::Stale);
    assert_eq!(ledger.find(grant.code).await, CodeRecord::Unknown);
}

/// Whatever the live store believes, a unit is live once: held and sold units are taken.
pub async fn a_unit_that_is_live_under_another_code_is_stale(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let first = ledger.hold(&sale, &user("ann"), 2, 0).await;

    let rival = grant(&sale, 2, 0);
    assert_eq!(ledger.record_grant(&sale, &user("bob"), rival).await, Recorded::Stale);
    ledger.sell(first).await;
    let late = grant(&sale, 2, 1);
    assert_eq!(ledger.record_grant(&sale, &user("bob"), late).await, Recorded::Stale);

    for refused in [rival, late] {
        assert_eq!(ledger.find(refused.code).await, CodeRecord::Unknown);
    }
    assert_eq!(ledger.counts(&sale).await, [0, 1]);
}

/// Whatever the live store believes, each slot of a user is taken once, so the limit holds.
pub async fn a_slot_that_is_live_under_another_code_is_stale(ledger: Ledger) {
    let sale = ledger.open(5, 2).await;
    let first = ledger.hold(&sale, &user("ann"), 1, 0).await;

    let rival = grant(&sale, 2, 0);
    assert_eq!(ledger.record_grant(&sale, &user("ann"), rival).await, Recorded::Stale);
    ledger.sell(first).await;
    let late = grant(&sale, 3, 0);
    assert_eq!(ledger.record_grant(&sale, &user("ann"), late).await, Recorded::Stale);

    // The next slot is free, and so is another user's first.
    ledger.hold(&sale, &user("ann"), 2, 1).await;
    ledger.hold(&sale, &user("bob"), 3, 0).await;
    assert_eq!(ledger.counts(&sale).await, [2, 1]);
}

/// The last unit and the last slot are good; one more is not, nor is any other number.
pub async fn a_unit_above_the_stock_and_a_slot_above_the_limit_are_stale(ledger: Ledger) {
    let sale = ledger.open(5, 2).await;
    let ann = user("ann");
    let beyond = [(6, 0), (Unit::MAX, 0), (1, 2), (1, 40_000), (1, u16::MAX)];

    for (number, slot) in beyond {
        let grant = grant(&sale, number, slot);
        assert_eq!(ledger.record_grant(&sale, &ann, grant).await, Recorded::Stale);
        assert_eq!(ledger.find(grant.code).await, CodeRecord::Unknown);
    }

    ledger.hold(&sale, &ann, 5, 1).await;
    assert_eq!(ledger.recorded(&sale, "granted").await, 1);
}

/// A hold that ended leaves its unit and its slot for the next.
pub async fn a_unit_and_its_slot_can_be_held_again(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(1, 1).await;
    let ann = user("ann");

    let released = ledger.hold(&sale, &ann, 1, 0).await;
    ledger.release(released.code).await;
    let expired = ledger.hold_and_wait(&sale, &ann, 1, 0).await;
    ledger.judge(&sale, expired.code).await;
    let last = ledger.hold(&sale, &ann, 1, 0).await;

    ledger.sell(last).await;
    assert_eq!(ledger.find(released.code).await, CodeRecord::Released);
    assert_eq!(ledger.find(expired.code).await, CodeRecord::Expired);
    assert_eq!(ledger.recorded(&sale, "granted").await, 3);
}

/// A live store gone mad grants each of fifty units six times. Each is recorded once, and
/// the others leave nothing.
pub async fn of_many_grants_of_a_unit_one_stands(ledger: Ledger) {
    let sale = ledger.open(50, 1).await;
    let calls = (0..300u32).map(|number| {
        let ledger = ledger.clone();
        async move {
            let grant = grant(&sale, number % 50 + 1, 0);
            (grant, ledger.record_grant(&sale, &nth_user(number), grant).await)
        }
    });

    let replies = all_at_once(calls).await;

    let standing: Vec<_> = replies
        .iter()
        .filter(|(_, reply)| matches!(reply, Recorded::Hold { .. }))
        .map(|(grant, _)| grant.unit)
        .collect();
    let refused = replies.iter().filter(|(_, reply)| *reply == Recorded::Stale).count();
    assert_eq!((standing.len(), refused), (50, 250));
    assert_eq!(standing.iter().collect::<BTreeSet<_>>().len(), 50);
    assert_eq!(ledger.recorded(&sale, "granted").await, 50);
}

/// A process that stood still between hold and record must not bring a dead hold to life.
pub async fn a_grant_that_was_judged_already_comes_too_late(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(5, 5).await;
    let ann = user("ann");
    let unrecorded = grant(&sale, 1, 0);
    ledger.judge(&sale, unrecorded.code).await;
    let expired = ledger.hold_and_wait(&sale, &ann, 2, 1).await;
    ledger.judge(&sale, expired.code).await;
    let released = ledger.hold(&sale, &ann, 3, 2).await;
    ledger.release(released.code).await;

    for late in [unrecorded, expired, released] {
        assert_eq!(ledger.record_grant(&sale, &ann, late).await, Recorded::TooLate);
    }

    assert_eq!(ledger.find(unrecorded.code).await, CodeRecord::Unknown);
    assert_eq!(ledger.counts(&sale).await, [0, 0]);
    assert_eq!(ledger.recorded(&sale, "granted").await, 2);
}

/// Every refusal is a record of its own, with its reason; many at once, and of a sale that
/// never was, too.
pub async fn refusals_are_recorded_each_once_by_outcome(ledger: Ledger) {
    let sale = ledger.open(5, 5).await.id;
    let at = UnixMillis(1);
    let refusals = [
        ("sold_out", CheckoutRefusal::SoldOut { retry: None }),
        ("sold_out", CheckoutRefusal::SoldOut { retry: Retry::of(at, at, at + 1) }),
        ("user_limit", CheckoutRefusal::UserLimit { limit: 3, held: 1, bought: 2 }),
        ("not_open", CheckoutRefusal::NotOpen { starts_at: at }),
        ("ended", CheckoutRefusal::Ended { ends_at: at }),
        ("paused", CheckoutRefusal::Paused { ends_at: at }),
    ];
    let nowhere = SaleId::try_from(SaleId::MAX).unwrap();
    let calls = (0..40usize).flat_map(|round| refusals.map(|(_, refusal)| (round, refusal)));
    let calls = calls.map(|(round, refusal)| {
        let ledger = ledger.clone();
        let ann = nth_user(u32::try_from(round % 7).unwrap());
        async move { ledger.record_refusal(sale, &ann, refusal).await }
    });

    all_at_once(calls).await;
    ledger.record_refusal(nowhere, &user("ann"), CheckoutRefusal::UnknownSale).await;

    let expected = refusals.iter().fold(BTreeMap::new(), |mut counts, (name, _)| {
        *counts.entry((*name).to_owned()).or_insert(0) += 40;
        counts
    });
    assert_eq!(ledger.records.by_outcome(sale).await, expected);
    let unknown = BTreeMap::from([("unknown_sale".to_owned(), 1)]);
    assert_eq!(ledger.records.by_outcome(nowhere).await, unknown);
}

/// One grant that cannot be written, because its hold would end after the end of time, is
/// refused alone: what was in the same batch is recorded, once.
pub async fn a_bad_grant_does_not_hurt_its_neighbours(ledger: Ledger) {
    let sale = ledger.open(40, 1).await;
    let endless = Terms::new(5, 1, i64::MAX).unwrap();
    let endless = ledger.open_with(endless).await;
    let good = (1..=40u32).map(|number| (sale, Outcome::Granted(grant(&sale, number, 0))));
    let refused = (1..=40).map(|_| (sale, Outcome::Refused(CheckoutRefusal::UnknownSale)));
    let bad = (1..=2).map(|number| (endless, Outcome::Granted(grant(&endless, number, 0))));
    let attempts = good.zip(refused).flat_map(|(good, refused)| [good, refused]).chain(bad);
    let calls = attempts.zip(0..).map(|((sale, outcome), number)| {
        let ledger = ledger.clone();
        let attempt = Attempt { sale: sale.id, user: nth_user(number), outcome };
        async move { (sale.id, outcome, ledger.record(attempt).await) }
    });

    let replies = all_at_once(calls).await;

    for (id, outcome, reply) in replies {
        match outcome {
            _ if id == endless.id => {}
            Outcome::Granted(_) => assert!(matches!(reply.unwrap(), Recorded::Hold { .. })),
            Outcome::Refused(_) => assert_eq!(reply.unwrap(), Recorded::Refusal),
        }
    }
    let expected = [("granted", 40), ("unknown_sale", 40)];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(ledger.records.by_outcome(sale.id).await, BTreeMap::from(expected));
}

/// A permit is only a right: who does not use it leaves no trace, and nobody the
/// worse off.
pub async fn a_place_that_is_dropped_records_nothing(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;

    for _ in 0..10_000 {
        drop(ledger.codes.permit().unwrap());
    }
    let (grant, expires_at) = ledger.hold_until(&sale, &user("ann"), 1, 0).await;

    assert_eq!(grant.slot, Slot(0));
    assert!(expires_at > ledger.now().await + MINUTE);
    assert_eq!(ledger.recorded(&sale, "granted").await, 1);
}
