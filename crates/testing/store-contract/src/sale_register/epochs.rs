//! Epochs, snapshots, tallies, and the end of a sale.

use domain::{
    Epoch, Sale, SaleId, Slot, Terms,
    operator::Acted,
    ports::{CodeRecord, LiveEpoch, LiveUnit, RaiseReply, Recorded, SaleSnapshot, Tally, Verdict},
    sale::{EPOCH_AGE_MIN_MS, SaleState},
};

use crate::{
    fixtures::{MINUTE, SECOND, all_at_once, nth_user, unit, until, user},
    ledger::{Ledger, grant},
};

/// Held and sold units are in the snapshot, with all that serving them needs; what ended is not,
/// nor is another sale's.
pub async fn the_snapshot_has_every_live_unit_and_no_other(ledger: Ledger) {
    let sale = ledger.open(9, 5).await;
    let other = ledger.open(9, 5).await;
    let (ann, bob) = (user("A-n.n_2:x@y"), user("bob"));
    let (held, expires_at) = ledger.hold_until(&sale, &ann, 7, 3).await;
    let bought = ledger.hold(&sale, &bob, 2, 0).await;
    ledger.sell(bought).await;
    let released = ledger.hold(&sale, &bob, 3, 1).await;
    ledger.release(released.code).await;
    ledger.judge(&sale, grant(&sale, 4, 2).code).await;
    ledger.hold(&other, &ann, 1, 0).await;

    let SaleSnapshot { sale: raised, mut live } = ledger.raise(&sale).await;

    live.sort_by_key(|unit| unit.unit);
    let live_unit = |code, user, number, slot, held_until| LiveUnit {
        code,
        user,
        unit: unit(number),
        slot: Slot(slot),
        held_until,
    };
    let expected = [
        live_unit(bought.code, bob, 2, 0, None),
        live_unit(held.code, ann, 7, 3, Some(expires_at)),
    ];
    assert_eq!(live, expected);
    assert_eq!(raised, Sale { epoch: Epoch(2), ..sale });
}

/// Each raise adds one, the register says so, and only grants of the newest are recorded.
pub async fn an_epoch_follows_the_one_before(ledger: Ledger) {
    let scheduled = ledger.schedule(terms(5 * MINUTE)).await;

    for (epoch, number, slot) in [(1, 1, 0), (2, 2, 1), (3, 3, 2)] {
        let SaleSnapshot { sale, live } = ledger.raise(&scheduled).await;
        assert_eq!(sale, Sale { epoch: Epoch(epoch), ..scheduled });
        assert_eq!(live.len(), usize::from(slot));
        assert_eq!(ledger.register.find(sale.id).await.unwrap().unwrap().sale, sale);
        assert_eq!(ledger.register.tally(sale.id).await.unwrap().unwrap().epoch, Epoch(epoch));
        ledger.hold(&sale, &user("ann"), number, slot).await;
    }
}

/// Two that rebuild the same sale keep out of each other's way, and neither waits for ever.
pub async fn an_epoch_stands_for_half_a_second(ledger: Ledger) {
    let sale = ledger.schedule(terms(5 * MINUTE)).await;

    let before = ledger.now().await;
    ledger.raise(&sale).await;
    let next = ledger.register.raise_epoch(sale.id, None).await.unwrap();
    let took_ms = ledger.now().await - before;
    assert!(next == RaiseReply::TooSoon || took_ms >= EPOCH_AGE_MIN_MS, "after {took_ms} ms");

    let first = ledger.register.tally(sale.id).await.unwrap().unwrap();
    let raised = ledger.raise(&sale).await.sale;
    assert_eq!(raised.epoch, Epoch(first.epoch.0 + 1));
    assert!(ledger.now().await - before >= EPOCH_AGE_MIN_MS);
}

/// Fifty requests of as many processes find the live store lost; one rebuilds it.
pub async fn of_many_that_raise_at_once_one_does(ledger: Ledger) {
    let sale = ledger.schedule(terms(5 * MINUTE)).await;
    let before = ledger.now().await;
    let calls = (0..30).map(|_| {
        let ledger = ledger.clone();
        async move { ledger.register.raise_epoch(sale.id, None).await }
    });

    let replies = all_at_once(calls).await;

    let took_ms = ledger.now().await - before;
    let raised = |reply: &&Result<RaiseReply, _>| matches!(reply, Ok(RaiseReply::Raised(_)));
    let count = i64::try_from(replies.iter().filter(raised).count()).unwrap();
    assert!((1..=1 + took_ms / EPOCH_AGE_MIN_MS).contains(&count), "{count} in {took_ms} ms");
    assert_eq!(ledger.register.tally(sale.id).await.unwrap().unwrap().epoch, Epoch(count));
}

