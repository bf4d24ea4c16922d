//! What an [`Operator`](domain::ports::Operator) promises.

mod cancelling;
mod changing;
mod orders;
mod products;

use std::sync::atomic::{AtomicU64, Ordering};

use domain::{
    Sale, SaleId, Sku, Terms, Window,
    operator::{
        Acted, Action, ActionId, ActionRecord, Beside, Change, Changed, Order, Refused, Seen,
    },
    ports::{ActReply, SaleSnapshot, TrailPage},
    product::{Product, ProductChange},
};

use crate::{
    fixtures::{HOUR, MINUTE},
    ledger::Ledger,
};

pub use cancelling::*;
pub use changing::*;
pub use orders::*;
pub use products::*;

/// Writes one test per promise of `Operator`, on the [`Ledger`](crate::Ledger) that `$ledger` makes.
#[macro_export]
macro_rules! operator_contract {
    ($ledger:path) => {
        $crate::contract! { $ledger, operator:
            a_sale_that_is_ordered_twice_is_made_once
            a_sale_is_ordered_of_a_product_that_is_in_use
            a_change_raises_the_epoch_and_says_what_is_live
            a_start_and_the_length_of_holds_are_moved_until_a_sale_opens
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
#[must_use]
pub fn order(action: Action) -> Order {
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

const ALL: TrailPage = TrailPage { sale: None, before: None, changes_only: false, limit: 100 };
