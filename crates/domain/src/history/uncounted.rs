//! What was asked of sales since it was written down last.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Minute, SALES_MAX, Stood};
use crate::{SaleId, StoreError, ports::Recorded};

/// What a process has recorded of each sale and not written down. Counted once a batch.
#[derive(Debug, Default)]
pub struct Uncounted(Mutex<BTreeMap<SaleId, Attempts>>);

/// How many attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    /// Those that were granted a unit.
    pub granted: u64,
    /// Those that were refused.
    pub refused: u64,
}

impl Uncounted {
    /// The most sales: more numbers can be made up than there are sales.
    const SALES_MAX: usize = 2 * SALES_MAX;

    /// Counts a batch of attempts: of which sale each was, and what came of recording it.
    pub fn add<'a>(&self, batch: impl Iterator<Item = (SaleId, &'a Result<Recorded, StoreError>)>) {
        let mut counted = self.locked();
        for (sale, recorded) in batch {
            let granted = match recorded {
                Ok(Recorded::Hold(_)) => true,
                Ok(Recorded::Refusal) => false,
                Ok(_) | Err(_) => continue,
            };
            if counted.len() >= Self::SALES_MAX && !counted.contains_key(&sale) {
                continue;
            }
            let attempts = counted.entry(sale).or_default();
            let count = if granted { &mut attempts.granted } else { &mut attempts.refused };
            *count += 1;
        }
    }

    /// What was counted of each of these sales.
    #[must_use]
    pub fn of(&self, sales: &[Stood]) -> Vec<Attempts> {
        let counted = self.locked();
        sales.iter().map(|it| counted.get(&it.sale).copied().unwrap_or_default()).collect()
    }

    /// Whether anything was counted of a sale.
    #[must_use]
    pub fn has(&self, sale: SaleId) -> bool {
        self.locked().get(&sale).is_some_and(|counted| *counted != Attempts::default())
    }

    /// So much of a minute's sales is written down. What was counted of those that it leaves out is kept, and
    /// what was of others is forgotten: nobody asks for it.
    pub fn written(&self, minute: &Minute, attempts: &[Attempts]) {
        let mut counted = self.locked();
        let mut before = std::mem::take(&mut *counted);
        for (stood, written) in minute.stood.iter().zip(attempts) {
            let Some(mut left) = before.remove(&stood.sale) else { continue };
            left.granted = left.granted.saturating_sub(written.granted);
            left.refused = left.refused.saturating_sub(written.refused);
            counted.insert(stood.sale, left);
        }
        let kept = minute.left_out.iter().filter_map(|sale| before.remove_entry(sale));
        counted.extend(kept);
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<SaleId, Attempts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Slot, Unit, UnixMillis, ports::Granted};

    fn sale(number: i64) -> SaleId {
        SaleId::try_from(number).unwrap()
    }

    fn stood(number: i64) -> Stood {
        Stood { sale: sale(number), sold: 0, held: 0 }
    }

    fn written(uncounted: &Uncounted, stood: &[Stood], left_out: &[i64]) -> Vec<Attempts> {
        let attempts = uncounted.of(stood);
        let left_out = left_out.iter().map(|&number| sale(number)).collect();
        let minute = Minute { at: UnixMillis(0), stood: stood.to_vec(), left_out };
        uncounted.written(&minute, &attempts);
        attempts
    }

    /// A grant that was recorded, and a refusal.
    fn recorded() -> [Result<Recorded, StoreError>; 2] {
        let unit = Unit::try_from(1).unwrap();
        let held = Granted { unit, slot: Slot(0), expires_at: UnixMillis(0) };
        [Ok(Recorded::Hold(held)), Ok(Recorded::Refusal)]
    }

    #[test]
    fn what_is_recorded_while_something_is_written_is_written_with_the_next() {
        let uncounted = Uncounted::default();
        let [held, refused] = recorded();
        uncounted.add([(sale(1), &held), (sale(1), &refused), (sale(1), &held)].into_iter());

        let minute =
            Minute { at: UnixMillis(0), stood: vec![stood(1), stood(2)], left_out: Vec::new() };
        let first = uncounted.of(&minute.stood);
        uncounted.add([(sale(1), &held)].into_iter());
        uncounted.written(&minute, &first);

        assert_eq!(first, [Attempts { granted: 2, refused: 1 }, Attempts::default()]);
        assert_eq!(uncounted.of(&[stood(1)]), [Attempts { granted: 1, refused: 0 }]);
    }

    #[test]
    fn made_up_sales_take_a_bounded_room_and_only_until_something_is_written() {
        let uncounted = Uncounted::default();
        let [_, refused] = recorded();
        uncounted.add((1..10_000).map(|number| (sale(number), &refused)));
        assert_eq!(uncounted.locked().len(), Uncounted::SALES_MAX);

        written(&uncounted, &[stood(1)], &[]);

        assert_eq!(uncounted.locked().len(), 1);
    }

    #[test]
    fn what_was_asked_of_a_sale_that_could_not_be_counted_is_written_with_the_next() {
        let uncounted = Uncounted::default();
        let [held, refused] = recorded();
        uncounted.add([(sale(1), &held), (sale(2), &held), (sale(3), &refused)].into_iter());

        written(&uncounted, &[stood(1)], &[2]);
        uncounted.add([(sale(2), &refused)].into_iter());

        let of_both = written(&uncounted, &[stood(2), stood(3)], &[]);
        assert_eq!(of_both, [Attempts { granted: 1, refused: 1 }, Attempts::default()]);
        assert_eq!(uncounted.of(&[stood(2)]), [Attempts::default()]);
    }
}
