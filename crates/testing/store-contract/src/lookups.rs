//! What a [`Lookups`](domain::ports::Lookups) promises.

use domain::{
    Code, Sale, Terms, UserId,
    ports::{CodeLife, CodeState, Grant, HeldUnit, UnitsOfUser, UserOfSale},
};

use crate::{
    fixtures::{MINUTE, all_at_once, code_of_no_sale, new_code, nth_user, unit, user},
    ledger::Ledger,
};

/// Writes one test per promise of `Lookups`, on the [`Ledger`](crate::Ledger) that `$ledger` makes.
#[macro_export]
macro_rules! lookups_contract {
    ($ledger:path) => {
        $crate::contract! { $ledger, lookups:
            a_code_is_shown_as_what_has_become_of_it
            a_hold_that_is_due_is_held_until_the_ledger_has_decided
            a_code_that_nobody_was_given_has_no_life
            a_code_of_a_closed_sale_is_shown_as_it_ended
            a_user_has_what_is_theirs_of_the_sale_and_nothing_else
            a_user_has_the_units_of_a_closed_sale_that_they_bought
            a_user_is_told_of_purchases_that_were_cancelled_and_of_nobody_elses
            many_users_are_looked_up_at_once
        }
    };
}

async fn life(ledger: &Ledger, code: Code) -> Option<CodeLife> {
    ledger.lookups.code(code).await.unwrap()
}

async fn units(ledger: &Ledger, sale: &Sale, user: &UserId) -> UnitsOfUser {
    let of = UserOfSale { sale: sale.id, user: user.clone() };
    ledger.lookups.units(of).await.unwrap()
}

/// The codes of what a user has: on hold, and sold.
async fn codes(ledger: &Ledger, sale: &Sale, user: &UserId) -> (Vec<Code>, Vec<Code>) {
    let UnitsOfUser { held, bought, .. } = units(ledger, sale, user).await;
    let held = held.iter().map(|held| held.code).collect();
    (held, bought.iter().map(|receipt| receipt.code).collect())
}

/// A sale that can be ended, and a unit of it that ann has bought.
async fn sale_to_be_ended(ledger: &Ledger) -> (Sale, Grant) {
    let sale = ledger.going_on(Terms::new(5, 5, MINUTE).unwrap()).await;
    let sold = ledger.hold(&sale, &user("ann"), 1, 0).await;
    ledger.sell(sold).await;
    (sale, sold)
}

/// Held, sold, expired or given back; when it was decided is from then on the same.
pub async fn a_code_is_shown_as_what_has_become_of_it(ledger: Ledger) {
    let brief = ledger.open_with_brief_holds(5, 5).await;
    let expired = ledger.hold_and_wait(&brief, &user("ann"), 1, 0).await;
    ledger.judge(&brief, expired.code).await;
    let sale = ledger.open(5, 5).await;
    let began_at = ledger.now().await;
    let (held, expires_at) = ledger.hold_until(&sale, &user("ann"), 2, 0).await;
    let released = ledger.hold(&sale, &user("bob"), 3, 0).await;
    ledger.release(released.code).await;
    let sold = ledger.hold(&sale, &user("bob"), 4, 0).await;
    let receipt = ledger.sell(sold).await;

    for (grant, name, state) in [
        (held, "ann", CodeState::Held),
        (expired, "ann", CodeState::Expired),
        (released, "bob", CodeState::Released),
        (sold, "bob", CodeState::Sold),
    ] {
        let life = life(&ledger, grant.code).await.unwrap();
        assert_eq!((life.code, life.state), (grant.code, state));
        assert_eq!((life.user, life.unit), (user(name), grant.unit));
        assert_eq!(life.resolved_at.is_some(), state != CodeState::Held, "{state:?}");
        assert!(life.seen_at >= began_at);
        assert!(life.resolved_at.is_none_or(|at| at <= life.seen_at), "{state:?}");
    }
    assert_eq!(life(&ledger, held.code).await.unwrap().expires_at, expires_at);
    let ended = life(&ledger, expired.code).await.unwrap();
    assert!(ended.resolved_at.unwrap() >= ended.expires_at);
    let sold_at = life(&ledger, sold.code).await.unwrap().resolved_at.unwrap();
    assert!((began_at..=receipt.purchased_at).contains(&sold_at));
}

