//! The list of sales.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    Catalog, Epoch, NewSale, NotScheduled, Origin, ProductCatalog, Sale, SaleId, Terms, Timetable,
    UnixMillis, Window,
    ports::{Calendar, Listed, RaiseReply},
    sale::SaleState,
    upkeep::Rotate,
};

use crate::{
    fixtures::{HOUR, MINUTE, SECOND, all_at_once},
    ledger::Ledger,
};

fn terms() -> Terms {
    Terms::new(10_000, 10, 5 * MINUTE).unwrap()
}

/// Every column comes back, at the millisecond.
pub async fn a_scheduled_sale_is_found_as_it_was_made(ledger: Ledger) {
    let starts_at = UnixMillis(1_795_000_000_123);
    let window = Window::new(starts_at, starts_at + 77).unwrap();
    let terms = Terms::new(1_000_000, 1_000, 1).unwrap();

    for origin in [Origin::Timetable, Origin::Operator] {
        let sale = ledger
            .register
            .schedule(NewSale::unnamed(window, terms, origin))
            .await
            .unwrap()
            .unwrap();
        let before = ledger.now().await;
        let listed = ledger.register.find(sale.id).await.unwrap().unwrap();

        let Listed { sale: found, seen_at } = listed;
        let (state, epoch) = (SaleState::Active, Epoch(0));
        assert_eq!(
            sale,
            Sale {
                id: sale.id,
                window,
                terms,
                origin,
                product: None,
                state,
                epoch,
                salt: sale.salt
            }
        );
        assert_eq!(found, sale);
        assert!((before..=ledger.now().await).contains(&seen_at));
    }
}

/// What is asked of a sale that never was finds nothing and changes nothing.
pub async fn an_unknown_sale_is_nowhere(ledger: Ledger) {
    let known = ledger.schedule(terms()).await;
    let unknown = SaleId::try_from(known.id.get() + 1).unwrap();

    assert_eq!(ledger.register.find(unknown).await.unwrap(), None);
    assert_eq!(ledger.register.tally(unknown).await.unwrap(), None);
    assert_eq!(ledger.register.raise_epoch(unknown, None).await.unwrap(), RaiseReply::Closed);
    assert!(!ledger.register.close(unknown).await.unwrap());
    assert_eq!(ledger.register.page(None, 10).await.unwrap(), [known]);
}

/// One sale of the timetable at a time, but the next may start the moment one ends.
pub async fn windows_of_the_timetable_may_touch_but_not_overlap(ledger: Ledger) {
    let noon = UnixMillis(1_795_000_000_000);
    let window = |from: i64, to: i64| Window::new(noon + from, noon + to).unwrap();
    ledger
        .register
        .schedule(NewSale::unnamed(window(0, HOUR), terms(), Origin::Timetable))
        .await
        .unwrap()
        .unwrap();

    let overlapping = [(0, HOUR), (-1, 1), (HOUR - 1, 2 * HOUR), (1, 2), (-HOUR, 2 * HOUR)];
    for (from, to) in overlapping {
        let sale = ledger
            .register
            .schedule(NewSale::unnamed(window(from, to), terms(), Origin::Timetable))
            .await
            .unwrap();
        assert_eq!(sale, Err(NotScheduled::Overlaps), "from {from} to {to}");
    }

    for (from, to) in [(HOUR, 2 * HOUR), (-HOUR, 0)] {
        assert!(
            ledger
                .register
                .schedule(NewSale::unnamed(window(from, to), terms(), Origin::Timetable))
                .await
                .unwrap()
                .is_ok()
        );
    }
}

/// What an operator sells is beside whatever there is, another of theirs with the same start too,
/// and whatever comes; the timetable keeps apart from its own sales alone.
pub async fn a_sale_of_an_operator_may_overlap_any(ledger: Ledger) {
    let noon = UnixMillis(1_795_000_000_000);
    let window = |from: i64, to: i64| Window::new(noon + from, noon + to).unwrap();
    let schedule = async |window, origin| {
        ledger.register.schedule(NewSale::unnamed(window, terms(), origin)).await.unwrap()
    };
    let mut made = vec![schedule(window(0, HOUR), Origin::Timetable).await.unwrap()];

    for (from, to) in [(0, HOUR), (0, HOUR), (0, 1), (-1, 1), (HOUR - 1, 9 * HOUR)] {
        made.push(schedule(window(from, to), Origin::Operator).await.unwrap());
    }
    made.push(schedule(window(HOUR, 2 * HOUR), Origin::Timetable).await.unwrap());

    assert_eq!(
        schedule(window(HOUR - 1, HOUR), Origin::Timetable).await,
        Err(NotScheduled::Overlaps)
    );
    assert_eq!(
        schedule(window(HOUR, 2 * HOUR), Origin::Timetable).await,
        Err(NotScheduled::Overlaps)
    );
    made.sort_by_key(|sale| (sale.window.starts_at(), sale.id));
    assert_eq!(ledger.register.calendar().await.unwrap().sales, made);
}

