//! Carrying out what the ledger decided.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use domain::{
    CheckoutRefusal, Epoch, Sale, Slot,
    ports::{Grant, PlaceReply, Verdict},
};

use crate::{
    fixtures::{
        HOUR, MINUTE, NOW, SECOND, all_at_once, code_of_no_sale, held, new_code, nth_user,
        open_sale, unit, until, user,
    },
    live::Live,
};

/// A sold unit is not given again, and its slot is bought; settled twice it is sold once.
pub async fn a_sold_unit_stays_sold(live: Live) {
    let sale = live.open(2, 1).await;
    let grant = live.take(&sale, &user("ann")).await;

    for _ in 0..2 {
        live.settle(&sale, &[(grant.code, Verdict::Sold { unit: grant.unit })]).await;
        assert_eq!(live.counts(&sale).await, [1, 0, 1]);
    }

    let limit = CheckoutRefusal::UserLimit { limit: 1, held: 0, bought: 1 };
    assert_eq!(live.ask(&sale, &user("ann")).await, PlaceReply::Refused(limit));
    assert_ne!(live.take(&sale, &user("bob")).await.unit, grant.unit);
    assert_eq!(live.due(&sale, 10).await, []);
}

/// A freed unit is given again, to anyone, and so is the slot; settled twice it is freed once.
pub async fn a_freed_unit_and_its_slot_are_given_again(live: Live) {
    let sale = live.open(3, 3).await;
    let ann = user("ann");
    let grants =
        [live.take(&sale, &ann).await, live.take(&sale, &ann).await, live.take(&sale, &ann).await];

    for _ in 0..2 {
        live.settle(&sale, &[(grants[1].code, Verdict::Free)]).await;
        assert_eq!(live.counts(&sale).await, [1, 2, 0]);
    }
    let again = live.take(&sale, &ann).await;

    assert_eq!((again.unit, again.slot), (grants[1].unit, Slot(1)));
    let all = [grants[0].code, again.code, grants[2].code].map(|code| (code, Verdict::Free));
    live.settle(&sale, &all).await;
    assert_eq!(live.counts(&sale).await, [3, 0, 0]);
    assert_eq!(live.take(&sale, &ann).await.slot, Slot(0));
}

/// A hold that the ledger still has as live is asked for again when it says, not before.
pub async fn a_hold_that_is_still_live_is_due_later(live: Live) {
    let sale = open_sale(2, 1);
    let early = held(&sale, user("ann"), 1, 0, NOW + -MINUTE);
    let other = held(&sale, user("bob"), 2, 0, NOW + -SECOND);
    live.load(sale, vec![early.clone(), other.clone()]).await;

    for _ in 0..2 {
        live.settle(&sale, &[(early.code, Verdict::Held { unit: early.unit, left_ms: HOUR / 2 })])
            .await;
    }

    assert_eq!(live.due(&sale, 10).await, [other.code]);
    assert_eq!(live.find(early.code).await, Some(early.unit));
    assert_eq!(live.counts(&sale).await, [0, 2, 0]);
    live.settle(&sale, &[(early.code, Verdict::Held { unit: early.unit, left_ms: 1 })]).await;
    let due = until(&*live.clock, async || {
        let due = live.due(&sale, 10).await;
        (due.len() == 2).then_some(due)
    });
    assert_eq!(due.await, [other.code, early.code]);
}

/// A code that was settled is gone; a verdict that comes late finds nothing to change.
pub async fn only_the_first_of_two_verdicts_counts(live: Live) {
    let sale = live.open(4, 1).await;
    let Grant { code: bought, unit, .. } = live.take(&sale, &user("ann")).await;
    let freed = live.take(&sale, &user("bob")).await.code;
    let sold = Verdict::Sold { unit };
    live.settle(&sale, &[(bought, sold), (freed, Verdict::Free)]).await;

    live.settle(&sale, &[(bought, Verdict::Free), (freed, sold)]).await;
    let held = Verdict::Held { unit, left_ms: 1 };
    live.settle(&sale, &[(bought, held), (freed, held)]).await;

    assert_eq!(live.counts(&sale).await, [3, 0, 1]);
    assert_eq!(live.find(bought).await, None);
    assert_eq!(live.take(&sale, &user("bob")).await.slot, Slot(0));
    assert_eq!(live.due(&sale, 10).await, []);
}

/// A code that comes twice in one call is settled by the first verdict.
pub async fn of_two_verdicts_in_one_call_the_first_counts(live: Live) {
    let sale = live.open(4, 1).await;
    let Grant { code: bought, unit, .. } = live.take(&sale, &user("ann")).await;
    let freed = live.take(&sale, &user("bob")).await;

    let verdicts = [
        (bought, Verdict::Sold { unit }),
        (freed.code, Verdict::Free),
        (freed.code, Verdict::Free),
        (freed.code, Verdict::Sold { unit: freed.unit }),
        (bought, Verdict::Free),
        (bought, Verdict::Sold { unit }),
    ];
    live.settle(&sale, &verdicts).await;

    assert_eq!(live.counts(&sale).await, [3, 0, 1]);
}

