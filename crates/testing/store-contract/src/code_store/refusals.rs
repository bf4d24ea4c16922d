//! Being refused.

use std::collections::BTreeSet;

use domain::{
    CheckoutRefusal, Sale, Slot, Window,
    answer::Retry,
    ports::{PlaceReply, Verdict},
    sale::SaleState,
};

use crate::{
    fixtures::{
        HOUR, MINUTE, NOW, SECOND, all_at_once, code_of_no_sale, held, open_sale, sold, until, user,
    },
    live::Live,
};

/// A user gets as many units as the limit says, and no other user suffers for it.
pub async fn a_user_stops_at_the_limit(live: Live) {
    let sale = live.open(10, 2).await;
    let ann = user("ann");

    live.take(&sale, &ann).await;
    live.take(&sale, &ann).await;

    let limit = CheckoutRefusal::UserLimit { limit: 2, held: 2, bought: 0 };
    assert_eq!(live.ask(&sale, &ann).await, PlaceReply::Refused(limit));
    assert_eq!(live.take(&sale, &user("bob")).await.slot, Slot(0));
    assert_eq!(live.counts(&sale).await, [7, 3, 0]);
}

/// Fifty requests of one user at once get as many units as the limit says.
pub async fn a_user_stops_at_the_limit_within_one_batch(live: Live) {
    let sale = live.open(100, 3).await;
    let calls = (0..50).map(|_| {
        let live = live.clone();
        async move { live.ask(&sale, &user("ann")).await }
    });

    let replies = all_at_once(calls).await;

    let slots: BTreeSet<_> = replies
        .iter()
        .filter_map(|reply| match reply {
            PlaceReply::Granted(grant) => Some(grant.slot),
            _ => None,
        })
        .collect();
    let limit = PlaceReply::Refused(CheckoutRefusal::UserLimit { limit: 3, held: 3, bought: 0 });
    assert_eq!(slots, [0, 1, 2].map(Slot).into());
    assert_eq!(replies.iter().filter(|reply| **reply == limit).count(), 47);
    assert_eq!(live.counts(&sale).await, [97, 3, 0]);
}

/// The refusal says how much of the limit is held, which may come back, and how much bought.
pub async fn the_limit_says_what_is_held_and_what_is_bought(live: Live) {
    let sale = live.open(10, 3).await;
    let ann = user("ann");
    let mut sold = Vec::new();
    for _ in 0..3 {
        let grant = live.take(&sale, &ann).await;
        sold.push((grant.code, Verdict::Sold { unit: grant.unit }));
    }

    live.settle(&sale, &[sold[1]]).await;
    let one_bought = live.ask(&sale, &ann).await;
    live.settle(&sale, &[sold[0], sold[2]]).await;
    let all_bought = live.ask(&sale, &ann).await;

    let limit = |held, bought| CheckoutRefusal::UserLimit { limit: 3, held, bought };
    assert_eq!(one_bought, PlaceReply::Refused(limit(2, 1)));
    assert_eq!(all_bought, PlaceReply::Refused(limit(0, 3)));
}

/// Whatever the reason, a refused request leaves no trace: not in the counts, and not in what
/// the user may have later.
pub async fn a_refusal_changes_nothing(live: Live) {
    let sale = live.open(1, 1).await;
    let (ann, bob) = (user("ann"), user("bob"));
    let only = live.take(&sale, &ann).await;
    let before = live.counts(&sale).await;

    for user in [&ann, &bob, &bob, &bob] {
        assert!(matches!(live.ask(&sale, user).await, PlaceReply::Refused(_)));
    }

    assert_eq!(live.counts(&sale).await, before);
    assert_eq!(live.find(only.code).await, Some(only.unit));
    live.settle(&sale, &[(only.code, Verdict::Free)]).await;
    let next = live.take(&sale, &bob).await;
    assert_eq!((next.unit, next.slot), (only.unit, Slot(0)));
}

/// A sale that is loaded ahead of its time says when it starts.
pub async fn a_sale_is_not_open_before_its_start(live: Live) {
    let window = Window::new(NOW + MINUTE, NOW + HOUR).unwrap();
    let sale = Sale { window, ..open_sale(5, 1) };
    live.load(sale, vec![]).await;

    let reply = live.ask(&sale, &user("ann")).await;

    let not_open = CheckoutRefusal::NotOpen { starts_at: window.starts_at() };
    assert_eq!(reply, PlaceReply::Refused(not_open));
    assert_eq!(live.counts(&sale).await, [5, 0, 0]);
}

/// Nobody has to open a sale: its time comes, and units are given.
pub async fn a_sale_opens_at_its_start(live: Live) {
    let window = Window::new(NOW + SECOND / 4, NOW + HOUR).unwrap();
    let sale = Sale { window, ..open_sale(5, 1) };
    live.load(sale, vec![]).await;

    let grant = until(&*live.clock, async || match live.ask(&sale, &user("ann")).await {
        PlaceReply::Granted(grant) => Some(grant),
        PlaceReply::Refused(refusal) => {
            let not_open = CheckoutRefusal::NotOpen { starts_at: window.starts_at() };
            assert_eq!(refusal, not_open);
            None
        }
        PlaceReply::NotLoaded => panic!("the sale is loaded"),
    });

    assert_eq!(grant.await.slot, Slot(0));
    assert!(live.status(&sale).await.now >= window.starts_at());
}

