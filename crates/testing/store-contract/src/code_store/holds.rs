//! Taking units.

use std::collections::BTreeSet;

use domain::{
    Sale, Slot, Terms, UserId,
    ports::{PlaceReply, Verdict},
};

use crate::{
    fixtures::{
        SECOND, all_at_once, code_of_no_sale, new_code, nth_user, open_sale, unit, until, user,
    },
    live::Live,
};

/// Three hundred users race for a hundred units. A hundred get one; the others hear that the
/// sale is sold out.
pub async fn a_race_takes_exactly_the_stock(live: Live) {
    let sale = live.open(100, 1).await;
    let calls = (1..=300).map(|number| {
        let live = live.clone();
        async move { live.ask(&sale, &nth_user(number)).await }
    });

    let replies = all_at_once(calls).await;

    let granted = replies.iter().filter(|reply| matches!(reply, PlaceReply::Granted(_))).count();
    let refused = replies.iter().filter(|reply| matches!(reply, PlaceReply::Refused(_))).count();
    assert_eq!((granted, refused), (100, 200));
    assert_eq!(live.counts(&sale).await, [0, 100, 0]);
}

/// However they are asked for, the units from 1 to the stock are given, each to one code.
pub async fn each_unit_is_given_once(live: Live) {
    let sale = live.open(1_200, 1).await;
    let calls = (1..=1_200).map(|number| {
        let live = live.clone();
        async move { live.take(&sale, &nth_user(number)).await }
    });

    let grants = all_at_once(calls).await;

    let units: BTreeSet<_> = grants.iter().map(|grant| grant.unit).collect();
    assert_eq!(units, (1..=1_200).map(unit).collect());
    assert!(grants.iter().all(|grant| grant.epoch == sale.epoch && grant.slot == Slot(0)));
}

/// A user's units take the slots from 0 to the limit, also a limit of hundreds.
pub async fn a_users_slots_are_taken_from_the_lowest(live: Live) {
    let sale = live.open(500, 300).await;

    assert_eq!(live.take(&sale, &user("ann")).await.slot, Slot(0));
    assert_eq!(live.take(&sale, &user("ann")).await.slot, Slot(1));
    assert_eq!(live.take(&sale, &user("bob")).await.slot, Slot(0));
    let calls = (2..300).map(|_| {
        let live = live.clone();
        async move { live.take(&sale, &user("ann")).await.slot.0 }
    });
    let slots: BTreeSet<_> = all_at_once(calls).await.into_iter().collect();

    assert_eq!(slots, (2..300).collect());
}

/// A request whose reply got lost is asked again: it gets what it has, also when nothing else
/// can be had any more.
pub async fn a_repeated_hold_gets_the_same_unit_and_takes_nothing(live: Live) {
    let sale = live.open(2, 1).await;
    let (code, ann) = (new_code(sale.id), user("ann"));

    let first = live.ask_under(code, &ann).await;
    let again = live.ask_under(code, &ann).await;
    assert_eq!(live.counts(&sale).await, [1, 1, 0]);
    live.take(&sale, &user("bob")).await;
    let after_the_last = live.ask_under(code, &ann).await;

    assert!(matches!(first, PlaceReply::Granted(_)), "{first:?}");
    assert_eq!((&again, &after_the_last), (&first, &first));
    assert_eq!(live.counts(&sale).await, [0, 2, 0]);
}

/// Ten codes, each twenty times at once and so many times in one batch, are ten holds.
pub async fn a_hold_repeated_at_once_takes_one_unit(live: Live) {
    let sale = live.open(100, 50).await;
    let codes = [0; 10].map(|_| new_code(sale.id));
    let calls = (0..200).map(|number| {
        let (live, code) = (live.clone(), codes[number % 10]);
        async move {
            match live.ask_under(code, &user("ann")).await {
                PlaceReply::Granted(grant) => (grant.code, grant.unit, grant.slot),
                refused => panic!("a unit was to be had: {refused:?}"),
            }
        }
    });

    let holds: BTreeSet<_> = all_at_once(calls).await.into_iter().collect();

    assert_eq!(holds.len(), 10, "{holds:?}");
    assert_eq!(live.counts(&sale).await, [90, 10, 0]);
}

