//! Redeeming codes, giving them back, finding them.

use std::collections::BTreeMap;

use domain::{
    Receipt,
    ports::{CodeRecord, Redemption},
};

use crate::{
    fixtures::{all_at_once, code_of_no_sale, item, new_code, nth_user, unit, user},
    ledger::{Ledger, grant, redemption},
};

/// The first redemption sells the unit; every other one finds the same receipt.
pub async fn a_code_is_redeemed_once_and_the_receipt_stays(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let grant = ledger.hold(&sale, &user("A-n.n_2:x@y"), 4, 2).await;

    let before = ledger.now().await;
    let receipt = ledger.sell(grant).await;
    let after = ledger.now().await;
    let again = ledger.redeem(grant).await;

    let Receipt { purchased_at, .. } = receipt;
    assert!((before..=after).contains(&purchased_at), "{purchased_at:?}");
    let expected = Receipt {
        code: grant.code,
        sale: sale.id,
        user: user("A-n.n_2:x@y"),
        unit: unit(4),
        item: item(sale.id, unit(4)),
        purchased_at,
        cancelled: None,
    };
    assert_eq!(receipt, expected);
    assert_eq!(again, CodeRecord::Sold(receipt.clone()));
    assert_eq!(ledger.find(grant.code).await, CodeRecord::Sold(receipt));
    assert_eq!(ledger.counts(&sale).await, [0, 1]);
}

/// Two hundred requests with one code, and as many with ten others: each code is sold by one
/// of its requests, and all of them have its one receipt.
pub async fn two_hundred_redemptions_sell_once(ledger: Ledger) {
    let sale = ledger.open(11, 11).await;
    let mut grants = Vec::new();
    for (number, slot) in (1..=11).zip(0..) {
        grants.push(ledger.hold(&sale, &user("ann"), number, slot).await);
    }
    let calls = (0..400).map(|number: usize| {
        let ledger = ledger.clone();
        let grant = grants[if number < 200 { 0 } else { 1 + number % 10 }];
        async move { ledger.redeem(grant).await }
    });

    let replies = all_at_once(calls).await;

    let (mut sold_now, mut receipts) = (0, BTreeMap::new());
    for reply in replies {
        sold_now += u32::from(matches!(reply, CodeRecord::SoldNow(_)));
        let (CodeRecord::SoldNow(receipt) | CodeRecord::Sold(receipt)) = reply else {
            panic!("{reply:?}");
        };
        let first = receipts.entry(receipt.code).or_insert_with(|| receipt.clone());
        assert_eq!(*first, receipt);
    }
    assert_eq!((sold_now, receipts.len()), (11, 11));
    assert_eq!(ledger.counts(&sale).await, [0, 11]);
}

/// Who believes that a code holds another unit would sell the wrong item.
pub async fn a_code_redeemed_for_another_unit_sells_nothing_and_says_which(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let grant = ledger.hold(&sale, &user("ann"), 4, 0).await;

    let wrong = Redemption { unit: unit(5), ..redemption(grant) };
    let reply = ledger.codes.redeem(wrong.clone()).await.unwrap();

    assert_eq!(reply, CodeRecord::Held { unit: unit(4) });
    assert_eq!(ledger.counts(&sale).await, [1, 0]);
    let receipt = ledger.sell(grant).await;
    assert_eq!(ledger.codes.redeem(wrong).await.unwrap(), CodeRecord::Sold(receipt));
}

/// Expired, given back, under a tombstone or never heard of: the reply says which, and nothing is
/// sold.
pub async fn a_code_that_ended_is_not_redeemed(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(5, 5).await;
    let expired = ledger.hold_and_wait(&sale, &user("ann"), 1, 0).await;
    ledger.judge(&sale, expired.code).await;
    let released = ledger.hold(&sale, &user("ann"), 2, 1).await;
    ledger.release(released.code).await;
    let unrecorded = grant(&sale, 3, 2);
    ledger.judge(&sale, unrecorded.code).await;

    assert_eq!(ledger.redeem(expired).await, CodeRecord::Expired);
    assert_eq!(ledger.redeem(released).await, CodeRecord::Released);
    assert_eq!(ledger.redeem(unrecorded).await, CodeRecord::Unknown);
    assert_eq!(ledger.redeem(grant(&sale, 4, 3)).await, CodeRecord::Unknown);
    assert_eq!(ledger.counts(&sale).await, [0, 0]);
}

/// No clock is looked at when a code is redeemed: only a verdict ends a hold.
pub async fn a_hold_past_its_time_is_sold_until_it_is_judged(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(5, 5).await;
    let overdue = ledger.hold_and_wait(&sale, &user("ann"), 1, 0).await;

    assert_eq!(ledger.find(overdue.code).await, CodeRecord::Held { unit: unit(1) });
    ledger.sell(overdue).await;

    assert_eq!(ledger.counts(&sale).await, [0, 1]);
}

