//! What an [`Operator`](domain::ports::Operator) promises.

mod cancelling;

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

use domain::{
    Epoch, NewSale, Origin, ProductId, Sale, SaleId, Sku, Terms, UnixMillis, Window,
    operator::{
        Acted, Action, ActionId, ActionRecord, Beside, Change, Changed, HoldSeen, Noted, Order,
        Refused, SaleSeen, Seen,
    },
    ports::{ActReply, CodeRecord, LiveEpoch, Recorded, SaleSnapshot, TrailPage},
    product::{Image, Picture, Price, Product, ProductChange},
    sale::SaleState,
};

use crate::{
    fixtures::{HOUR, MINUTE, all_at_once, code_of_no_sale, nth_user, unit, until, user},
    ledger::{Ledger, grant},
};

pub use cancelling::*;

/// Writes one test per promise of `Operator`, on the [`Ledger`](crate::Ledger) that `$ledger` makes.
#[macro_export]
macro_rules! operator_contract {
    ($ledger:path) => {
        $crate::contract! { $ledger, operator:
            a_sale_that_is_ordered_twice_is_made_once
            a_sale_is_ordered_of_a_product_that_is_in_use
            a_change_raises_the_epoch_and_says_what_is_live
            a_grant_beside_a_change_is_in_its_snapshot_or_never_recorded
            a_pause_stops_what_was_granted_before_it
            a_pause_by_whoever_is_blind_raises_no_epoch
            a_sale_that_was_stopped_blindly_takes_no_grant_of_its_epoch
            a_sale_that_was_paused_blindly_goes_on_at_another_epoch
            a_change_that_changes_nothing_raises_nothing
            the_stock_is_lowered_to_the_highest_live_unit_and_no_further
            a_refusal_is_kept_and_answered_again
            an_id_is_of_one_order
            of_ten_that_give_one_order_at_once_one_acts
            of_ten_who_saw_the_same_one_changes_it
            a_hold_is_given_back_once
            a_sale_that_is_ended_keeps_its_holds_and_is_closed_after_them
            a_sale_of_the_timetable_is_not_moved_onto_another
            a_ledger_that_lost_data_changes_nothing
            what_is_not_there_is_refused_and_kept
            the_trail_has_the_newest_first
            a_product_that_is_put_is_in_the_trail_as_it_was_and_as_it_is
            a_product_that_is_ordered_twice_is_made_once
            a_product_that_is_archived_is_in_the_trail_as_long_as_it_was_in_use
            what_cannot_be_done_to_a_product_is_refused_and_kept
            of_ten_that_order_one_product_at_once_it_is_made_by_one
            a_cancelled_purchase_keeps_its_receipt_and_says_why
            a_cancelled_code_is_good_for_nothing_more
            the_unit_and_the_slot_of_a_cancelled_purchase_are_free_again
            a_cancellation_raises_the_epoch_and_keeps_no_rebuild_waiting
            of_ten_that_cancel_one_purchase_at_once_one_does
            of_many_purchases_that_are_cancelled_at_once_each_is_free_in_the_next_snapshot
            a_purchase_of_a_closed_sale_is_cancelled_and_nothing_goes_back_on_sale
            what_is_no_purchase_and_what_has_no_reason_is_not_cancelled
        }
    };
}

/// A name that no order had.
fn new_id() -> ActionId {
    static LAST: AtomicU64 = AtomicU64::new(0);
    ActionId::drawn(u128::from(LAST.fetch_add(1, Ordering::Relaxed) + 1))
}

/// An order that is given for the first time.
pub(crate) fn order(action: Action) -> Order {
    let (by, why) = ("ann".parse().unwrap(), Some("because".parse().unwrap()));
    Order { id: new_id(), by, why, request_id: None, action, if_at: None }
}

fn changed(sale: SaleId, changed: Changed) -> Order {
    order(Action::ChangeSale { sale, change: Change::new(changed).unwrap() })
}

fn stock(sale: &Sale, stock: u32) -> Order {
    changed(sale.id, Changed { stock: Some(stock), ..Changed::default() })
}

impl Ledger {
    async fn act(&self, order: &Order) -> ActReply {
        self.operator.act(order, &Beside::default()).await.unwrap()
    }

    /// Acts, and returns the row that this wrote.
    async fn acted(&self, order: &Order) -> ActionRecord {
        match self.act(order).await {
            ActReply::Now { record, .. } => record,
            other @ ActReply::Before(_) => panic!("it is new: {other:?}"),
        }
    }

