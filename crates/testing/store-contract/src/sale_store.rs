//! What a [`SaleStore`](domain::ports::SaleStore) promises.

use std::collections::BTreeSet;

use domain::{
    CheckoutRefusal, Epoch, Sale, Slot, Terms, UnixMillis, Window,
    ports::{LiveUnit, LoadReply, PlaceReply, SaleSnapshot, Verdict},
    sale::SaleState,
};

use crate::{
    fixtures::{
        HOUR, MINUTE, NOW, SECOND, all_at_once, held, new_code, nth_user, open_sale, sold, unit,
        user,
    },
    live::Live,
};

/// Writes one test per promise of `SaleStore`, on the [`Live`] store that `$live` makes.
#[macro_export]
macro_rules! sale_store_contract {
    ($live:path) => {
        $crate::contract! { $live, sale_store:
            a_sale_that_was_never_loaded_is_not_served
            a_loaded_sale_is_served_as_its_snapshot_says
            a_sale_goes_by_the_clock_of_the_ledger
            a_load_is_fenced_by_an_epoch_that_is_as_new
            a_newer_load_replaces_everything
            loads_that_race_leave_the_newest
            held_and_sold_units_come_with_the_load
            a_user_goes_on_with_the_slots_the_load_leaves_them
            a_large_snapshot_is_loaded_whole
            a_sale_without_units_is_sold_out
            a_forgotten_sale_is_not_served_until_it_is_loaded_again
        }
    };
}

/// Before its first load a sale is refused as not loaded, and nothing that is asked of it fails.
pub async fn a_sale_that_was_never_loaded_is_not_served(live: Live) {
    let sale = open_sale(5, 1);
    let code = new_code(sale.id);

    assert_eq!(live.sales.status(sale.id).await.unwrap(), None);
    assert_eq!(live.ask_under(code, &user("ann")).await, PlaceReply::NotLoaded);
    assert_eq!(live.codes.due(sale.id, 10).await.unwrap(), None);
    live.settle(&sale, &[(code, Verdict::Free)]).await;
    live.sales.forget(sale.id).await.unwrap();

    assert_eq!(live.sales.status(sale.id).await.unwrap(), None);
    assert_eq!(live.find(code).await, None);
}

/// The status repeats what the snapshot said: epoch, window, terms, whether it is paused.
pub async fn a_loaded_sale_is_served_as_its_snapshot_says(live: Live) {
    let sale = Sale {
        window: Window::new(NOW + SECOND, NOW + HOUR).unwrap(),
        terms: Terms::new(1_000, 10, 86_400_000).unwrap(),
        epoch: Epoch(4_000_000_000),
        ..open_sale(0, 1)
    };
    let paused = Sale { state: SaleState::Paused, ..open_sale(7, 3) };

    assert_eq!(live.load(sale, vec![]).await, LoadReply::Loaded);
    assert_eq!(live.load(paused, vec![]).await, LoadReply::Loaded);

    let served = live.status(&sale).await;
    assert_eq!(served.epoch, sale.epoch);
    assert_eq!((served.window, served.terms), (Some(sale.window), Some(sale.terms)));
    assert_eq!([served.free, served.held, served.sold], [1_000, 0, 0]);
    assert!(!served.paused);
    assert!(live.status(&paused).await.paused);
}

/// Whatever the machine's clock says, the sale's time starts from what the ledger said.
pub async fn a_sale_goes_by_the_clock_of_the_ledger(live: Live) {
    for ledger_now in [NOW, NOW + 30 * 365 * 24 * HOUR, UnixMillis(HOUR)] {
        let window = Window::new(ledger_now, ledger_now + HOUR).unwrap();
        let sale = Sale { window, ..open_sale(5, 1) };

        let snapshot = SaleSnapshot { sale, live: vec![] };
        live.sales.load(&snapshot, ledger_now).await.unwrap();

        let passed = live.status(&sale).await.now - ledger_now;
        assert!((0..MINUTE).contains(&passed), "{passed} ms passed since the load");
        live.take(&sale, &user("ann")).await;
    }
}