/// The first moment after the sale is its end, to the millisecond. Holds stay.
pub async fn a_sale_has_ended_at_its_end(live: Live) {
    let window = Window::new(NOW + -HOUR, NOW).unwrap();
    let sale = Sale { window, ..open_sale(5, 1) };
    let kept = held(&sale, user("ann"), 3, 0, NOW + MINUTE);
    live.load(sale, vec![kept.clone()]).await;

    let reply = live.ask(&sale, &user("bob")).await;

    let ended = CheckoutRefusal::Ended { ends_at: window.ends_at() };
    assert_eq!(reply, PlaceReply::Refused(ended));
    assert_eq!(live.find(kept.code).await, Some(kept.unit));
    live.settle(&sale, &[(kept.code, Verdict::Sold { unit: kept.unit })]).await;
    assert_eq!(live.counts(&sale).await, [4, 0, 1]);
}

/// A paused sale gives nothing, before its start as well as after; when it is over it is over.
pub async fn a_paused_sale_says_so_until_it_is_over(live: Live) {
    let open = Sale { state: SaleState::Paused, ..open_sale(5, 1) };
    let ahead = Window::new(NOW + MINUTE, NOW + HOUR).unwrap();
    let ahead = Sale { state: SaleState::Paused, window: ahead, ..open_sale(5, 1) };
    let over = Window::new(NOW + -HOUR, NOW).unwrap();
    let over = Sale { state: SaleState::Paused, window: over, ..open_sale(5, 1) };
    for sale in [open, ahead, over] {
        live.load(sale, vec![]).await;
    }

    for sale in [open, ahead] {
        let paused = CheckoutRefusal::Paused { ends_at: NOW + HOUR };
        assert_eq!(live.ask(&sale, &user("ann")).await, PlaceReply::Refused(paused));
    }
    let ended = CheckoutRefusal::Ended { ends_at: NOW };
    assert_eq!(live.ask(&over, &user("ann")).await, PlaceReply::Refused(ended));
    assert_eq!(live.counts(&open).await, [5, 0, 0]);
}

/// How long after its hold is due a unit is back for sure.
const BACK: i64 = SECOND / 2;

/// Sold out with holds that may lapse: the refusal says when the unit of the first of them is
/// back, both as a moment and as a time from now.
pub async fn sold_out_says_when_the_next_unit_is_back(live: Live) {
    let sale = open_sale(3, 1);
    let soon = held(&sale, user("ann"), 1, 0, NOW + MINUTE);
    let later = held(&sale, user("bob"), 2, 0, NOW + 2 * MINUTE);
    live.load(sale, vec![later, soon.clone(), sold(&sale, user("cid"), 3, 0)]).await;

    let retry = retry_of(&live, &sale).await.expect("a hold may lapse");

    assert_eq!(retry.at(), NOW + (MINUTE + BACK));
    assert!((1..=MINUTE + BACK).contains(&retry.after_ms()), "{retry:?}");
    live.settle(&sale, &[(soon.code, Verdict::Sold { unit: soon.unit })]).await;
    assert_eq!(retry_of(&live, &sale).await.map(Retry::at), Some(NOW + (2 * MINUTE + BACK)));
}

/// Sold out for good: all is sold, or what is held is back when the sale is over. And a hold
/// that is due already is back soon.
pub async fn sold_out_says_nothing_when_nothing_will_come_back(live: Live) {
    let all_sold = open_sale(1, 1);
    live.load(all_sold, vec![sold(&all_sold, user("ann"), 1, 0)]).await;
    let too_late = open_sale(1, 1);
    live.load(too_late, vec![held(&too_late, user("ann"), 1, 0, NOW + (HOUR - BACK))]).await;
    let just_in_time = open_sale(1, 1);
    let last = NOW + (HOUR - 1 - BACK);
    live.load(just_in_time, vec![held(&just_in_time, user("ann"), 1, 0, last)]).await;
    let overdue = open_sale(1, 1);
    live.load(overdue, vec![held(&overdue, user("ann"), 1, 0, NOW + -MINUTE)]).await;

    assert_eq!(retry_of(&live, &all_sold).await, None);
    assert_eq!(retry_of(&live, &too_late).await, None);
    assert_eq!(retry_of(&live, &just_in_time).await.map(Retry::at), Some(NOW + (HOUR - 1)));
    assert_eq!(retry_of(&live, &overdue).await.map(Retry::after_ms), Some(BACK));
}

/// What a sale that is sold out says of asking again.
async fn retry_of(live: &Live, sale: &Sale) -> Option<Retry> {
    match live.ask(sale, &user("late")).await {
        PlaceReply::Refused(CheckoutRefusal::SoldOut { retry }) => retry,
        other => panic!("the sale is sold out: {other:?}"),
    }
}

/// Whoever wants to know whether units can be taken asks a sale that is none.
pub async fn a_sale_that_was_never_loaded_gives_nothing(live: Live) {
    let code = code_of_no_sale();

    assert_eq!(live.ask_under(code, &user("ann")).await, PlaceReply::NotLoaded);

    assert_eq!(live.find(code).await, None);
    assert_eq!(live.sales.status(code.sale()).await.unwrap(), None);
}