/// A redemption that no database can write, for the item's name has a NUL in it, fails alone.
pub async fn a_bad_redemption_does_not_hurt_its_neighbours(ledger: Ledger) {
    let sale = ledger.open(40, 1).await;
    let mut redemptions = Vec::new();
    for number in 1..=40 {
        redemptions.push(redemption(ledger.hold(&sale, &nth_user(number), number, 0).await));
    }
    let bad = redemptions[17].code;
    redemptions[17].item.name.push('\0');
    let calls = redemptions.into_iter().map(|redemption| {
        let ledger = ledger.clone();
        async move { (redemption.code, ledger.codes.redeem(redemption).await) }
    });

    let replies = all_at_once(calls).await;

    let others = replies.into_iter().filter(|(code, _)| *code != bad);
    let sold = others.filter(|(_, reply)| matches!(reply, Ok(CodeRecord::SoldNow(_)))).count();
    assert_eq!(sold, 39);
}

/// Giving back frees the unit; giving back again changes nothing and is no error.
pub async fn a_hold_is_given_back_once(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let grant = ledger.hold(&sale, &user("ann"), 1, 0).await;

    assert_eq!(ledger.release(grant.code).await, CodeRecord::Released);
    assert_eq!(ledger.release(grant.code).await, CodeRecord::Released);

    assert_eq!(ledger.counts(&sale).await, [0, 0]);
    let next = ledger.hold(&sale, &user("bob"), 1, 0).await;
    assert_eq!(ledger.release(grant.code).await, CodeRecord::Released);
    assert_eq!(ledger.find(next.code).await, CodeRecord::Held { unit: unit(1) });
}

/// What is sold stays sold, and what ended has ended.
pub async fn a_code_that_is_not_held_cannot_be_given_back(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(5, 5).await;
    let expired = ledger.hold_and_wait(&sale, &user("ann"), 1, 0).await;
    ledger.judge(&sale, expired.code).await;
    let bought = ledger.hold(&sale, &user("ann"), 2, 1).await;
    let receipt = ledger.sell(bought).await;
    let unrecorded = new_code(sale.id);
    ledger.judge(&sale, unrecorded).await;

    assert_eq!(ledger.release(expired.code).await, CodeRecord::Expired);
    assert_eq!(ledger.release(bought.code).await, CodeRecord::Sold(receipt));
    assert_eq!(ledger.release(unrecorded).await, CodeRecord::Unknown);
    assert_eq!(ledger.release(new_code(sale.id)).await, CodeRecord::Unknown);
    assert_eq!(ledger.counts(&sale).await, [0, 1]);
}

/// A buyer who redeems and returns at the same time gets one of the two, and both answers
/// agree on which.
pub async fn of_a_redemption_and_a_return_one_wins(ledger: Ledger) {
    let sale = ledger.open(40, 1).await;
    let mut grants = Vec::new();
    for number in 1..=40 {
        grants.push(ledger.hold(&sale, &nth_user(number), number, 0).await);
    }
    let calls = grants.into_iter().map(|grant| {
        let ledger = ledger.clone();
        async move { tokio::join!(ledger.redeem(grant), ledger.release(grant.code)) }
    });

    let replies = all_at_once(calls).await;

    let mut sold = 0;
    for reply in replies {
        match reply {
            (CodeRecord::SoldNow(receipt), CodeRecord::Sold(found)) if receipt == found => {
                sold += 1;
            }
            (CodeRecord::Released, CodeRecord::Released) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ledger.counts(&sale).await, [0, sold]);
}

/// A look changes nothing and names each state.
pub async fn every_code_is_found_as_it_is(ledger: Ledger) {
    let sale = ledger.open_with_brief_holds(5, 5).await;
    let ann = user("ann");
    let expired = ledger.hold_and_wait(&sale, &ann, 1, 0).await;
    ledger.judge(&sale, expired.code).await;
    let released = ledger.hold(&sale, &ann, 2, 1).await;
    ledger.release(released.code).await;
    let bought = ledger.hold(&sale, &ann, 3, 2).await;
    let receipt = ledger.sell(bought).await;
    let held = ledger.hold(&sale, &ann, 4, 3).await;
    let unrecorded = new_code(sale.id);
    ledger.judge(&sale, unrecorded).await;

    for _ in 0..2 {
        assert_eq!(ledger.find(expired.code).await, CodeRecord::Expired);
        assert_eq!(ledger.find(released.code).await, CodeRecord::Released);
        assert_eq!(ledger.find(bought.code).await, CodeRecord::Sold(receipt.clone()));
        assert_eq!(ledger.find(held.code).await, CodeRecord::Held { unit: unit(4) });
        assert_eq!(ledger.find(unrecorded).await, CodeRecord::Unknown);
        assert_eq!(ledger.find(new_code(sale.id)).await, CodeRecord::Unknown);
        assert_eq!(ledger.find(code_of_no_sale()).await, CodeRecord::Unknown);
    }
}

/// Whoever wants to know whether codes can be redeemed asks for one that is none.
pub async fn a_code_that_was_never_given_redeems_nothing_and_leaves_nothing(ledger: Ledger) {
    let sale = ledger.open(5, 5).await;
    let never_given = grant(&sale, 1, 0);

    assert_eq!(ledger.redeem(never_given).await, CodeRecord::Unknown);
    assert_eq!(ledger.redeem(never_given).await, CodeRecord::Unknown);

    assert_eq!(ledger.counts(&sale).await, [0, 0]);
    assert_eq!(ledger.recorded(&sale, "tombstone").await, 0);
    assert_eq!(ledger.recorded(&sale, "granted").await, 0);
}