/// A rebuilder that comes late, or a second one with the same epoch, changes nothing.
pub async fn a_load_is_fenced_by_an_epoch_that_is_as_new(live: Live) {
    let sale = Sale { epoch: Epoch(5), ..open_sale(5, 1) };
    live.load(sale, vec![]).await;
    let grant = live.take(&sale, &user("ann")).await;

    for epoch in [Epoch(5), Epoch(4)] {
        let late = Sale { epoch, terms: Terms::new(9, 1, MINUTE).unwrap(), ..sale };
        let fenced = LoadReply::Fenced { epoch: Epoch(5), is_served: true };
        assert_eq!(live.load(late, vec![]).await, fenced);
    }

    assert_eq!(live.status(&sale).await.epoch, Epoch(5));
    assert_eq!(live.counts(&sale).await, [4, 1, 0]);
    assert_eq!(live.find(grant.code).await, Some(grant.unit));
}

/// After a newer load nothing of the old state is left: no code, no slot, no term.
pub async fn a_newer_load_replaces_everything(live: Live) {
    let old = Sale { state: SaleState::Active, ..open_sale(5, 1) };
    let gone = held(&old, user("ann"), 1, 0, NOW + -SECOND);
    live.load(old, vec![gone.clone(), sold(&old, user("bob"), 2, 0)]).await;
    let taken = live.take(&old, &user("cid")).await;
    let new = Sale {
        epoch: Epoch(2),
        terms: Terms::new(3, 2, SECOND).unwrap(),
        window: Window::new(NOW + -SECOND, NOW + MINUTE).unwrap(),
        ..old
    };

    assert_eq!(live.load(new, vec![]).await, LoadReply::Loaded);

    let served = live.status(&new).await;
    assert_eq!(served.epoch, new.epoch);
    assert_eq!((served.window, served.terms), (Some(new.window), Some(new.terms)));
    assert_eq!(live.counts(&new).await, [3, 0, 0]);
    assert_eq!((live.find(gone.code).await, live.find(taken.code).await), (None, None));
    assert_eq!(live.due(&new, 10).await, []);
    for name in ["ann", "bob", "cid"] {
        let grant = live.take(&new, &user(name)).await;
        assert_eq!((grant.slot, grant.epoch), (Slot(0), Epoch(2)));
    }
}

/// Twenty rebuilders race; whatever the order, the newest snapshot is what is served.
pub async fn loads_that_race_leave_the_newest(live: Live) {
    let sale = open_sale(100, 1);
    let calls = (1..=20).map(|epoch| {
        let live = live.clone();
        async move {
            let sale = Sale { epoch: Epoch(epoch), ..sale };
            let number = u32::try_from(epoch).unwrap();
            let units = (1..=number).map(|n| sold(&sale, nth_user(n), n, 0)).collect();
            live.load(sale, units).await
        }
    });

    let replies = all_at_once(calls).await;

    assert!(replies.contains(&LoadReply::Loaded));
    assert_eq!(live.status(&sale).await.epoch, Epoch(20));
    assert_eq!(live.counts(&sale).await, [80, 0, 20]);
}

/// Held units are held, due when they were, and found by their codes; sold units are gone.
pub async fn held_and_sold_units_come_with_the_load(live: Live) {
    let sale = open_sale(6, 10);
    // A name with all there may be in one.
    let ann = user("A-n.n_2:x@y");
    let late = held(&sale, ann.clone(), 2, 1, NOW + -SECOND);
    let later = held(&sale, ann.clone(), 5, 0, NOW + -MINUTE);
    let on_time = held(&sale, user("bob"), 1, 0, NOW + HOUR);
    let bought = sold(&sale, user("bob"), 6, 1);

    let units = vec![late.clone(), later.clone(), on_time.clone(), bought.clone()];
    live.load(sale, units).await;

    assert_eq!(live.counts(&sale).await, [2, 3, 1]);
    for LiveUnit { code, unit, .. } in [&late, &later, &on_time] {
        assert_eq!(live.find(*code).await, Some(*unit));
    }
    assert_eq!(live.find(bought.code).await, None);
    assert_eq!(live.due(&sale, 10).await, [later.code, late.code]);
    live.settle(
        &sale,
        &[(late.code, Verdict::Free), (on_time.code, Verdict::Sold { unit: on_time.unit })],
    )
    .await;
    assert_eq!(live.counts(&sale).await, [3, 1, 2]);
    assert_eq!(live.take(&sale, &ann).await.slot, late.slot);
    let free = BTreeSet::from([2, 3, 4].map(unit));
    let left = [live.take(&sale, &ann).await.unit, live.take(&sale, &ann).await.unit];
    assert!(free.is_superset(&BTreeSet::from(left)));
    assert_eq!(live.counts(&sale).await, [0, 4, 2]);
}

