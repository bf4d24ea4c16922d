//! Sales that operators change, stop and end.

use std::collections::BTreeSet;

use domain::{
    Epoch, NewSale, Origin, Sale, Terms, UnixMillis, Window,
    operator::{Acted, Action, Beside, Changed, Noted, Order, Refused, SaleSeen, Seen},
    ports::{ActReply, CodeRecord, LiveEpoch, Recorded, SaleSnapshot, TrailPage},
    sale::SaleState,
};

use super::{ALL, changed, order, stock};
use crate::{
    fixtures::{HOUR, MINUTE, all_at_once, nth_user, unit, until, user},
    ledger::{Ledger, grant},
};

/// Every column of the sale is as it was asked, and the snapshot is of the new epoch.
pub async fn a_change_raises_the_epoch_and_says_what_is_live(ledger: Ledger) {
    let sale = ledger.on(3, 1).await;
    let held = ledger.hold(&sale, &user("ann"), 1, 0).await;
    let sold = ledger.hold(&sale, &user("bob"), 3, 0).await;
    ledger.sell(sold).await;
    let ends_at = sale.window.ends_at() + HOUR;
    let order = changed(
        sale.id,
        Changed {
            ends_at: Some(ends_at),
            stock: Some(5),
            per_user_limit: Some(2),
            ..Changed::default()
        },
    );

    let SaleSnapshot { sale: changed, live } = ledger.change(&order).await;

    let window = Window::new(sale.window.starts_at(), ends_at).unwrap();
    let terms = Terms::new(5, 2, sale.terms.hold_ms()).unwrap();
    assert_eq!(changed, Sale { window, terms, epoch: Epoch(2), ..sale });
    assert_eq!(ledger.sale(sale.id).await, changed);
    let live: BTreeSet<_> = live.iter().map(|it| (it.code, it.held_until.is_some())).collect();
    assert_eq!(live, BTreeSet::from([(held.code, true), (sold.code, false)]));
    // What is granted now goes by the new terms, and what was granted before is too late.
    let late = ledger.record_grant(&sale, &user("cid"), grant(&sale, 2, 0)).await;
    assert_eq!(late, Recorded::Stale);
    let new = ledger.record_grant(&changed, &user("ann"), grant(&changed, 5, 1)).await;
    assert!(matches!(new, Recorded::Hold(_)), "{new:?}");
    let record = ledger.operator.action(order.id).await.unwrap().unwrap();
    assert_eq!(record.before, Some(Seen::Sale(SaleSeen::of(&sale))));
    assert_eq!(record.outcome, Acted::Done(Seen::Sale(SaleSeen::of(&changed))));
}

/// Until it opens a sale is as its operator says: when that is, and for how long a hold lasts.
pub async fn a_start_and_the_length_of_holds_are_moved_until_a_sale_opens(ledger: Ledger) {
    let now = ledger.now().await;
    let window = Window::new(now + HOUR, now + 2 * HOUR).unwrap();
    let terms = Terms::new(3, 1, 5 * MINUTE).unwrap();
    let made = order(Action::ScheduleSale { window, terms, product: None });
    let sale = ledger.acted(&made).await.sale.unwrap();
    let sale = ledger.sale(sale).await;
    let moved = |starts_at, hold_ms| {
        let (starts_at, hold_ms) = (Some(starts_at), Some(hold_ms));
        changed(sale.id, Changed { starts_at, hold_ms, ..Changed::default() })
    };

    // Later, and then earlier, so that it is on.
    for (epoch, starts_at, hold_ms) in
        [(1, window.starts_at() + MINUTE, MINUTE), (2, now, 2 * MINUTE)]
    {
        let SaleSnapshot { sale: changed, live } = ledger.change(&moved(starts_at, hold_ms)).await;

        let window = Window::new(starts_at, window.ends_at()).unwrap();
        let terms = Terms::new(3, 1, hold_ms).unwrap();
        assert_eq!(changed, Sale { window, terms, epoch: Epoch(epoch), ..sale });
        assert_eq!((ledger.sale(sale.id).await, live), (changed, Vec::new()));
    }
    let is = ledger.sale(sale.id).await;
    let before = ledger.now().await;
    let grant = grant(&is, 1, 0);
    let recorded = ledger.record_grant(&is, &user("ann"), grant).await;
    let Recorded::Hold(hold) = recorded else { panic!("{recorded:?}") };
    assert!(hold.expires_at >= before + 2 * MINUTE, "{hold:?}");
    assert!(hold.expires_at <= ledger.now().await + 2 * MINUTE, "{hold:?}");
    let too_late = Refused::AlreadyOpen { field: "starts_at" };
    assert_eq!(ledger.refused(&moved(window.starts_at(), 2 * MINUTE)).await, too_late);
    let too_late = Refused::AlreadyOpen { field: "hold_ms" };
    assert_eq!(ledger.refused(&moved(now, MINUTE)).await, too_late);
}

