//! Ending holds.

use std::collections::BTreeSet;

use domain::{
    Code,
    ports::{CodeRecord, Recorded, Verdict},
};

use crate::{
    fixtures::{HOUR, all_at_once, new_code, nth_user, unit, until, user},
    ledger::{Ledger, grant},
};

/// A code that is due on the live store and has no record gets a tombstone, once: its unit is
/// free, and a record that comes late is refused.
pub async fn a_code_without_a_record_gets_a_tombstone(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let lost = grant(&sale, 1, 0);

    assert_eq!(ledger.judge(&sale, lost.code).await, Verdict::Free);
    assert_eq!(ledger.judge(&sale, lost.code).await, Verdict::Free);

    assert_eq!(ledger.record_grant(&sale, &user("ann"), lost).await, Recorded::TooLate);
    assert_eq!(ledger.find(lost.code).await, CodeRecord::Unknown);
    assert_eq!(ledger.recorded(&sale, "tombstone").await, 1);
    assert_eq!(ledger.counts(&sale).await, [0, 0]);
}

/// A hold past its time ends, and its unit is free.
pub async fn a_hold_that_is_due_expires(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(5, 5).await;
    let overdue = ledger.hold_and_wait(&sale, &user("ann"), 1, 0).await;

    assert_eq!(ledger.judge(&sale, overdue.code).await, Verdict::Free);

    assert_eq!(ledger.find(overdue.code).await, CodeRecord::Expired);
    assert_eq!(ledger.counts(&sale).await, [0, 0]);
}

/// The live store's clock may be ahead: a hold that is not due by the ledger's stays, and the
/// verdict says for how long.
pub async fn a_hold_that_is_live_is_left_alone(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let (grant, expires_at) = ledger.hold_until(&sale, &user("ann"), 1, 0).await;

    let before = ledger.now().await;
    let verdict = ledger.judge(&sale, grant.code).await;
    let after = ledger.now().await;

    let Verdict::Held { unit: held, left_ms } = verdict else { panic!("{verdict:?}") };
    assert_eq!(held, grant.unit);
    // Moments are cut to the millisecond, what is left is not.
    let left = expires_at - after..=expires_at - before + 1;
    assert!(left.contains(&left_ms), "{left_ms} of {left:?}");
    assert_eq!(ledger.find(grant.code).await, CodeRecord::Held { unit: unit(1) });
}

/// What was decided before the judge came is reported, not changed.
pub async fn what_is_sold_or_given_back_is_reported(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(5, 5).await;
    let bought = ledger.hold_and_wait(&sale, &user("ann"), 1, 0).await;
    ledger.sell(bought).await;
    let released = ledger.hold_and_wait(&sale, &user("ann"), 2, 1).await;
    ledger.release(released.code).await;

    assert_eq!(ledger.judge(&sale, bought.code).await, Verdict::Sold { unit: bought.unit });
    assert_eq!(ledger.judge(&sale, released.code).await, Verdict::Free);

    assert!(matches!(ledger.find(bought.code).await, CodeRecord::Sold(_)));
    assert_eq!(ledger.find(released.code).await, CodeRecord::Released);
}

/// Judged again, a code gets the same verdict, whoever has the unit by then.
pub async fn verdicts_are_final(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(1, 1).await;
    let unrecorded = new_code(sale.id);
    let expired = ledger.hold_and_wait(&sale, &user("ann"), 1, 0).await;
    assert_eq!(ledger.judge(&sale, expired.code).await, Verdict::Free);
    assert_eq!(ledger.judge(&sale, unrecorded).await, Verdict::Free);

    let next = ledger.hold(&sale, &user("ann"), 1, 0).await;
    ledger.sell(next).await;

    assert_eq!(ledger.judge(&sale, expired.code).await, Verdict::Free);
    assert_eq!(ledger.judge(&sale, unrecorded).await, Verdict::Free);
    assert_eq!(ledger.judge(&sale, next.code).await, Verdict::Sold { unit: next.unit });
    assert_eq!(ledger.redeem(expired).await, CodeRecord::Expired);
    assert_eq!(ledger.counts(&sale).await, [0, 1]);
}

