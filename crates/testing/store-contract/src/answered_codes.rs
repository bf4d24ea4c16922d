//! What an [`AnsweredCodes`](domain::ports::AnsweredCodes) promises.

use domain::{
    Terms, UnixMillis,
    ports::{Answered, Grant, Granted},
};

use crate::{
    fixtures::{code_of_no_sale, new_code, until, user},
    ledger::{Ledger, grant},
};

/// Writes one test per promise of `AnsweredCodes`, on the [`Ledger`] that `$ledger` makes.
#[macro_export]
macro_rules! answered_codes_contract {
    ($ledger:path) => {
        $crate::contract! { $ledger, answered_codes:
            a_code_without_a_record_was_answered_to_nobody_yet
            what_was_granted_is_told_whatever_became_of_it
            what_was_granted_is_told_when_the_sale_is_closed
            a_tombstone_was_never_answered
            many_codes_are_looked_up_at_once
        }
    };
}

fn granted(grant: Grant, expires_at: UnixMillis) -> Answered {
    let Grant { unit, slot, .. } = grant;
    Answered::Granted(Granted { unit, slot, expires_at })
}

/// A code that was never recorded, of this sale or of none, may still be given to somebody; to have
/// asked changes nothing.
pub async fn a_code_without_a_record_was_answered_to_nobody_yet(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let (ann, grant) = (user("ann"), grant(&sale, 1, 0));

    assert_eq!(ledger.answered(grant.code).await, Answered::NotYet);
    assert_eq!(ledger.answered(code_of_no_sale()).await, Answered::NotYet);

    ledger.record_grant(&sale, &ann, grant).await;
    assert_ne!(ledger.answered(grant.code).await, Answered::NotYet);
}

/// Held, sold, expired or given back: it was granted, and when it was due.
pub async fn what_was_granted_is_told_whatever_became_of_it(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(5, 5).await;
    let ann = user("ann");
    let (held, held_until) = ledger.hold_until(&sale, &ann, 1, 0).await;
    let (sold, sold_until) = ledger.hold_until(&sale, &ann, 2, 1).await;
    let (released, released_until) = ledger.hold_until(&sale, &ann, 3, 2).await;
    let (expired, expired_until) = ledger.hold_until(&sale, &ann, 4, 3).await;
    ledger.sell(sold).await;
    ledger.release(released.code).await;
    until(&*ledger.clock, async || (ledger.now().await > expired_until).then_some(())).await;
    ledger.judge(&sale, expired.code).await;

    for (grant, due_at) in [
        (held, held_until),
        (sold, sold_until),
        (released, released_until),
        (expired, expired_until),
    ] {
        assert_eq!(ledger.answered(grant.code).await, granted(grant, due_at));
    }
}

/// A key is asked for again long after its sale.
pub async fn what_was_granted_is_told_when_the_sale_is_closed(ledger: Ledger) {
    let sale = ledger.going_on(Terms::new(5, 5, 1).unwrap()).await;
    let ann = user("ann");
    let (sold, sold_until) = ledger.hold_until(&sale, &ann, 1, 0).await;
    let (released, released_until) = ledger.hold_until(&sale, &ann, 2, 1).await;
    let lost = new_code(sale.id);
    ledger.sell(sold).await;
    ledger.release(released.code).await;
    ledger.judge(&sale, lost).await;

    ledger.end(&sale).await;
    assert!(ledger.register.close(sale.id).await.unwrap());

    assert_eq!(ledger.answered(sold.code).await, granted(sold, sold_until));
    assert_eq!(ledger.answered(released.code).await, granted(released, released_until));
    assert_eq!(ledger.answered(lost).await, Answered::Never);
    assert_eq!(ledger.answered(new_code(sale.id)).await, Answered::NotYet);
}

/// A code that was judged before its record came is nobody's for ever.
pub async fn a_tombstone_was_never_answered(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let late = grant(&sale, 1, 0);

    ledger.judge(&sale, late.code).await;
    ledger.record_grant(&sale, &user("ann"), late).await;

    assert_eq!(ledger.answered(late.code).await, Answered::Never);
}

/// Each caller hears of the code that they asked for.
pub async fn many_codes_are_looked_up_at_once(ledger: Ledger) {
    let sale = ledger.open(100, 100).await;
    let mut expected = Vec::new();
    for number in 1..=20 {
        let slot = u16::try_from(number).unwrap();
        let (grant, due_at) = ledger.hold_until(&sale, &user("ann"), number, slot).await;
        expected.push((grant.code, granted(grant, due_at)));
        expected.push((new_code(sale.id), Answered::NotYet));
    }
    let calls = expected.iter().cycle().take(400).map(|&(code, expected)| {
        let ledger = ledger.clone();
        async move { (ledger.answered(code).await, expected) }
    });

    for (found, expected) in crate::fixtures::all_at_once(calls.collect::<Vec<_>>()).await {
        assert_eq!(found, expected);
    }
}