/// Whatever the order in which they come: what is not in the snapshot is not recorded.
pub async fn a_grant_beside_a_change_is_in_its_snapshot_or_never_recorded(ledger: Ledger) {
    let sale = ledger.on(40, 1).await;
    let grants: Vec<_> = (1..=40).map(|number| (number, grant(&sale, number, 0))).collect();
    let records = grants.iter().map(|&(number, grant)| {
        let ledger = ledger.clone();
        async move {
            let recorded = ledger.record_grant(&sale, &nth_user(number), grant).await;
            matches!(recorded, Recorded::Hold(_)).then_some(grant.code)
        }
    });

    let changing = {
        let (ledger, order) = (ledger.clone(), stock(&sale, 50));
        async move { ledger.change(&order).await }
    };
    let (recorded, snapshot) = tokio::join!(all_at_once(records), changing);

    let recorded: BTreeSet<_> = recorded.into_iter().flatten().collect();
    let live: BTreeSet<_> = snapshot.live.iter().map(|unit| unit.code).collect();
    assert_eq!(live, recorded);
}

/// From the moment it is answered nothing is granted, whoever has not heard of it.
pub async fn a_pause_stops_what_was_granted_before_it(ledger: Ledger) {
    let sale = ledger.on(3, 1).await;
    let held = ledger.hold(&sale, &user("ann"), 1, 0).await;
    let on_its_way = grant(&sale, 2, 0);

    let paused = ledger.change(&order(Action::PauseSale(sale.id))).await.sale;

    assert_eq!((paused.state, paused.epoch), (SaleState::Paused, Epoch(2)));
    assert_eq!(ledger.record_grant(&sale, &user("bob"), on_its_way).await, Recorded::Stale);
    ledger.sell(held).await;
    let resumed = ledger.change(&order(Action::ResumeSale(sale.id))).await.sale;
    assert_eq!((resumed.state, resumed.epoch), (SaleState::Active, Epoch(3)));
}

/// They cannot know whether the live store serves the epoch that would be the next.
pub async fn a_pause_by_whoever_is_blind_raises_no_epoch(ledger: Ledger) {
    let sale = ledger.on(3, 1).await;
    let beside = Beside { is_blind: true, ..Beside::default() };
    let order = order(Action::PauseSale(sale.id));

    let reply = ledger.operator.act(&order, &beside).await.unwrap();

    let ActReply::Now { record, snapshot: None } = reply else { panic!("{reply:?}") };
    let paused = Sale { state: SaleState::Paused, ..sale };
    assert_eq!(record.outcome, Acted::Done(Seen::Sale(SaleSeen::of(&paused))));
    assert_eq!(ledger.sale(sale.id).await, paused);
}