    /// Why an order is refused.
    async fn refused(&self, order: &Order) -> Refused {
        match self.acted(order).await.outcome {
            Acted::Refused(refused) => refused,
            other @ Acted::Done(_) => panic!("it is refused: {other:?}"),
        }
    }

    /// Changes a sale, and returns the snapshot of its new epoch.
    async fn change(&self, order: &Order) -> SaleSnapshot {
        match self.act(order).await {
            ActReply::Now { snapshot: Some(snapshot), .. } => snapshot,
            other => panic!("it raises the epoch: {other:?}"),
        }
    }

    /// A sale of an operator that is on, at epoch 1.
    pub(crate) async fn on(&self, stock: u32, per_user_limit: u16) -> Sale {
        let now = self.now().await;
        let window = Window::new(now + -HOUR, now + HOUR).unwrap();
        let terms = Terms::new(stock, per_user_limit, 5 * MINUTE).unwrap();
        let made = self.acted(&order(Action::ScheduleSale { window, terms, product: None })).await;
        let listed = self.register.find(made.sale.unwrap()).await.unwrap().unwrap();
        self.raise(&listed.sale).await.sale
    }

    /// Makes a product, or its next version.
    pub(crate) async fn put(&self, to: ProductChange) -> Result<Product, Refused> {
        product_of(self.acted(&order(Action::PutProduct(to))).await)
    }

    /// Archives a product.
    pub(crate) async fn archive(&self, sku: Sku) -> Result<Product, Refused> {
        product_of(self.acted(&order(Action::ArchiveProduct(sku))).await)
    }

    pub(crate) async fn sale(&self, sale: SaleId) -> Sale {
        self.register.find(sale).await.unwrap().unwrap().sale
    }

    async fn trail(&self, page: TrailPage) -> Vec<ActionRecord> {
        self.operator.trail(page).await.unwrap()
    }
}

/// The product as it is after an order.
fn product_of(record: ActionRecord) -> Result<Product, Refused> {
    match record.outcome {
        Acted::Done(Seen::Product(product)) => Ok(product),
        Acted::Refused(refused) => Err(refused),
        other @ Acted::Done(_) => panic!("it is of a product: {other:?}"),
    }
}

/// A product of which nothing is said but its name.
fn named(key: &str, name: &str) -> ProductChange {
    let (sku, name) = (key.parse().unwrap(), name.parse().unwrap());
    ProductChange { sku, name, price: None, metadata: None, image: None }
}

/// A picture that the ledger has not.
fn picture(number: u8) -> Image {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0".to_vec();
    file.push(number);
    Image::new(file).unwrap()
}

const ALL: TrailPage = TrailPage { sale: None, before: None, changes_only: false, limit: 100 };

/// A client whose answer got lost says the same again, and hears which sale it made.
pub async fn a_sale_that_is_ordered_twice_is_made_once(ledger: Ledger) {
    let starts_at = ledger.now().await + HOUR;
    let window = Window::new(starts_at, starts_at + 7).unwrap();
    let terms = Terms::new(5, 2, MINUTE).unwrap();
    let order = order(Action::ScheduleSale { window, terms, product: None });

    let before = ledger.now().await;
    let first = ledger.acted(&order).await;
    let again = ledger.act(&order).await;

    let sale = ledger.sale(first.sale.unwrap()).await;
    let is = (sale.window, sale.terms, sale.origin, sale.state, sale.epoch);
    assert_eq!(is, (window, terms, Origin::Operator, SaleState::Active, Epoch(0)));
    assert_eq!(first.outcome, Acted::Done(Seen::Sale(SaleSeen::of(&sale))));
    assert_eq!((&first.order, &first.before), (&order, &None));
    assert!((before..=ledger.now().await).contains(&first.acted_at));
    assert_eq!(again, ActReply::Before(first.clone()));
    assert_eq!(ledger.register.page(None, 10).await.unwrap(), [sale]);
    assert_eq!(ledger.operator.action(order.id).await.unwrap(), Some(first));
}