/// A live store that serves an epoch from the future was loaded from a ledger that knew more:
/// nothing is changed, so that an operator can see it. Serving the present one is no reason.
pub async fn an_epoch_that_was_never_issued_shows_that_the_ledger_is_behind(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;

    let reply =
        ledger.register.raise_epoch(sale.id, Some(LiveEpoch::Served(Epoch(2)))).await.unwrap();
    assert_eq!(reply, RaiseReply::Behind { ledger: Epoch(1) });
    assert_eq!(ledger.register.tally(sale.id).await.unwrap().unwrap().epoch, Epoch(1));

    let raised = until(&*ledger.clock, async || {
        match ledger.register.raise_epoch(sale.id, Some(LiveEpoch::Served(Epoch(1)))).await.unwrap()
        {
            RaiseReply::Raised(snapshot) => Some(snapshot.sale.epoch),
            RaiseReply::TooSoon => None,
            other => panic!("the epoch can be raised: {other:?}"),
        }
    });
    assert_eq!(raised.await, Epoch(2));
}

/// A live store that outlived an older ledger loads nothing below the epoch it remembers: the
/// ledger passes it at once, and only once.
pub async fn an_epoch_that_a_live_store_remembers_is_passed_at_once(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let known = ledger.hold(&sale, &user("ann"), 3, 0).await;
    let fence = Some(LiveEpoch::Fence(Epoch(97)));

    let raised = ledger.register.raise_epoch(sale.id, fence).await.unwrap();
    let again = ledger.register.raise_epoch(sale.id, fence).await.unwrap();

    let RaiseReply::Raised(snapshot) = raised else { panic!("it can be raised: {raised:?}") };
    assert_eq!(snapshot.sale, Sale { epoch: Epoch(98), ..sale });
    assert_eq!(snapshot.live.iter().map(|unit| unit.code).collect::<Vec<_>>(), [known.code]);
    // A machine that stood still for half a second may raise it once more.
    let next = ledger.register.tally(sale.id).await.unwrap().unwrap().epoch;
    assert_eq!(next, if again == RaiseReply::TooSoon { Epoch(98) } else { Epoch(99) });
    let late = ledger.record_grant(&sale, &user("bob"), grant(&sale, 4, 0)).await;
    assert_eq!(late, Recorded::Stale);
}

/// A rebuild comes while a crowd is being recorded. Every grant of the old epoch is in the
/// snapshot of the new one, or was refused and always will be.
pub async fn a_grant_in_flight_is_in_the_snapshot_or_never_recorded(ledger: Ledger) {
    let sale = ledger.open(400, 1).await;
    // So that the epoch may be raised in the middle.
    let old_enough = ledger.now().await + EPOCH_AGE_MIN_MS;
    until(&*ledger.clock, async || (ledger.now().await > old_enough).then_some(())).await;
    let crowd = (1..=400).map(|number| {
        let ledger = ledger.clone();
        async move {
            let grant = grant(&sale, number, 0);
            (grant, ledger.record_grant(&sale, &nth_user(number), grant).await)
        }
    });
    let rebuild = async {
        until(&*ledger.clock, async || (ledger.counts(&sale).await[0] > 0).then_some(())).await;
        ledger.raise(&sale).await
    };

    let (replies, snapshot) = tokio::join!(all_at_once(crowd), rebuild);

    let mut standing: Vec<_> = replies
        .iter()
        .filter(|(_, reply)| matches!(reply, Recorded::Hold { .. }))
        .map(|(grant, _)| grant.code)
        .collect();
    let mut live: Vec<_> = snapshot.live.iter().map(|unit| unit.code).collect();
    standing.sort_unstable();
    live.sort_unstable();
    assert_eq!(live, standing);
    let refused = replies.iter().filter(|(_, reply)| *reply == Recorded::Stale).count();
    assert_eq!(standing.len() + refused, 400);
}