/// A code that left the store and came back may hold another unit than its record has. Whatever
/// the verdict, that one is free again, and so is its slot; nothing is sold or put off.
pub async fn what_a_code_has_beside_its_record_is_free_again(live: Live) {
    let sale = live.open(2, 1).await;
    let ann = user("ann");
    let verdicts = |unit| {
        [Verdict::Sold { unit }, Verdict::Held { unit, left_ms: HOUR }, Verdict::Only { unit }]
    };

    for nth in 0..3 {
        let grant = live.take(&sale, &ann).await;
        let recorded = unit(3 - grant.unit.get());
        live.settle(&sale, &[(grant.code, verdicts(recorded)[nth])]).await;

        assert_eq!(live.find(grant.code).await, None);
        assert_eq!(live.counts(&sale).await, [2, 0, 0]);
    }

    assert_eq!(live.take(&sale, &ann).await.slot, Slot(0));
}

/// A code that has the unit of its record, and no other, is left alone.
pub async fn a_code_that_has_its_own_unit_alone_is_left_alone(live: Live) {
    let sale = live.open(2, 1).await;
    let grant = live.take(&sale, &user("ann")).await;
    let before = live.status(&sale).await.changes;

    live.settle(&sale, &[(grant.code, Verdict::Only { unit: grant.unit })]).await;
    live.codes.settle_soon(grant.code, Verdict::Only { unit: grant.unit });
    live.settle(&sale, &[(grant.code, Verdict::Only { unit: grant.unit })]).await;

    assert_eq!(live.find(grant.code).await, Some(grant.unit));
    assert_eq!(live.counts(&sale).await, [1, 1, 0]);
    assert_eq!(live.status(&sale).await.changes, before);
}

/// Codes the store does not have, of this sale, another or none, are passed over; those
/// beside them are settled.
pub async fn verdicts_on_unknown_codes_do_nothing(live: Live) {
    let sale = live.open(4, 1).await;
    let Grant { code: known, unit, .. } = live.take(&sale, &user("ann")).await;
    let unknown = [new_code(sale.id), new_code(open_sale(1, 1).id), code_of_no_sale()];

    let held = Verdict::Held { unit, left_ms: 5 };
    for verdict in [Verdict::Sold { unit }, Verdict::Free, held, Verdict::Only { unit }] {
        live.settle(&sale, &unknown.map(|code| (code, verdict))).await;
    }
    live.settle(&sale, &[]).await;
    live.settle(&sale, &[(unknown[0], Verdict::Free), (known, Verdict::Sold { unit })]).await;

    assert_eq!(live.counts(&sale).await, [3, 0, 1]);
    assert_eq!(live.due(&sale, 10).await, []);
}

/// A rebuild brings the verdict with it, or a unit it gave to somebody else since: the late
/// verdict on the old code changes nothing.
pub async fn a_verdict_from_before_a_rebuild_does_nothing(live: Live) {
    let sale = live.open(1, 1).await;
    let old = live.take(&sale, &user("ann")).await;
    let rebuilt = Sale { epoch: Epoch(2), ..sale };
    live.load(rebuilt, vec![]).await;
    let new = live.take(&rebuilt, &user("ann")).await;

    for verdict in [Verdict::Free, Verdict::Sold { unit: old.unit }] {
        live.settle(&sale, &[(old.code, verdict)]).await;
    }

    assert_eq!(live.counts(&sale).await, [0, 1, 0]);
    assert_eq!(live.find(new.code).await, Some(new.unit));
    live.sales.forget(sale.id).await.unwrap();
    live.settle(&sale, &[(new.code, Verdict::Free)]).await;
    live.load(Sale { epoch: Epoch(3), ..sale }, vec![]).await;
    assert_eq!(live.counts(&sale).await, [1, 0, 0]);
}

/// A sweep after a long silence settles all it finds in one call.
pub async fn thousands_of_verdicts_fit_into_one_call(live: Live) {
    let sale = open_sale(5_000, 10);
    let holds: Vec<_> = (0..4_500)
        .map(|n| held(&sale, nth_user(n / 9), n + 1, u16::try_from(n % 9).unwrap(), NOW))
        .collect();
    live.load(sale, holds.clone()).await;
    let verdict = |number: usize, unit| match number % 3 {
        0 => Verdict::Sold { unit },
        1 => Verdict::Free,
        _ => Verdict::Held { unit, left_ms: HOUR },
    };

    let numbered = holds.iter().enumerate();
    let verdicts: Vec<_> =
        numbered.map(|(number, hold)| (hold.code, verdict(number, hold.unit))).collect();
    live.settle(&sale, &verdicts).await;

    assert_eq!(live.counts(&sale).await, [2_000, 1_500, 1_500]);
    assert_eq!(live.due(&sale, 5_000).await, []);
}