/// The lowest free slot comes first, also where the load left a gap, and the limit counts
/// what was loaded.
pub async fn a_user_goes_on_with_the_slots_the_load_leaves_them(live: Live) {
    let sale = open_sale(20, 5);
    let ann = user("ann");
    let units = vec![
        sold(&sale, ann.clone(), 7, 3),
        held(&sale, ann.clone(), 3, 1, NOW + HOUR),
        sold(&sale, user("bob"), 4, 0),
    ];
    live.load(sale, units).await;

    let slots =
        [live.take(&sale, &ann).await, live.take(&sale, &ann).await, live.take(&sale, &ann).await];

    assert_eq!(slots.map(|grant| grant.slot), [0, 2, 4].map(Slot));
    let limit = CheckoutRefusal::UserLimit { limit: 5, held: 4, bought: 1 };
    assert_eq!(live.ask(&sale, &ann).await, PlaceReply::Refused(limit));
}

/// A sale in full swing: thousands of holds, sales, users and gaps at once.
pub async fn a_large_snapshot_is_loaded_whole(live: Live) {
    let sale = open_sale(20_000, 2);
    let units: Vec<_> = (1..=20_000)
        .filter(|number| number % 4 != 0)
        .map(|number| match number % 4 {
            1 => sold(&sale, nth_user(number), number, 1),
            _ => held(&sale, nth_user(number), number, 0, NOW + -HOUR + i64::from(number)),
        })
        .collect();
    let mut due: Vec<_> = units.iter().filter(|unit| unit.held_until.is_some()).collect();
    due.sort_by_key(|unit| unit.held_until);
    let due: Vec<_> = due.iter().map(|unit| unit.code).collect();

    live.load(sale, units.clone()).await;

    assert_eq!(live.counts(&sale).await, [5_000, 10_000, 5_000]);
    assert_eq!(live.due(&sale, 20_000).await, due);
    let verdicts: Vec<_> = due.iter().map(|&code| (code, Verdict::Free)).collect();
    live.settle(&sale, &verdicts).await;
    assert_eq!(live.counts(&sale).await, [15_000, 0, 5_000]);
    assert_eq!(live.take(&sale, &nth_user(1)).await.slot, Slot(0));
    assert_eq!(live.take(&sale, &nth_user(2)).await.slot, Slot(0));
}

/// A stock of nothing is sold out from the start, and for good.
pub async fn a_sale_without_units_is_sold_out(live: Live) {
    let sale = live.open(0, 1).await;

    let reply = live.ask(&sale, &user("ann")).await;

    assert_eq!(reply, PlaceReply::Refused(CheckoutRefusal::SoldOut { retry: None }));
    assert_eq!(live.counts(&sale).await, [0, 0, 0]);
}

/// Forgetting drops a sale with its codes, twice as well as once, and no other sale. A load
/// brings it back, also at the epoch it had.
pub async fn a_forgotten_sale_is_not_served_until_it_is_loaded_again(live: Live) {
    let (sale, other) = (live.open(5, 1).await, live.open(5, 1).await);
    let gone = live.take(&sale, &user("ann")).await;
    let stays = live.take(&other, &user("ann")).await;

    live.sales.forget(sale.id).await.unwrap();
    live.sales.forget(sale.id).await.unwrap();

    assert_eq!(live.sales.status(sale.id).await.unwrap(), None);
    assert_eq!(live.find(gone.code).await, None);
    assert_eq!(live.ask(&sale, &user("bob")).await, PlaceReply::NotLoaded);
    assert_eq!(live.find(stays.code).await, Some(stays.unit));
    assert_eq!(live.load(sale, vec![]).await, LoadReply::Loaded);
    assert_eq!(live.counts(&sale).await, [5, 0, 0]);
    assert_eq!(live.take(&sale, &user("ann")).await.slot, Slot(0));
}