/// The trail says of which; a sale of any other is not made, and that is kept.
pub async fn a_sale_is_ordered_of_a_product_that_is_in_use(ledger: Ledger) {
    let lamp = ledger.put(named("lamp", "Lamp")).await.unwrap().version.product;
    let fox = ledger.put(named("fox", "Fox")).await.unwrap().version.product;
    let starts_at = ledger.now().await + HOUR;
    let window = Window::new(starts_at, starts_at + 7).unwrap();
    let terms = Terms::new(5, 2, MINUTE).unwrap();
    let of = |product| order(Action::ScheduleSale { window, terms, product: Some(product) });
    let first = of(lamp);

    let made = ledger.acted(&first).await;

    let sale = ledger.sale(made.sale.unwrap()).await;
    assert_eq!((sale.product, sale.origin), (Some(lamp), Origin::Operator));
    assert_eq!(made.product, Some(lamp));
    assert_eq!(ledger.operator.action(first.id).await.unwrap(), Some(made));
    assert_eq!(ledger.act(&first).await, ActReply::Before(ledger.trail(ALL).await.remove(0)));
    ledger.archive("fox".parse().unwrap()).await.unwrap();
    let unknown = ProductId::try_from(77).unwrap();
    for (product, why) in [(fox, Refused::ProductArchived), (unknown, Refused::NoSuchProduct)] {
        let order = of(product);
        assert_eq!(ledger.refused(&order).await, why);
        let kept = ledger.operator.action(order.id).await.unwrap().unwrap();
        assert_eq!((kept.order, kept.sale), (order, None));
    }
    assert_eq!(ledger.register.page(None, 10).await.unwrap(), [sale]);
}

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

/// Somebody was told no: it stays no, although nothing stands in the way any more.
pub async fn a_refusal_is_kept_and_answered_again(ledger: Ledger) {
    let sale = ledger.on(10, 10).await;
    let held = ledger.hold(&sale, &user("ann"), 7, 0).await;
    let order = stock(&sale, 6);
    let first = ledger.acted(&order).await;
    ledger.release(held.code).await;

    let again = ledger.act(&order).await;

    assert_eq!(first.outcome, Acted::Refused(Refused::StockInUse { highest: unit(7) }));
    assert_eq!(first.before, Some(Seen::Sale(SaleSeen::of(&sale))));
    assert_eq!(again, ActReply::Before(first));
    assert_eq!(ledger.sale(sale.id).await, sale);
}

/// The second is shown what the id stands for, and nothing is done.
pub async fn an_id_is_of_one_order(ledger: Ledger) {
    let sale = ledger.on(10, 10).await;
    let pause = order(Action::PauseSale(sale.id));
    let first = ledger.acted(&pause).await;

    let end = Order { action: Action::EndSale(sale.id), ..pause };

    assert_eq!(ledger.act(&end).await, ActReply::Before(first));
    assert_eq!(ledger.sale(sale.id).await.window, sale.window);
}