/// What is settled without waiting is settled soon.
pub async fn a_verdict_nobody_waits_for_is_carried_out(live: Live) {
    let (one, two) = (live.open(3, 1).await, live.open(3, 1).await);
    let Grant { code: bought, unit, .. } = live.take(&one, &user("ann")).await;
    let freed = live.take(&two, &user("ann")).await.code;

    live.codes.settle_soon(bought, Verdict::Sold { unit });
    live.codes.settle_soon(freed, Verdict::Free);
    live.codes.settle_soon(new_code(one.id), Verdict::Sold { unit });
    live.codes.settle_soon(code_of_no_sale(), Verdict::Free);

    until(&*live.clock, async || (live.counts(&one).await == [2, 0, 1]).then_some(())).await;
    until(&*live.clock, async || (live.counts(&two).await == [3, 0, 0]).then_some(())).await;
}

/// The sweep takes the longest due first, as many as it can carry; the rest stay due.
pub async fn due_codes_come_oldest_first_and_no_more_than_asked(live: Live) {
    let sale = open_sale(10, 10);
    let due_at = [-5, -40, -20, HOUR, -30, -1].map(|ms| NOW + ms);
    let holds: Vec<_> = (0u16..)
        .zip(due_at)
        .map(|(slot, due_at)| held(&sale, user("ann"), u32::from(slot) + 1, slot, due_at))
        .collect();
    let code = |index: usize| holds[index].code;

    live.load(sale, holds.clone()).await;

    assert_eq!(live.due(&sale, 3).await, [code(1), code(4), code(2)]);
    assert_eq!(live.due(&sale, 0).await, []);
    let sold = Verdict::Sold { unit: holds[4].unit };
    live.settle(&sale, &[(code(1), Verdict::Free), (code(4), sold)]).await;
    assert_eq!(live.due(&sale, 10).await, [code(2), code(0), code(5)]);
}

/// Whatever changes a hold is counted, so that counters which are equal twice prove nothing; what
/// changes nothing is not, so that stillness can be seen.
pub async fn every_change_of_a_hold_is_counted(live: Live) {
    let sale = live.open(2, 1).await;
    let mut seen = vec![live.status(&sale).await.changes];
    let mut look = async || {
        let now = live.status(&sale).await.changes;
        let is_new = !seen.contains(&now);
        seen.push(now);
        is_new
    };

    let grant = live.take(&sale, &user("ann")).await;
    assert!(look().await);
    live.settle(&sale, &[(grant.code, Verdict::Held { unit: grant.unit, left_ms: HOUR })]).await;
    assert!(look().await);
    live.settle(&sale, &[(grant.code, Verdict::Free)]).await;
    assert!(look().await, "it is as it was, but not for want of change");
    let bought = live.take(&sale, &user("ann")).await;
    live.settle(&sale, &[(bought.code, Verdict::Sold { unit: bought.unit })]).await;
    assert!(look().await);

    let sold = Verdict::Sold { unit: bought.unit };
    live.settle(&sale, &[(bought.code, sold), (grant.code, Verdict::Free)]).await;
    assert!(matches!(live.ask(&sale, &user("ann")).await, PlaceReply::Refused(_)));
    assert_eq!(live.due(&sale, 10).await, []);
    assert!(!look().await);
}

/// Users come and go for a while. Whenever somebody looks, each unit is free, held or sold.
pub async fn free_held_and_sold_are_the_stock_at_every_moment(live: Live) {
    const STOCK: u32 = 60;
    let sale = live.open(STOCK, 3).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let watch = tokio::spawn({
        let (live, is_over) = (live.clone(), Arc::clone(&is_over));
        async move {
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(live.counts(&sale).await.iter().sum::<u32>(), STOCK);
                tokio::task::yield_now().await;
            }
        }
    });
    let buyers = (0..40u32).map(|number| {
        let live = live.clone();
        async move {
            let mut bought = 0;
            for round in 0..15 {
                let PlaceReply::Granted(grant) = live.ask(&sale, &nth_user(number % 30)).await
                else {
                    continue;
                };
                let is_sold = (number + round) % 8 == 0;
                let sold = Verdict::Sold { unit: grant.unit };
                let verdict = if is_sold { sold } else { Verdict::Free };
                live.settle(&sale, &[(grant.code, verdict)]).await;
                bought += u32::from(is_sold);
            }
            bought
        }
    });

    let bought = all_at_once(buyers).await.iter().sum::<u32>();

    is_over.store(true, Ordering::Relaxed);
    watch.await.unwrap();
    assert_eq!(live.counts(&sale).await, [STOCK - bought, 0, bought]);
}
