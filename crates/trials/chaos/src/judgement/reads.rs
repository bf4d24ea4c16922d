//! Judging what the crowd of a sale saw.
//!
//! What a read may be depends on where it came from: while the live store is lost or out of reach a
//! process answers from the ledger, which knows of a purchase before the live store does, and then
//! from the live store again. So `sold` may fall beside a fault, or an order for which the sale is loaded
//! anew, such as a cancellation, and nowhere else; beyond all that was ever sold it never goes.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive};

use crate::{
    inject::{CLOCK_MS, InjectedFault},
    judgement::{Breach, Promise},
    ledger::Records,
    orders::Order,
    sightings::{Ending, Figures, Look, Seen, Sight, Sightings, Stillness, Stood},
    timetable::LET_GO_WITHIN_MS,
};

/// How old what is shown may be when its request was sent, in milliseconds: two seconds if the live
/// store is lost, for so often the ledger is counted at most, one for a busy machine to count in,
/// and as much as a fault moves the clock.
const AGE_MAX_MS: i64 = 3_000 + CLOCK_MS;

/// How far a read may be ahead of the machine's clock when it was answered, in milliseconds.
const AHEAD_MAX_MS: i64 = 500 + CLOCK_MS;

/// How long after a fault, or an order, a process may still change from one store to the other, in milliseconds.
const AFTERMATH_MS: i64 = 5_000;

/// How much later than the healing of all faults a peer may begin to stand still, in milliseconds.
const LATE_MS: i64 = 1_500;

/// Every promise that was broken to the crowd of a sale that is over.
pub(crate) fn judge_crowd(
    sale: i64,
    sightings: &Sightings,
    (faults, orders): (&[InjectedFault], &[Order]),
    records: &Records,
) -> Vec<Breach> {
    let mut court = Court { sale, faults, orders, records, breaches: Vec::new() };
    let seen = sightings.seen();
    for look in &seen {
        court.check_one(look);
    }
    court.check_order(&seen);
    for stood in sightings.stood() {
        court.check_still(&stood);
    }
    for watched in sightings.watched() {
        court.check_watched(&watched);
    }
    court.breaches
}

pub(super) struct Court<'a> {
    sale: i64,
    faults: &'a [InjectedFault],
    orders: &'a [Order],
    records: &'a Records,
    breaches: Vec<Breach>,
}

/// What a process has shown of the sale, and when that was there for all to see.
#[derive(Clone, Copy)]
struct Shown {
    sold: i64,
    answered_ms: i64,
}