/// Ten processes want the same hour for the timetable: one gets it, the others hear that it is taken.
pub async fn of_ten_that_schedule_at_once_one_wins(ledger: Ledger) {
    let starts_at = UnixMillis(1_795_000_000_000);
    let calls = (0..10).map(|number| {
        let ledger = ledger.clone();
        let window = Window::new(starts_at + number, starts_at + HOUR).unwrap();
        async move {
            ledger
                .register
                .schedule(NewSale::unnamed(window, terms(), Origin::Timetable))
                .await
                .unwrap()
        }
    });

    let made: Vec<_> = all_at_once(calls).await.into_iter().flatten().collect();

    assert_eq!(made.len(), 1);
    assert_eq!(ledger.register.page(None, 10).await.unwrap(), made);
}

/// A sale that is over and closed still had its time: nobody else gets it.
pub async fn a_closed_sale_keeps_its_window(ledger: Ledger) {
    let ends_at = ledger.now().await;
    let window = Window::new(ends_at + -HOUR, ends_at).unwrap();
    let over = ledger
        .register
        .schedule(NewSale::unnamed(window, terms(), Origin::Timetable))
        .await
        .unwrap()
        .unwrap();
    assert!(ledger.register.close(over.id).await.unwrap());

    let again = NewSale::unnamed(window, terms(), Origin::Timetable);
    let again = ledger.register.schedule(again).await.unwrap();
    assert_eq!(again, Err(NotScheduled::Overlaps));
}

/// A process's rotation of slots of `period_ms`, and what it knows of the sales.
fn rotation(ledger: &Ledger, period_ms: i64) -> (Rotate, Arc<Catalog>) {
    let products = Arc::new(ProductCatalog::new(ledger.products.clone()));
    let catalog = Arc::new(Catalog::new(ledger.register.clone(), products));
    let timetable = Timetable::new(period_ms, terms()).unwrap();
    (Rotate::new(ledger.register.clone(), catalog.clone(), timetable), catalog)
}

/// The slot that is on gets its sale at once, and every one that starts within the lead;
/// slots are counted from midnight UTC and follow each other without a gap.
pub async fn the_timetable_is_filled_from_the_current_slot_on(ledger: Ledger) {
    let (rotate, _) = rotation(&ledger, 15 * MINUTE);

    let before = ledger.now().await;
    let made = rotate.run().await.unwrap();
    let after = ledger.now().await;

    let [first, second] = made[..] else { panic!("two slots: {made:?}") };
    assert!(first.window.starts_at() <= after && before < first.window.ends_at());
    assert_eq!(second.window.starts_at(), first.window.ends_at());
    for sale in made {
        let starts_at = sale.window.starts_at();
        assert_eq!(starts_at.0 % (15 * MINUTE), 0);
        assert_eq!(sale.window.ends_at() - starts_at, 15 * MINUTE);
        let made = (sale.terms, sale.state, sale.epoch);
        assert_eq!(made, (terms(), SaleState::Active, Epoch(0)));
    }
}

/// Schedulers look at the timetable every second, for years, and may ask for what is taken.
pub async fn a_window_that_is_taken_uses_no_number(ledger: Ledger) {
    // A slot of a day, so that the next is not reached while the case runs; but for midnight.
    let (rotate, _) = rotation(&ledger, 24 * HOUR);
    let mut made = rotate.run().await.unwrap();
    let taken = made[0].window;

    for _ in 0..20 {
        made.extend(
            ledger
                .register
                .schedule(NewSale::unnamed(taken, terms(), Origin::Timetable))
                .await
                .unwrap(),
        );
        made.extend(rotate.run().await.unwrap());
    }

    let after = made.last().unwrap().window.ends_at();
    let window = Window::new(after, after + HOUR).unwrap();
    made.extend(
        ledger
            .register
            .schedule(NewSale::unnamed(window, terms(), Origin::Timetable))
            .await
            .unwrap(),
    );
    let numbers: Vec<_> = made.iter().map(|sale| sale.id.get()).collect();
    let in_a_row: Vec<_> = (numbers[0]..).take(made.len()).collect();
    assert_eq!(numbers, in_a_row);
    assert!(made.len() <= 4, "{made:?}");
}