/// A hold is due after its time, and not before.
pub async fn a_hold_is_kept_for_as_long_as_the_terms_say(live: Live) {
    let terms = Terms::new(5, 1, SECOND / 5).unwrap();
    let short = Sale { terms, ..open_sale(5, 1) };
    live.load(short, vec![]).await;
    let long = live.open(5, 1).await;

    let placed_after = live.status(&short).await.now;
    let brief = live.take(&short, &user("ann")).await;
    live.take(&long, &user("ann")).await;
    let due = until(&*live.clock, async || {
        let due = live.due(&short, 10).await;
        (!due.is_empty()).then_some(due)
    });

    assert_eq!(due.await, [brief.code]);
    assert!(live.status(&short).await.now - placed_after >= short.terms.hold_ms());
    assert_eq!(live.due(&long, 10).await, []);
    // Due is not over: only the ledger ends a hold.
    assert_eq!(live.find(brief.code).await, Some(brief.unit));
    assert_eq!(live.counts(&short).await, [4, 1, 0]);
}

/// A code is found while its hold is live; one that was made up, ended or sold is not.
pub async fn only_live_codes_are_found(live: Live) {
    let sale = live.open(5, 1).await;
    let stays = live.take(&sale, &user("ann")).await;
    let bought = live.take(&sale, &user("bob")).await;
    let freed = live.take(&sale, &user("cid")).await;

    live.settle(
        &sale,
        &[(bought.code, Verdict::Sold { unit: bought.unit }), (freed.code, Verdict::Free)],
    )
    .await;

    assert_eq!(live.find(stays.code).await, Some(stays.unit));
    assert_eq!(live.find(bought.code).await, None);
    assert_eq!(live.find(freed.code).await, None);
    assert_eq!(live.find(new_code(sale.id)).await, None);
    assert_eq!(live.find(new_code(open_sale(1, 1).id)).await, None);
    assert_eq!(live.find(code_of_no_sale()).await, None);
}

/// Two sales share nothing: not a user's limit, not a code, not a verdict, not a request that
/// is in one batch with the other's.
pub async fn sales_do_not_see_each_others_codes(live: Live) {
    let (one, two) = (live.open(50, 2).await, live.open(50, 2).await);
    let ann: UserId = user("ann");
    let mine = live.take(&one, &ann).await;
    let calls = (0..40).map(|number| {
        let live = live.clone();
        let sale = if number % 2 == 0 { one } else { two };
        async move { (sale.id, live.take(&sale, &nth_user(number)).await) }
    });

    let grants = all_at_once(calls).await;

    assert!(grants.iter().all(|(sale, grant)| grant.code.sale() == *sale));
    assert_eq!(live.take(&two, &ann).await.slot, Slot(0));
    live.settle(&two, &[(mine.code, Verdict::Free)]).await;
    assert_eq!(live.find(mine.code).await, Some(mine.unit));
    assert_eq!(live.counts(&one).await, [29, 21, 0]);
    assert_eq!(live.counts(&two).await, [29, 21, 0]);
}

/// A batch has codes of as many sales as there are; some of them are live, others made up.
pub async fn codes_of_many_sales_are_found_at_once(live: Live) {
    let mut given = Vec::new();
    for number in 0..10 {
        let sale = live.open(3, 3).await;
        for _ in 0..=number % 3 {
            let grant = live.take(&sale, &user("ann")).await;
            given.push((grant.code, Some(grant.unit)));
        }
        given.push((new_code(sale.id), None));
    }
    given.extend((0..200).map(|_| (code_of_no_sale(), None)));

    let found = all_at_once(given.into_iter().map(|(code, unit)| {
        let live = live.clone();
        async move { (code, unit, live.find(code).await) }
    }))
    .await;

    for (code, given, found) in found {
        assert_eq!(found, given, "{code:?}");
    }
}