/// A clock decides nothing by itself.
pub async fn a_hold_that_is_due_is_held_until_the_ledger_has_decided(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(5, 5).await;
    let due = ledger.hold_and_wait(&sale, &user("ann"), 1, 0).await;

    let before = life(&ledger, due.code).await.unwrap();
    let units = codes(&ledger, &sale, &user("ann")).await;
    ledger.judge(&sale, due.code).await;

    assert_eq!((before.state, before.resolved_at), (CodeState::Held, None));
    assert!(before.expires_at < before.seen_at);
    assert_eq!(units, (vec![due.code], vec![]));
    assert_eq!(life(&ledger, due.code).await.unwrap().state, CodeState::Expired);
    assert_eq!(codes(&ledger, &sale, &user("ann")).await, (vec![], vec![]));
}

/// Made up, or under a tombstone.
pub async fn a_code_that_nobody_was_given_has_no_life(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let unrecorded = new_code(sale.id);
    ledger.judge(&sale, unrecorded).await;

    for code in [unrecorded, new_code(sale.id), code_of_no_sale()] {
        assert_eq!(life(&ledger, code).await, None);
    }
}

/// A buyer asks long after the sale.
pub async fn a_code_of_a_closed_sale_is_shown_as_it_ended(ledger: Ledger) {
    let (sale, sold) = sale_to_be_ended(&ledger).await;
    let released = ledger.hold(&sale, &user("bob"), 2, 0).await;
    ledger.release(released.code).await;
    let unrecorded = new_code(sale.id);
    ledger.judge(&sale, unrecorded).await;
    let before = [life(&ledger, sold.code).await, life(&ledger, released.code).await];

    ledger.end(&sale).await;
    assert!(ledger.register.close(sale.id).await.unwrap());

    for (code, before) in [sold.code, released.code].into_iter().zip(before) {
        let (before, after) = (before.unwrap(), life(&ledger, code).await.unwrap());
        assert_eq!(CodeLife { seen_at: before.seen_at, ..after }, before);
    }
    assert_eq!(life(&ledger, unrecorded).await, None);
}

/// In the order of their slots, whatever that of the units and codes is.
pub async fn a_user_has_what_is_theirs_of_the_sale_and_nothing_else(ledger: Ledger) {
    let (sale, other) = (ledger.open(9, 5).await, ledger.open(9, 5).await);
    let ann = user("ann");
    let third = ledger.hold(&sale, &ann, 4, 3).await;
    let receipt = ledger.sell(third).await;
    let (second, expires_at) = ledger.hold_until(&sale, &ann, 7, 1).await;
    let first = ledger.hold(&sale, &ann, 9, 0).await;
    let given_back = ledger.hold(&sale, &ann, 2, 2).await;
    ledger.release(given_back.code).await;
    // The names before theirs and after it, and another sale.
    ledger.hold(&sale, &user("an"), 5, 0).await;
    ledger.hold(&sale, &user("anna"), 6, 0).await;
    let elsewhere = ledger.hold(&other, &ann, 1, 0).await;

    let theirs = units(&ledger, &sale, &ann).await;

    let of_second = HeldUnit { code: second.code, unit: unit(7), expires_at };
    assert_eq!(
        theirs.held.iter().map(|held| held.code).collect::<Vec<_>>(),
        [first.code, second.code]
    );
    assert_eq!(theirs.held[1], of_second);
    assert_eq!(theirs.bought, [receipt]);
    assert!(theirs.seen_at <= ledger.now().await);
    assert_eq!(codes(&ledger, &other, &ann).await, (vec![elsewhere.code], vec![]));
    assert_eq!(codes(&ledger, &sale, &user("bob")).await, (vec![], vec![]));
    let nowhere = UserOfSale { sale: code_of_no_sale().sale(), user: ann };
    let none = ledger.lookups.units(nowhere).await.unwrap();
    assert_eq!((none.held, none.bought), (vec![], vec![]));
}