impl Court<'_> {
    pub(super) fn charge(&mut self, promise: Promise, what: String) {
        self.breaches.push(Breach { promise, what });
    }

    /// Each look by itself: known, whole, and not of another day.
    fn check_one(&mut self, seen: &Seen) {
        let figures = match &seen.sight {
            Sight::Wrong(said) => {
                return self.charge(Promise::AnswersAreKnown, format!("{:?}: {said}", seen.look));
            }
            Sight::Sale(figures) => *figures,
            Sight::Healthy | Sight::Unchanged | Sight::Busy | Sight::Unknown(_) => return,
        };
        let server_ms = figures.server_ms;
        self.check_figures(figures, seen.look == Look::OneSale, seen);
        if server_ms < seen.sent_ms - AGE_MAX_MS || server_ms > seen.answered_ms + AHEAD_MAX_MS {
            self.charge(Promise::ReadsAreFresh, format!("{seen:?}"));
        }
    }

    /// Figures add up, are of the sale that was asked for, and not beyond the ledger.
    pub(super) fn check_figures(
        &mut self,
        figures: Figures,
        is_of_this_sale: bool,
        shown: &impl fmt::Debug,
    ) {
        let Figures { sale, stock, sold, held, available, .. } = figures;
        if sold + held + available != stock || sold.min(held).min(available) < 0 {
            self.charge(Promise::ReadsAreTrue, format!("the figures do not add up: {shown:?}"));
        }
        if is_of_this_sale && sale != self.sale {
            self.charge(Promise::ReadsAreTrue, format!("another sale was asked for: {shown:?}"));
        }
        let bought = *self.bought().end();
        if sale == self.sale && sold > bought {
            self.charge(Promise::ReadsAreTrue, format!("{bought} were ever sold: {shown:?}"));
        }
    }

    /// How many purchases stand in the end, and how many there ever were: some may have been cancelled after
    /// somebody looked last.
    pub(super) fn bought(&self) -> RangeInclusive<i64> {
        let purchases = &self.records.purchases;
        let standing = purchases.values().filter(|row| !row.is_cancelled).count();
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        number(standing)..=number(purchases.len())
    }

    /// What a process has shown to be sold stays sold, but for what is cancelled.
    fn check_order(&mut self, seen: &[Seen]) {
        let mut by_service: BTreeMap<usize, Vec<(i64, Shown)>> = BTreeMap::new();
        for look in seen {
            if let Sight::Sale(figures) = &look.sight
                && figures.sale == self.sale
            {
                let shown = Shown { sold: figures.sold, answered_ms: look.answered_ms };
                by_service.entry(look.service).or_default().push((look.sent_ms, shown));
            }
        }
        for (service, mut asked) in by_service {
            asked.sort_by_key(|(sent_ms, _)| *sent_ms);
            let mut answered: Vec<Shown> = asked.iter().map(|(_, shown)| *shown).collect();
            answered.sort_by_key(|shown| shown.answered_ms);
            let mut answered = answered.into_iter().peekable();
            let mut highest = Shown { sold: 0, answered_ms: i64::MIN };
            for (sent_ms, shown) in asked {
                // Only what was there before somebody asked can be held against the answer.
                while let Some(before) = answered.next_if(|before| before.answered_ms <= sent_ms) {
                    if before.sold >= highest.sold {
                        highest = before;
                    }
                }
                if shown.sold >= highest.sold {
                    continue;
                }
                if !self.is_beside_trouble(highest.answered_ms, shown.answered_ms) {
                    let Shown { sold, answered_ms } = shown;
                    let what = format!(
                        "process {service} showed {} sold at {}, and {sold} at {answered_ms}",
                        highest.sold, highest.answered_ms
                    );
                    self.charge(Promise::ReadsAreTrue, what);
                }
                highest = shown;
            }
        }
    }

    fn is_beside_trouble(&self, from_ms: i64, to_ms: i64) -> bool {
        let faults = self.faults.iter().map(|fault| (fault.injected_ms, fault.healed_ms));
        let changes = self.orders.iter().filter(|order| order.what.raises_epoch());
        let loads = changes.map(|order| (order.sent_ms, order.answered_ms));
        faults
            .chain(loads)
            .any(|(began_ms, over_ms)| began_ms <= to_ms && from_ms <= over_ms + AFTERMATH_MS)
    }

    /// Half a request is no request, and who stands still is let go of. Whether one who never reads
    /// is, cannot be seen from here: what they have not read hides it.
    fn check_still(&mut self, stood: &Stood) {
        if let Ending::Answered(status @ 200..=399) = stood.ending {
            self.charge(Promise::AnswersAreKnown, format!("{} was answered {status}", stood.how));
        }
        let lasted_ms = stood.ended_ms - stood.began_ms;
        let was_calm = self.faults.iter().all(|fault| fault.healed_ms <= stood.began_ms);
        let is_kept = stood.ending == Ending::LetGo
            && stood.how != Stillness::NeverReads
            && was_calm
            && lasted_ms >= i64::from(LET_GO_WITHIN_MS) - LATE_MS;
        if is_kept {
            let what = format!("{} was kept for {lasted_ms} ms", stood.how);
            self.charge(Promise::PeersAreLetGo, what);
        }
    }
}

#[cfg(test)]
mod tests;