/// Held and sold are counted at one moment, sale by sale; what ended is not.
pub async fn a_tally_counts_what_is_held_and_sold(ledger: Ledger) {
    let (sale, other) = (ledger.open(20, 20).await, ledger.open(20, 20).await);
    let ann = user("ann");
    ledger.hold(&other, &ann, 1, 0).await;
    for (number, slot) in (1..=9).zip(0..) {
        let grant = ledger.hold(&sale, &ann, number, slot).await;
        match number % 3 {
            0 => drop(ledger.sell(grant).await),
            1 => drop(ledger.release(grant.code).await),
            _ => {}
        }
    }
    ledger.judge(&sale, grant(&sale, 10, 10).code).await;

    let before = ledger.now().await;
    let tally = ledger.register.tally(sale.id).await.unwrap().unwrap();

    let Tally { now, epoch, held, sold, is_epoch_of_server: _, moves: _ } = tally;
    assert_eq!((epoch, held, sold), (sale.epoch, 3, 3));
    assert!((before..=ledger.now().await).contains(&now));
    assert_eq!(ledger.counts(&other).await, [1, 0]);
}

/// All sales that are open are looked at together, and one of them may be asked for twice, and one be none.
pub async fn sales_that_are_counted_together_are_counted_each_by_itself(ledger: Ledger) {
    let (mut asked, mut expected) = (vec![SaleId::try_from(SaleId::MAX).unwrap()], vec![None]);
    for units in 1..=12u16 {
        let sale = ledger.open(20, 20).await;
        for (number, slot) in (1..).zip(0..units) {
            let grant = ledger.hold(&sale, &user("ann"), number, slot).await;
            if slot % 3 == 0 {
                ledger.sell(grant).await;
            }
        }
        let sold = units.div_ceil(3);
        for _ in 0..=units % 2 {
            asked.push(sale.id);
            expected.push(Some((sale.id, u32::from(units - sold), u32::from(sold))));
        }
    }

    let counted = all_at_once(asked.into_iter().map(|sale| {
        let register = ledger.register.clone();
        async move {
            let tally = register.tally(sale).await.unwrap();
            tally.map(|it| (sale, it.held, it.sold))
        }
    }));

    let mut counted = counted.await;
    counted.sort();
    expected.sort();
    assert_eq!(counted, expected);
}

/// A sale stays until its window is over and its last hold has ended, paused or not.
pub async fn a_sale_is_closed_when_it_is_over_and_no_hold_is_left(ledger: Ledger) {
    let open = ledger.open(5, 5).await;
    assert!(!ledger.register.close(open.id).await.unwrap());
    let over = ledger.going_on(terms(5 * MINUTE)).await;
    let last = ledger.hold(&over, &user("ann"), 1, 0).await;
    let bought = ledger.hold(&over, &user("ann"), 2, 1).await;
    ledger.sell(bought).await;
    assert!(!ledger.register.close(over.id).await.unwrap());
    ledger.set_paused(&over, true).await;
    ledger.end(&over).await;

    assert!(!ledger.register.close(over.id).await.unwrap());
    ledger.release(last.code).await;
    assert!(ledger.register.close(over.id).await.unwrap());

    let state = |sale: Sale| {
        let register = ledger.register.clone();
        async move { register.find(sale.id).await.unwrap().unwrap().sale.state }
    };
    assert_eq!(state(open).await, SaleState::Active);
    assert_eq!(state(over).await, SaleState::Closed);
    assert_eq!(ledger.counts(&over).await, [0, 1]);
}

/// Closed is closed: for the grant that comes late, for the rebuild, for the operator. What
/// was sold is still found.
pub async fn a_closed_sale_records_no_grant_and_stays_closed(ledger: Ledger) {
    let sale = ledger.going_on(terms(SECOND)).await;
    let bought = ledger.hold(&sale, &user("ann"), 1, 0).await;
    let receipt = ledger.sell(bought).await;
    ledger.end(&sale).await;
    assert!(ledger.register.close(sale.id).await.unwrap());

    let late = grant(&sale, 2, 1);
    assert_eq!(ledger.record_grant(&sale, &user("ann"), late).await, Recorded::Stale);
    assert_eq!(ledger.register.raise_epoch(sale.id, None).await.unwrap(), RaiseReply::Closed);
    assert!(matches!(ledger.set_paused(&sale, false).await, Acted::Refused(_)));
    assert!(ledger.register.close(sale.id).await.unwrap());

    let tally = ledger.register.tally(sale.id).await.unwrap().unwrap();
    assert_eq!((tally.held, tally.sold), (0, 1));
    assert!(tally.epoch > sale.epoch);
    assert_eq!(ledger.judge(&sale, late.code).await, Verdict::Free);
    let again = ledger.redeem(bought).await;
    assert_eq!(again, CodeRecord::Sold(receipt));
}

fn terms(hold_ms: i64) -> Terms {
    Terms::new(100, 10, hold_ms).unwrap()
}