/// Nothing is on hold any more, and what was bought stays theirs.
pub async fn a_user_has_the_units_of_a_closed_sale_that_they_bought(ledger: Ledger) {
    let (sale, sold) = sale_to_be_ended(&ledger).await;
    let released = ledger.hold(&sale, &user("ann"), 2, 1).await;
    ledger.release(released.code).await;

    ledger.end(&sale).await;
    assert!(ledger.register.close(sale.id).await.unwrap());

    assert_eq!(codes(&ledger, &sale, &user("ann")).await, (vec![], vec![sold.code]));
}

/// Apart from what they have; also when the sale is closed.
pub async fn a_user_is_told_of_purchases_that_were_cancelled_and_of_nobody_elses(ledger: Ledger) {
    let first = ledger.going_on(Terms::new(9, 5, MINUTE).unwrap()).await;
    let other = ledger.on(9, 5).await;
    let bought = async |sale: &Sale, name: &str, number, slot| {
        let sale = ledger.sale(sale.id).await;
        ledger.sell(ledger.hold(&sale, &user(name), number, slot).await).await
    };
    let mut cancelled = Vec::new();
    for (number, slot) in [(4, 1), (2, 0), (7, 1)] {
        let receipt = bought(&first, "ann", number, slot).await;
        cancelled.push(ledger.cancelled(receipt.code).await);
    }
    // That of the first slot comes first.
    cancelled.sort_by_key(|receipt| receipt.unit != unit(2));
    let standing = bought(&first, "ann", 5, 1).await;
    for (sale, name, number) in [(&first, "bob", 1), (&first, "anna", 3), (&other, "ann", 6)] {
        let receipt = bought(sale, name, number, 0).await;
        ledger.cancelled(receipt.code).await;
    }

    for is_closed in [false, true] {
        if is_closed {
            ledger.end(&first).await;
            assert!(ledger.register.close(first.id).await.unwrap());
        }
        let theirs = units(&ledger, &first, &user("ann")).await;
        assert_eq!((theirs.held, &theirs.bought), (vec![], &vec![standing.clone()]));
        assert_eq!(theirs.cancelled, cancelled, "closed: {is_closed}");
        assert_eq!(units(&ledger, &other, &user("ann")).await.cancelled.len(), 1);
        assert_eq!(units(&ledger, &other, &user("bob")).await.cancelled, []);
    }
    // Many ask at once, of the same sale and of others.
    let names = ["ann", "bob", "cid", "anna"];
    let calls = (0..40).map(|number| {
        let (ledger, name) = (ledger.clone(), names[number % 4]);
        let sale = if number % 3 == 0 { other } else { first };
        async move { (units(&ledger, &sale, &user(name)).await, name, sale) }
    });
    for (found, name, sale) in all_at_once(calls).await {
        let count = match (name, sale.id == first.id) {
            ("ann", true) => 3,
            ("bob" | "anna", true) | ("ann", false) => 1,
            _ => 0,
        };
        assert_eq!(found.cancelled.len(), count, "{name} {sale:?}");
        assert!(found.cancelled.iter().all(|it| (it.sale, &it.user) == (sale.id, &user(name))));
    }
}

/// Each caller of a batch hears of their own user.
pub async fn many_users_are_looked_up_at_once(ledger: Ledger) {
    let sale = ledger.open(100, 2).await;
    for number in 1..=50 {
        ledger.hold(&sale, &nth_user(number), number, 0).await;
        ledger.sell(ledger.hold(&sale, &nth_user(number), 50 + number, 1).await).await;
    }
    // One of two has nothing.
    let calls = (1..=100).map(|number| {
        let ledger = ledger.clone();
        async move { (units(&ledger, &sale, &nth_user(number)).await, number) }
    });

    for (found, number) in all_at_once(calls).await {
        let held = found.held.iter().map(|held| held.unit).collect::<Vec<_>>();
        let bought = found.bought.iter().map(|receipt| receipt.unit).collect::<Vec<_>>();
        let has_some = number <= 50;
        assert_eq!(held, if has_some { vec![unit(number)] } else { vec![] });
        assert_eq!(bought, if has_some { vec![unit(50 + number)] } else { vec![] });
        assert!(found.bought.iter().all(|receipt| receipt.user == nth_user(number)));
    }
}
