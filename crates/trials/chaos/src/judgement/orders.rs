//! What is promised to whoever steers: an order that is answered is in effect, is in the trail once, and
//! breaks no promise to a buyer.
//!
//! What was so when a unit was granted is reckoned from when orders were given and answered, by the clock of
//! this machine. A grant that was asked for before an order was answered may be of before or of after it; one
//! that was asked for later is of after it.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use uuid::Uuid;

use super::{Court, Promise};
use crate::{
    history::{Answer, Asked, Granted},
    ledger::{Records, TrailRow},
    orders::{Order, Told, What},
    timetable::SELLS_OUT_WITHIN_MS,
};

/// How long after its end a unit of a sale may be granted, in milliseconds: a moment on the way.
const LATE_MS_MAX: i64 = 500;

/// What a sale was made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made {
    pub(crate) stock: u32,
    pub(crate) per_user_limit: u16,
    pub(crate) ends_ms: i64,
}

/// What an operator did with a sale.
pub(crate) struct Steering<'a> {
    /// None of a sale that nobody changed.
    pub(super) made: Option<Made>,
    pub(super) orders: &'a [Order],
    pub(super) calm: Calm,
}

/// What went wrong beside it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Calm {
    /// From when on nothing did any more, ms since the Unix epoch.
    pub(crate) from_ms: i64,
    /// How far the ledger's clock was moved: an end may be as much later.
    pub(crate) clock_ms: i64,
}

/// When a request was under way.
#[derive(Clone, Copy)]
struct Span {
    sent_ms: i64,
    answered_ms: i64,
}

impl<'a> Steering<'a> {
    pub(crate) const fn new(made: Made, orders: &'a [Order], calm: Calm) -> Self {
        Self { made: Some(made), orders, calm }
    }

    pub(super) const fn of_nobody() -> Self {
        Self { made: None, orders: &[], calm: Calm { from_ms: 0, clock_ms: 0 } }
    }

    /// Whether an operator asked to give this code's hold back, whatever came of it.
    pub(super) fn asked_back(&self, code: Uuid) -> bool {
        self.orders.iter().any(|order| order.what == What::Release(code))
    }

    /// Whether a sale had the time to sell everything: after the last fault, and the last order.
    pub(super) fn is_to_be_sold_out(&self, records: &Records) -> bool {
        if self.made.is_none() {
            return true;
        }
        let last_ms = self.orders.iter().map(|order| order.answered_ms).max();
        let calm_ms = last_ms.unwrap_or_default().max(self.calm.from_ms);
        records.state != "paused" && records.ends_ms - calm_ms >= SELLS_OUT_WITHIN_MS
    }

    /// All that something may have been while a request was under way. `of` is what an order makes of it.
    fn may_be<T>(&self, span: Span, made: T, of: impl Fn(&Order) -> Option<T>) -> Vec<T> {
        let mut may_be = vec![made];
        let is_change = |order: &&Order| order.what.changes_sale();
        for order in self.orders.iter().filter(is_change) {
            if order.sent_ms > span.answered_ms {
                break;
            }
            let in_effect = match order.told {
                Told::Refused { .. } => continue,
                Told::Done { in_effect, .. } => in_effect && order.answered_ms < span.sent_ms,
                Told::Unknown(_) | Told::Wrong(_) => false,
            };
            may_be.extend(of(order));
            if in_effect {
                // Whatever came before it is in effect, too.
                may_be.drain(..may_be.len() - 1);
            }
        }
        may_be
    }
}