/// A client that is impatient, and a network that sends things twice.
pub async fn of_ten_that_give_one_order_at_once_one_acts(ledger: Ledger) {
    let (starts_at, terms) = (ledger.now().await + HOUR, Terms::new(5, 2, MINUTE).unwrap());
    let window = Window::new(starts_at, starts_at + 7).unwrap();
    let order = order(Action::ScheduleSale { window, terms, product: None });
    let acts = (0..10).map(|_| {
        let (ledger, order) = (ledger.clone(), order.clone());
        async move { ledger.act(&order).await }
    });

    let replies = all_at_once(acts).await;

    let now = replies.iter().filter(|reply| matches!(reply, ActReply::Now { .. })).count();
    let sale = |reply: &ActReply| match reply {
        ActReply::Now { record, .. } | ActReply::Before(record) => record.sale,
    };
    let sales: BTreeSet<_> = replies.iter().map(sale).collect();
    assert_eq!((now, sales.len()), (1, 1));
    assert_eq!(ledger.register.page(None, 10).await.unwrap().len(), 1);
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

/// It is as if its user had given it back; what is sold or over is not.
pub async fn a_hold_is_given_back_once(ledger: Ledger) {
    let sale = ledger.on(10, 10).await;
    let held = ledger.hold(&sale, &user("ann"), 1, 0).await;
    let sold = ledger.hold(&sale, &user("ann"), 2, 1).await;
    ledger.sell(sold).await;

    let record = ledger.acted(&order(Action::ReleaseHold(held.code))).await;

    assert_eq!(record.outcome, Acted::Done(Seen::Hold(HoldSeen::released(unit(1)))));
    assert_eq!(record.sale, Some(sale.id));
    assert_eq!(ledger.find(held.code).await, CodeRecord::Released);
    assert_eq!(ledger.counts(&sale).await, [0, 1]);
    for (code, state) in [(held.code, "released"), (sold.code, "sold")] {
        let refused = ledger.refused(&order(Action::ReleaseHold(code))).await;
        assert_eq!(refused, Refused::NotOnHold { state });
    }
    ledger.hold(&ledger.sale(sale.id).await, &user("bob"), 1, 0).await;
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

/// A number that is mistyped leaves a trace, and nothing else.
pub async fn what_is_not_there_is_refused_and_kept(ledger: Ledger) {
    let sale = SaleId::try_from(77).unwrap();
    let of_sale = order(Action::EndSale(sale));
    let of_code = order(Action::ReleaseHold(code_of_no_sale()));

    assert_eq!(ledger.refused(&of_sale).await, Refused::NoSuchSale);
    assert_eq!(ledger.refused(&of_code).await, Refused::NoSuchCode);

    assert_eq!(ledger.operator.action(new_id()).await.unwrap(), None);
    let kept: Vec<_> = ledger.trail(ALL).await.into_iter().map(|record| record.order).collect();
    assert_eq!(kept, [of_code, of_sale]);
}

/// Of all, of one sale, below a number, and of changes alone.
pub async fn the_trail_has_the_newest_first(ledger: Ledger) {
    let (one, other) = (ledger.on(10, 10).await, ledger.on(10, 10).await);
    let held = ledger.hold(&one, &user("ann"), 9, 0).await;
    let refused = stock(&one, 2);
    let release = order(Action::ReleaseHold(held.code));
    let pause = order(Action::PauseSale(one.id));
    for order in [&refused, &release, &pause, &stock(&other, 12)] {
        ledger.acted(order).await;
    }
    let of_one = TrailPage { sale: Some(one.id), ..ALL };
    let ids = |records: &[ActionRecord]| -> Vec<_> {
        records.iter().map(|record| record.order.id).collect()
    };

    let all = ledger.trail(ALL).await;
    let numbers: Vec<_> = all.iter().map(|record| record.number).collect();

    assert_eq!(numbers.len(), 6);
    assert!(numbers.is_sorted_by(|a, b| a > b));
    let made = all[5].order.id;
    let trail = ledger.trail(of_one).await;
    assert_eq!(ids(&trail), [pause.id, release.id, refused.id, made]);
    let changes = ledger.trail(TrailPage { changes_only: true, ..of_one }).await;
    assert_eq!(ids(&changes), [pause.id, made]);
    let below = TrailPage { before: Some(trail[0].number), limit: 2, ..of_one };
    assert_eq!(ids(&ledger.trail(below).await), [release.id, refused.id]);
    let second = TrailPage { before: Some(numbers[3]), ..ALL };
    assert_eq!(ledger.trail(second).await, all[4..]);
}

/// All that may be said of it, with what JSON has to escape, reads back from the trail.
pub async fn a_product_that_is_put_is_in_the_trail_as_it_was_and_as_it_is(ledger: Ledger) {
    let whole = ProductChange {
        price: Some(Price::new(1_999, "EUR".parse().unwrap()).unwrap()),
        metadata: Some("{\"a\" : \"\\\\\\\"\\u0001\",\r\n\t\"b\":[1.50]}".parse().unwrap()),
        image: Some(Picture::Given(picture(1))),
        ..named("lamp", "Lamp \"7\" \\ \u{1f4a1}")
    };
    let (first, second) =
        (Action::PutProduct(whole.clone()), Action::PutProduct(named("lamp", "L")));
    let (first, second) = (order(first), order(second));

    let made = ledger.acted(&first).await;
    let changed = ledger.acted(&second).await;
    let same = ledger.acted(&order(second.action.clone())).await;

    let was = product_of(made.clone()).unwrap();
    let is = ledger.products.find(&whole.sku).await.unwrap().unwrap();
    assert!(whole.is_said_by(&was.version) && is.version.id > was.version.id);
    assert_eq!((&made.before, &changed.before), (&None, &Some(Seen::Product(was.clone()))));
    assert_eq!(product_of(changed.clone()), Ok(is.clone()));
    assert_eq!((&same.before, &same.outcome), (&Some(Seen::Product(is.clone())), &changed.outcome));
    for record in [&made, &changed, &same] {
        assert_eq!((record.product, record.sale), (Some(was.version.product), None));
    }
    assert_eq!(ledger.trail(ALL).await, [same, changed, made]);
}

/// Its picture need not come again: what it is known by is the same.
pub async fn a_product_that_is_ordered_twice_is_made_once(ledger: Ledger) {
    let image = Some(Picture::Given(picture(1)));
    let first = order(Action::PutProduct(ProductChange { image, ..named("lamp", "Lamp") }));
    let changed = named("lamp", "Lantern");

    let made = ledger.acted(&first).await;
    let lantern = ledger.put(changed.clone()).await.unwrap();
    let again = ledger.act(&first).await;

    assert_eq!(again, ActReply::Before(made));
    let ActReply::Before(record) = again else { panic!("it came before") };
    assert_eq!(record.order, first);
    assert_eq!(ledger.products.find(&changed.sku).await.unwrap(), Some(lantern));
    // The id is that of another order then, of which nothing comes.
    let other = Order { action: Action::ArchiveProduct(changed.sku.clone()), ..first };
    assert_eq!(ledger.act(&other).await, ActReply::Before(record));
    assert_eq!(ledger.products.find(&changed.sku).await.unwrap().unwrap().archived_at, None);
    assert_eq!(ledger.trail(ALL).await.len(), 2);
}

/// Said twice, it is done once.
pub async fn a_product_that_is_archived_is_in_the_trail_as_long_as_it_was_in_use(ledger: Ledger) {
    let product = ledger.put(named("lamp", "Lamp")).await.unwrap();
    let archive = || order(Action::ArchiveProduct("lamp".parse().unwrap()));

    let archived = ledger.acted(&archive()).await;
    let again = ledger.acted(&archive()).await;

    let is = product_of(archived.clone()).unwrap();
    assert_eq!(archived.before, Some(Seen::Product(product.clone())));
    assert!(is.archived_at.is_some_and(|at| at >= product.version.made_at));
    assert_eq!(is, Product { archived_at: is.archived_at, ..product.clone() });
    assert_eq!(
        (&again.before, product_of(again.clone())),
        (&Some(Seen::Product(is.clone())), Ok(is))
    );
    for record in [archived, again] {
        assert_eq!(record.product, Some(product.version.product));
        assert_eq!(ledger.operator.action(record.order.id).await.unwrap(), Some(record));
    }
}

/// With the product as it stands, if there is one; and no part of it is done.
pub async fn what_cannot_be_done_to_a_product_is_refused_and_kept(ledger: Ledger) {
    let fox = ledger.put(named("fox", "Fox")).await.unwrap();
    ledger.put(named("old", "Old")).await.unwrap();
    let old = ledger.archive("old".parse().unwrap()).await.unwrap();
    let absent = Some(Picture::Kept(picture(9).digest()));
    let pictured = |key| ProductChange { image: absent.clone(), ..named(key, "Other") };

    for (action, why, stands) in [
        (Action::PutProduct(named("old", "New")), Refused::ProductArchived, Some(&old)),
        (Action::PutProduct(pictured("fox")), Refused::NoSuchImage, Some(&fox)),
        (Action::PutProduct(pictured("new")), Refused::NoSuchImage, None),
        (Action::ArchiveProduct("new".parse().unwrap()), Refused::NoSuchProduct, None),
    ] {
        let order = order(action);
        let record = ledger.acted(&order).await;
        assert_eq!((&record.outcome, &record.order), (&Acted::Refused(why), &order));
        assert_eq!(record.before, stands.cloned().map(Seen::Product));
        assert_eq!(record.product, stands.map(|product| product.version.product));
        assert_eq!(ledger.operator.action(order.id).await.unwrap(), Some(record));
    }
    assert_eq!(ledger.products.page(None, 9).await.unwrap(), [old, fox]);
}

/// The others are told what came of it.
pub async fn of_ten_that_order_one_product_at_once_it_is_made_by_one(ledger: Ledger) {
    let order = order(Action::PutProduct(named("lamp", "Lamp")));
    let acts = (0..10).map(|_| {
        let (ledger, order) = (ledger.clone(), order.clone());
        async move { ledger.act(&order).await }
    });

    let replies = all_at_once(acts).await;

    let now = replies.iter().filter(|reply| matches!(reply, ActReply::Now { .. }));
    assert_eq!(now.count(), 1);
    let [record] = &ledger.trail(ALL).await[..] else { panic!("one row") };
    let product = product_of(record.clone()).unwrap();
    assert_eq!(ledger.products.page(None, 9).await.unwrap(), [product]);
    for reply in replies {
        let (ActReply::Now { record: told, .. } | ActReply::Before(told)) = reply;
        assert_eq!(told, *record);
    }
}
