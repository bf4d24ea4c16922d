//! What a [`CodeOwners`](domain::ports::CodeOwners) promises.

use domain::{Code, Terms, UserId};

use crate::{
    fixtures::{SECOND, all_at_once, code_of_no_sale, new_code, nth_user, user},
    ledger::Ledger,
};

/// Writes one test per promise of `CodeOwners`, on the [`Ledger`](crate::Ledger) that `$ledger`
/// makes.
#[macro_export]
macro_rules! code_owners_contract {
    ($ledger:path) => {
        $crate::contract! { $ledger, code_owners:
            a_code_has_its_owner_whatever_becomes_of_it
            a_code_that_nobody_was_given_has_no_owner
            many_codes_are_looked_up_at_once
            a_code_of_a_closed_sale_keeps_its_owner
        }
    };
}

async fn owner(ledger: &Ledger, code: Code) -> Option<UserId> {
    ledger.owners.owner(code).await.unwrap()
}

/// Held, sold, expired or given back: it was given to whom it was given.
pub async fn a_code_has_its_owner_whatever_becomes_of_it(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(5, 5).await;
    let expired = ledger.hold_and_wait(&sale, &user("ann"), 1, 0).await;
    ledger.judge(&sale, expired.code).await;
    let released = ledger.hold(&sale, &user("ann"), 2, 1).await;
    ledger.release(released.code).await;
    let sold = ledger.hold(&sale, &user("ann"), 3, 2).await;
    ledger.sell(sold).await;
    let held = ledger.hold(&sale, &user("bob"), 4, 0).await;

    for code in [expired.code, released.code, sold.code] {
        assert_eq!(owner(&ledger, code).await, Some(user("ann")));
    }
    assert_eq!(owner(&ledger, held.code).await, Some(user("bob")));
}

/// Made up, or under a tombstone.
pub async fn a_code_that_nobody_was_given_has_no_owner(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let unrecorded = new_code(sale.id);
    ledger.judge(&sale, unrecorded).await;

    for code in [unrecorded, new_code(sale.id), code_of_no_sale()] {
        assert_eq!(owner(&ledger, code).await, None);
    }
}

/// Each caller of a batch hears of their own code.
pub async fn many_codes_are_looked_up_at_once(ledger: Ledger) {
    let sale = ledger.open(200, 1).await;
    let mut codes = Vec::new();
    for number in 1..=200 {
        codes.push((ledger.hold(&sale, &nth_user(number), number, 0).await.code, number));
    }
    let calls = codes.into_iter().map(|(code, number)| {
        let ledger = ledger.clone();
        async move { (owner(&ledger, code).await, number) }
    });

    for (found, number) in all_at_once(calls).await {
        assert_eq!(found, Some(nth_user(number)));
    }
}

/// A receipt is asked for long after its sale.
pub async fn a_code_of_a_closed_sale_keeps_its_owner(ledger: Ledger) {
    let sale = ledger.going_on(Terms::new(5, 5, SECOND).unwrap()).await;
    let sold = ledger.hold(&sale, &user("ann"), 1, 0).await;
    ledger.sell(sold).await;
    let unrecorded = new_code(sale.id);
    ledger.judge(&sale, unrecorded).await;

    ledger.end(&sale).await;
    assert!(ledger.register.close(sale.id).await.unwrap());

    assert_eq!(owner(&ledger, sold.code).await, Some(user("ann")));
    assert_eq!(owner(&ledger, unrecorded).await, None);
}