impl Court<'_> {
    /// Each order is answered in the end, as the trail has it; the sale is as the last one left it; and no
    /// grant was made that an order had taken away.
    pub(super) fn check_orders(&mut self) {
        let Some(made) = self.steering.made else { return };
        for order in self.steering.orders {
            self.check_told(order);
        }
        self.check_trail();
        self.check_terms();
        let steering = self.steering;
        for asked in self.history {
            if let Answer::Granted(hold) = asked.answer {
                self.check_grant(steering, made, asked, hold);
            }
        }
    }

    fn check_told(&mut self, order: &Order) {
        match &order.told {
            Told::Unknown(_) => self.charge(Promise::EverybodyIsAnswered, format!("{order:?}")),
            Told::Wrong(_) => self.charge(Promise::AnswersAreKnown, format!("{order:?}")),
            Told::Done { .. } | Told::Refused { .. } => {}
        }
        if let (What::Release(code), Told::Done { .. }) = (order.what, &order.told) {
            let state = self.records.holds.get(&code).map(|row| row.state.as_str());
            if state != Some("released") {
                self.charge(Promise::AnswersAreKept, format!("{order:?}: it is {state:?}"));
            }
        }
        // The same order again is told the same, and that it was given before.
        let is_same = match (&order.told, &order.again) {
            (Told::Done { number, .. }, Some(Told::Done { number: again, is_replayed, .. })) => {
                number == again && *is_replayed
            }
            (
                Told::Refused { number, why, .. },
                Some(Told::Refused { number: again, why: reason, is_replayed }),
            ) => (number, why) == (again, reason) && *is_replayed,
            (_, None | Some(Told::Unknown(_))) => true,
            (_, Some(_)) => false,
        };
        if !is_same {
            self.charge(Promise::AnswersStay, format!("given again: {order:?}"));
        }
    }

    /// Each order that was answered has a row, as it was answered; one that was not may have; and there is no
    /// other row.
    fn check_trail(&mut self) {
        let mut rows: HashMap<Uuid, Vec<&TrailRow>> = HashMap::new();
        for row in &self.records.trail {
            rows.entry(row.id).or_default().push(row);
        }
        for order in self.steering.orders {
            let of_order = rows.get(&order.id).map_or(&[][..], Vec::as_slice);
            let is_true = match of_order {
                [] => order.told.number().is_none(),
                [row] => row.action == order.what.name() && is_as_told(row, &order.told),
                _ => false,
            };
            if !is_true {
                self.charge(Promise::TrailIsTrue, format!("{order:?} is {of_order:?}"));
            }
        }
        let given: HashSet<Uuid> = self.steering.orders.iter().map(|order| order.id).collect();
        for row in self.records.trail.iter().filter(|row| !given.contains(&row.id)) {
            self.charge(Promise::TrailIsTrue, format!("nobody ordered {row:?}"));
        }
    }

    /// The sale is as the trail says that its last change left it.
    fn check_terms(&mut self) {
        let changes = self.records.trail.iter().filter(|row| row.action.starts_with("sale-"));
        let Some(after) = changes.filter_map(|row| row.after.as_deref()).next_back() else {
            return;
        };
        let Records { stock, per_user_limit, ends_ms, state, .. } = self.records;
        let json: Value = serde_json::from_str(after).unwrap_or_default();
        let is = |name: &str, value: i64| json[name].as_i64() == Some(value);
        let is_so = is("stock", i64::try_from(*stock).unwrap_or(i64::MAX))
            && is("per_user_limit", (*per_user_limit).into())
            && is("ends_at", *ends_ms)
            // One that is over is closed, in whatever state it was.
            && (state == "closed" || json["state"] == state.as_str());
        if !is_so {
            let what = format!(
                "left as {after}, it is {state}, to {ends_ms}, of {stock} units, {per_user_limit} a user"
            );
            self.charge(Promise::OrdersAreInEffect, what);
        }
    }

    fn check_grant(&mut self, steering: &Steering<'_>, made: Made, asked: &Asked, hold: Granted) {
        let span = Span { sent_ms: asked.sent_ms, answered_ms: asked.answered_ms };
        let paused = steering.may_be(span, false, |order| match order.what {
            What::Pause => Some(true),
            What::Resume => Some(false),
            _ => None,
        });
        let clock_ms = steering.calm.clock_ms;
        let over = steering.may_be(span, i64::MAX, |order| {
            (order.what == What::End).then_some(order.answered_ms + clock_ms)
        });
        let ends = steering.may_be(span, made.ends_ms, |order| match order.what {
            What::EndAt(ms) => Some(ms),
            _ => None,
        });
        let stocks = steering.may_be(span, made.stock, |order| match order.what {
            What::Stock(stock) => Some(stock),
            _ => None,
        });
        let limits = steering.may_be(span, made.per_user_limit, |order| match order.what {
            What::Limit(limit) => Some(limit),
            _ => None,
        });
        let slot = self.records.holds.get(&hold.code).map_or(0, |row| row.slot);
        let most = |values: &[u32]| values.iter().copied().max().unwrap_or_default();
        let (stock, limit) =
            (most(&stocks), limits.iter().copied().max().unwrap_or(made.per_user_limit));
        let last_ms = ends.iter().copied().max().unwrap_or(made.ends_ms) + clock_ms + LATE_MS_MAX;
        let broken = [
            (!paused.contains(&false), "the sale was paused".to_owned()),
            (over.iter().all(|over_ms| asked.sent_ms > *over_ms), "the sale was ended".to_owned()),
            (asked.sent_ms > last_ms, format!("the sale was over by {last_ms}")),
            (u32::try_from(hold.unit).is_ok_and(|unit| unit > stock), format!("stock {stock}")),
            (slot >= limit, format!("slot {slot} of {limit}")),
        ];
        for (_, why) in broken.into_iter().filter(|(is_broken, _)| *is_broken) {
            self.charge(Promise::OrdersAreInEffect, format!("{why}, and then {asked:?}"));
        }
    }
}

/// Whether a row says what was told of its order, if something was.
fn is_as_told(row: &TrailRow, told: &Told) -> bool {
    match told {
        Told::Done { number, .. } => row.number == *number && row.refused.is_none(),
        Told::Refused { number, why, .. } => {
            let refused = row.refused.as_deref().unwrap_or_default();
            let json: Value = serde_json::from_str(refused).unwrap_or_default();
            row.number == *number && json["refused"] == why.as_str()
        }
        Told::Unknown(_) | Told::Wrong(_) => true,
    }
}

#[cfg(test)]
mod tests;