/// Ten processes race for every slot: each has one sale, made by one of them and known to all.
pub async fn ten_that_fill_the_timetable_at_once_make_each_slot_once(ledger: Ledger) {
    let calls = (0..10).map(|_| {
        let (rotate, catalog) = rotation(&ledger, SECOND);
        async move { (rotate.run().await.unwrap(), catalog.calendar().sales.clone()) }
    });

    let (made, known): (Vec<_>, Vec<_>) = all_at_once(calls).await.into_iter().unzip();

    let mut made = made.concat();
    made.sort_by_key(|sale| sale.window.starts_at());
    assert!(made.len() >= 6, "{} sales", made.len());
    assert!(made.windows(2).all(|pair| pair[0].window.ends_at() == pair[1].window.starts_at()));
    assert_eq!(made.iter().map(|sale| sale.id).collect::<BTreeSet<_>>().len(), made.len());
    assert_eq!(ledger.register.calendar().await.unwrap().sales, made);
    for known in known {
        assert!(known.len() >= 6, "a process knows of {} sales", known.len());
    }
}

/// A sale that an earlier timetable made, of whatever period, is left alone, and the slots it
/// touches get no other; one that an operator made keeps no slot.
pub async fn a_slot_that_overlaps_a_sale_of_the_timetable_keeps_what_it_has(ledger: Ledger) {
    let slot = ledger.now().await.0 / SECOND + 3;
    let starts_at = UnixMillis(slot * SECOND) + SECOND / 10;
    let window = Window::new(starts_at, starts_at + SECOND).unwrap();
    let before =
        ledger.register.schedule(NewSale::unnamed(window, terms(), Origin::Timetable)).await;
    let before = before.unwrap().unwrap();
    let everywhere = Window::new(UnixMillis(0), starts_at + HOUR).unwrap();
    ledger
        .register
        .schedule(NewSale::unnamed(everywhere, terms(), Origin::Operator))
        .await
        .unwrap()
        .unwrap();

    let made = rotation(&ledger, SECOND).0.run().await.unwrap();

    assert!(!made.iter().any(|sale| sale.window.overlaps(window)), "{made:?}");
    let ends_before = UnixMillis(slot * SECOND);
    let starts_after = ends_before + 2 * SECOND;
    assert!(made.iter().any(|sale| sale.window.ends_at() == ends_before));
    assert!(made.iter().any(|sale| sale.window.starts_at() == starts_after));
    assert_eq!(ledger.register.find(before.id).await.unwrap().unwrap().sale, before);
}

/// Pages go from the newest number to the oldest, without a gap and without an overlap.
pub async fn a_page_has_the_newest_first_and_no_more_than_asked(ledger: Ledger) {
    assert_eq!(ledger.register.page(None, 5).await.unwrap(), []);
    let mut sales = Vec::new();
    for _ in 0..5 {
        sales.push(ledger.schedule(terms()).await);
    }
    sales.reverse();

    let first = ledger.register.page(None, 2).await.unwrap();
    let second = ledger.register.page(Some(first[1].id), 2).await.unwrap();
    let third = ledger.register.page(Some(second[1].id), 2).await.unwrap();

    assert_eq!([first, second, third].concat(), sales);
    assert_eq!(ledger.register.page(Some(sales[4].id), 2).await.unwrap(), []);
    assert_eq!(ledger.register.page(None, 0).await.unwrap(), []);
}

/// Sales that need a live store, whether to come, on or over, in the order they are on; and
/// those just closed, which the live store may forget.
pub async fn the_calendar_has_what_is_not_closed_by_its_start(ledger: Ledger) {
    let now = ledger.now().await;
    let mut sales = Vec::new();
    for hours in [3, 1, -5, -3, 0] {
        let starts_at = now + hours * HOUR;
        let window = Window::new(starts_at, starts_at + HOUR).unwrap();
        sales.push(
            ledger
                .register
                .schedule(NewSale::unnamed(window, terms(), Origin::Timetable))
                .await
                .unwrap()
                .unwrap(),
        );
    }
    let (closed, paused) = (sales.remove(2), sales[0]);
    assert!(ledger.register.close(closed.id).await.unwrap());
    ledger.set_paused(&paused, true).await;
    sales[0].state = SaleState::Paused;

    let Calendar { now: seen_at, sales: listed, just_closed } =
        ledger.register.calendar().await.unwrap();

    sales.sort_by_key(|sale| sale.window.starts_at());
    assert_eq!(listed, sales);
    assert_eq!(just_closed, [closed.id]);
    assert!((now..=ledger.now().await).contains(&seen_at));
}