/// The live store has not heard of it and goes on granting, at the epoch that stands; what was promised is kept.
pub async fn a_sale_that_was_stopped_blindly_takes_no_grant_of_its_epoch(ledger: Ledger) {
    let beside = Beside { is_blind: true, ..Beside::default() };
    for stop in [Action::PauseSale, Action::EndSale] {
        let sale = ledger.on(3, 3).await;
        let held = ledger.hold(&sale, &user("ann"), 1, 0).await;

        let stopped = ledger.operator.act(&order(stop(sale.id)), &beside).await.unwrap();

        assert!(matches!(stopped, ActReply::Now { snapshot: None, .. }), "{stopped:?}");
        assert_eq!(ledger.sale(sale.id).await.epoch, sale.epoch);
        let late = grant(&sale, 2, 1);
        assert_eq!(ledger.record_grant(&sale, &user("ann"), late).await, Recorded::Stale);
        assert_eq!(ledger.find(late.code).await, CodeRecord::Unknown);
        let again = ledger.record_grant(&sale, &user("ann"), held).await;
        assert!(matches!(again, Recorded::Hold(_)), "{again:?}");
        ledger.sell(held).await;
    }
}

/// Every grant of the epoch before is refused, and what is granted at the new one is taken.
pub async fn a_sale_that_was_paused_blindly_goes_on_at_another_epoch(ledger: Ledger) {
    let sale = ledger.on(3, 3).await;
    let beside = Beside { is_blind: true, ..Beside::default() };
    ledger.operator.act(&order(Action::PauseSale(sale.id)), &beside).await.unwrap();
    let late = grant(&sale, 1, 0);

    let resumed = ledger.change(&order(Action::ResumeSale(sale.id))).await.sale;

    assert_eq!(ledger.record_grant(&sale, &user("ann"), late).await, Recorded::Stale);
    ledger.hold(&resumed, &user("ann"), 1, 0).await;
}

/// It is done, and kept, and disturbs nobody.
pub async fn a_change_that_changes_nothing_raises_nothing(ledger: Ledger) {
    let sale = ledger.on(3, 1).await;

    for order in [stock(&sale, 3), order(Action::ResumeSale(sale.id))] {
        let ActReply::Now { record, snapshot: None } = ledger.act(&order).await else {
            panic!("nothing is to be loaded")
        };
        assert_eq!(record.outcome, Acted::Done(Seen::Sale(SaleSeen::of(&sale))));
    }

    assert_eq!(ledger.sale(sale.id).await, sale);
}

/// What is on hold and sold stays within the stock; what ended does not count.
pub async fn the_stock_is_lowered_to_the_highest_live_unit_and_no_further(ledger: Ledger) {
    let sale = ledger.on(10, 10).await;
    let sold = ledger.hold(&sale, &user("ann"), 5, 0).await;
    ledger.sell(sold).await;
    let held = ledger.hold(&sale, &user("ann"), 7, 1).await;
    let ended = ledger.hold(&sale, &user("ann"), 9, 2).await;
    ledger.release(ended.code).await;

    assert_eq!(ledger.refused(&stock(&sale, 6)).await, Refused::StockInUse { highest: unit(7) });
    let lowered = ledger.change(&stock(&sale, 7)).await.sale;
    assert_eq!(lowered.terms.stock(), 7);
    ledger.release(held.code).await;
    assert_eq!(ledger.refused(&stock(&sale, 4)).await, Refused::StockInUse { highest: unit(5) });
    let lowered = ledger.change(&stock(&sale, 5)).await.sale;
    assert_eq!((lowered.terms.stock(), lowered.epoch), (5, Epoch(3)));
}

/// All looked at the sale before anybody changed it: one does, and the others are told who and how.
pub async fn of_ten_who_saw_the_same_one_changes_it(ledger: Ledger) {
    let sale = ledger.on(10, 1).await;
    let page = TrailPage { sale: Some(sale.id), changes_only: true, limit: 1, ..ALL };
    let seen = ledger.trail(page).await[0].number;
    let acts = (0..10).map(|number| {
        let order = Order { if_at: Some(seen), ..stock(&sale, 20 + number) };
        let ledger = ledger.clone();
        async move { ledger.acted(&order).await }
    });

    let records = all_at_once(acts).await;

    let (done, refused): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| matches!(record.outcome, Acted::Done(_)));
    let [done] = &done[..] else { panic!("one is done: {done:?}") };
    for record in refused {
        let told = Refused::ChangedSince(Some(Noted::of(done)));
        assert_eq!(record.outcome, Acted::Refused(told));
    }
    assert_eq!(ledger.sale(sale.id).await.epoch, Epoch(2));
}