/// A sweep brings a thousand codes of every kind; each gets its verdict.
pub async fn a_judge_decides_many_codes_at_once(ledger: Ledger) {
    let brief = ledger.open_with_brief_holds(5, 5).await;
    let due = ledger.hold_and_wait(&brief, &user("ann"), 1, 0).await.code;
    let bought = ledger.hold(&brief, &user("ann"), 2, 1).await;
    ledger.sell(bought).await;
    let lost: Vec<_> = (0..1_000).map(|_| new_code(brief.id)).collect();
    let codes: Vec<_> = [due, bought.code].into_iter().chain(lost).collect();

    let verdicts = ledger.codes.judge(brief.id, &codes).await.unwrap();

    let judged: BTreeSet<_> = verdicts.iter().map(|&(code, _)| code).collect();
    assert_eq!(judged, codes.iter().copied().collect());
    assert_eq!(verdicts.len(), codes.len());
    for (code, verdict) in verdicts {
        let sold = Verdict::Sold { unit: bought.unit };
        let expected = if code == bought.code { sold } else { Verdict::Free };
        assert_eq!(verdict, expected);
    }
    assert_eq!(ledger.codes.judge(brief.id, &[]).await.unwrap(), []);
    assert_eq!(ledger.recorded(&brief, "tombstone").await, 1_000);
}

/// A buyer pays at the very moment the sweep comes. The unit is sold or free, never both.
pub async fn of_a_redemption_and_an_expiry_one_wins(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(40, 1).await;
    let mut grants = Vec::new();
    for number in 1..=40 {
        grants.push(ledger.hold_and_wait(&sale, &nth_user(number), number, 0).await);
    }
    let calls = grants.into_iter().map(|grant| {
        let ledger = ledger.clone();
        async move { tokio::join!(ledger.redeem(grant), ledger.judge(&sale, grant.code)) }
    });

    let replies = all_at_once(calls).await;

    let mut sold = 0;
    for reply in replies {
        match reply {
            (CodeRecord::SoldNow(_), Verdict::Sold { .. }) => sold += 1,
            (CodeRecord::Expired, Verdict::Free) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ledger.counts(&sale).await, [0, sold]);
}

/// A record arrives at the very moment its code is judged. Either the hold stands and the
/// judge has seen it, or the code has a tombstone and the record too late.
pub async fn of_a_record_and_a_tombstone_one_wins(ledger: Ledger) {
    let sale = ledger.open(60, 1).await;
    let calls = (1..=60).map(|number| {
        let ledger = ledger.clone();
        async move {
            let (ann, grant) = (nth_user(number), grant(&sale, number, 0));
            tokio::join!(ledger.record_grant(&sale, &ann, grant), ledger.judge(&sale, grant.code))
        }
    });

    let replies = all_at_once(calls).await;

    let mut held = 0;
    for reply in replies {
        match reply {
            (Recorded::Hold { .. }, Verdict::Held { .. }) => held += 1,
            (Recorded::TooLate, Verdict::Free) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ledger.counts(&sale).await, [held, 0]);
}

/// The backstop ends holds nobody asked about for a while. Those that are live, or due but
/// not for long, are left, and so is what is sold.
pub async fn only_holds_that_are_overdue_are_expired(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let live = ledger.hold(&sale, &user("ann"), 1, 0).await;
    let brief = ledger.open_with_brief_holds(5, 5).await;
    let bought = ledger.hold_and_wait(&brief, &user("ann"), 1, 0).await;
    ledger.sell(bought).await;
    let overdue = ledger.hold_and_wait(&brief, &user("ann"), 2, 1).await;

    assert_eq!(ledger.codes.expire_overdue(&[sale, brief], HOUR, 10).await.unwrap(), []);
    assert_eq!(ledger.codes.expire_overdue(&[sale], 0, 10).await.unwrap(), [], "of another sale");
    assert_eq!(ledger.find(overdue.code).await, CodeRecord::Held { unit: unit(2) });
    let expired = until(&*ledger.clock, async || {
        let expired = ledger.codes.expire_overdue(&[sale, brief], 20, 10).await.unwrap();
        (!expired.is_empty()).then_some(expired)
    });

    assert_eq!(expired.await, [overdue.code]);
    assert_eq!(ledger.find(overdue.code).await, CodeRecord::Expired);
    assert_eq!(ledger.counts(&sale).await, [1, 0]);
    assert_eq!(ledger.counts(&brief).await, [0, 1]);
    assert_eq!(ledger.find(live.code).await, CodeRecord::Held { unit: unit(1) });
}

/// However many are overdue, one call ends no more than it was asked to, and the next goes on.
pub async fn no_more_overdue_holds_are_expired_than_asked(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(5, 5).await;
    let mut codes = BTreeSet::new();
    for (number, slot) in (1..=5).zip(0..) {
        codes.insert(ledger.hold_and_wait(&sale, &user("ann"), number, slot).await.code);
    }

    let mut expired: Vec<Code> = Vec::new();
    for count in [2, 2, 1, 0] {
        let ended = ledger.codes.expire_overdue(&[sale], 0, 2).await.unwrap();
        assert_eq!(ended.len(), count);
        expired.extend(ended);
    }

    assert_eq!(expired.into_iter().collect::<BTreeSet<_>>(), codes);
    assert_eq!(ledger.counts(&sale).await, [0, 0]);
}
