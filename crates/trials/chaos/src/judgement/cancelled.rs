//! What is promised of a purchase that an operator cancels.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Court, Promise};
use crate::{
    history::Answer,
    orders::{Order, What},
};

impl<'a> Court<'a> {
    /// Only what was ordered is cancelled, what was told as done stays done, and a code that was called cancelled is
    /// called nothing else by whoever is asked later.
    pub(super) fn check_cancelled(&mut self) {
        let orders = self.cancellations();
        let records = self.records;
        for (code, row) in &records.purchases {
            let hold = records.holds.get(code);
            let is_ended = hold.is_some_and(|hold| hold.state == "cancelled");
            let is_ordered = orders.contains_key(code);
            if is_ended != row.is_cancelled || row.is_cancelled && !is_ordered {
                let what = format!("{code}, ordered: {is_ordered}: {row:?} of {hold:?}");
                self.charge(Promise::AnswersStay, what);
            }
        }
        for order in orders.values().flatten().filter(|order| order.told.is_done()) {
            let What::Cancel(code) = order.what else { continue };
            let row = records.purchases.get(&code);
            if !row.is_some_and(|row| row.is_cancelled) {
                self.charge(Promise::AnswersAreKept, format!("{order:?}, the ledger has {row:?}"));
            }
        }
        let done = |orders: Vec<&Order>| {
            orders.into_iter().filter(|it| it.told.is_done()).map(|it| it.answered_ms).min()
        };
        let since = orders.into_iter().filter_map(|(code, orders)| Some((code, done(orders)?)));
        self.check_told_of_cancelled(since.collect());
    }

    /// The orders to cancel something, by code.
    fn cancellations(&self) -> HashMap<Uuid, Vec<&'a Order>> {
        let mut all: HashMap<Uuid, Vec<&'a Order>> = HashMap::new();
        for order in self.steering.orders {
            if let What::Cancel(code) = order.what {
                all.entry(code).or_default().push(order);
            }
        }
        all
    }

    /// `since` is when an operator heard of each.
    fn check_told_of_cancelled(&mut self, mut since: HashMap<Uuid, i64>) {
        for asked in self.history.iter().filter(|it| it.answer == Answer::Cancelled) {
            let Some(code) = asked.what.code() else { continue };
            let first_ms = since.entry(code).or_insert(asked.answered_ms);
            *first_ms = asked.answered_ms.min(*first_ms);
            let row = self.records.purchases.get(&code);
            if !row.is_some_and(|row| row.is_cancelled) {
                let what = format!("{code} was called cancelled, the ledger has {row:?}");
                self.charge(Promise::AnswersAreKept, what);
            }
        }
        for asked in self.history.iter().filter(|it| matches!(it.answer, Answer::Bought { .. })) {
            let since_ms = asked.what.code().and_then(|code| since.get(&code));
            if since_ms.is_some_and(|since_ms| *since_ms < asked.sent_ms) {
                let what = format!("it was cancelled at {since_ms:?}, and then {asked:?}");
                self.charge(Promise::AnswersStay, what);
            }
        }
    }
}