/// No more is granted, and what was promised is kept.
pub async fn a_sale_that_is_ended_keeps_its_holds_and_is_closed_after_them(ledger: Ledger) {
    let sale = ledger.on(10, 10).await;
    let held = ledger.hold(&sale, &user("ann"), 1, 0).await;

    let ended = ledger.change(&order(Action::EndSale(sale.id))).await.sale;

    let now = ledger.now().await;
    assert!(ended.window.ends_at() <= now && ended.window.starts_at() == sale.window.starts_at());
    assert!(!ledger.register.close(sale.id).await.unwrap());
    ledger.sell(held).await;
    until(&*ledger.clock, async || ledger.register.close(sale.id).await.unwrap().then_some(()))
        .await;
    let refused = ledger.refused(&order(Action::ResumeSale(sale.id))).await;
    assert_eq!(refused, Refused::SaleEnded { ended_at: ended.window.ends_at() });
}

/// They keep apart, whoever moves them.
pub async fn a_sale_of_the_timetable_is_not_moved_onto_another(ledger: Ledger) {
    let noon = UnixMillis(ledger.now().await.0 / HOUR * HOUR + 10 * HOUR);
    let terms = Terms::new(5, 2, MINUTE).unwrap();
    let window = |from: i64, to: i64| Window::new(noon + from, noon + to).unwrap();
    let mut made = Vec::new();
    for (from, to) in [(0, HOUR / 2), (HOUR, 2 * HOUR)] {
        let sale = NewSale::unnamed(window(from, to), terms, Origin::Timetable);
        let sale = ledger.register.schedule(sale).await;
        made.push(sale.unwrap().unwrap());
    }
    let timetable = domain::Timetable::new(2 * HOUR, terms).unwrap();
    let beside = Beside { timetable: Some(timetable), ..Beside::default() };
    let move_end = async |to: i64| {
        let ends_at = Some(noon + to);
        let order = changed(made[0].id, Changed { ends_at, ..Changed::default() });
        match ledger.operator.act(&order, &beside).await.unwrap() {
            ActReply::Now { record, .. } => record.outcome,
            other @ ActReply::Before(_) => panic!("{other:?}"),
        }
    };

    let slot_end = timetable.slot_of(noon).unwrap().ends_at().min(noon + HOUR);
    let Acted::Refused(Refused::OutsideItsSlot { to, .. }) = move_end(HOUR + 1).await else {
        panic!("it reaches into another")
    };
    assert_eq!(to, slot_end);
    assert!(matches!(move_end(HOUR).await, Acted::Done(_)));
    let moved = Sale { window: window(0, HOUR), epoch: Epoch(1), ..made[0] };
    assert_eq!(ledger.sale(moved.id).await, moved);
}

/// A live store that knows better was there before the copy that was restored.
pub async fn a_ledger_that_lost_data_changes_nothing(ledger: Ledger) {
    let sale = ledger.on(10, 10).await;
    let beside = Beside { live: Some(LiveEpoch::Served(Epoch(2))), ..Beside::default() };
    let order = order(Action::PauseSale(sale.id));

    let reply = ledger.operator.act(&order, &beside).await.unwrap();

    let ActReply::Now { record, snapshot: None } = reply else { panic!("{reply:?}") };
    assert_eq!(record.outcome, Acted::Refused(Refused::LedgerBehind { epoch: Epoch(1) }));
    assert_eq!(ledger.sale(sale.id).await, sale);
}
