//! Which units of a sale are known to be sold, so that they are not read again and again.
//!
//! A unit that is sold stays sold as long as its sale is at its epoch: a trigger of the schema refuses
//! anything but a cancellation, and that raises the epoch. So a process
//! remembers whole blocks of units that it saw sold, and counts, sweeps and closes by the others.
//! The work is then as large as what is on hold, whatever was sold before; what is found is what
//! the rows say, and is the same with nothing remembered.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{Epoch, Sale, SaleId};
use tokio::time::Instant;

/// Units in a block. What of a sale makes no whole block is always read.
pub(crate) const BLOCK: i32 = 128;

/// Units sold outside the blocks that are known before it is worth to look for more.
const LEARN_AT: i64 = 1_024;

/// How long a block is believed to be sold: a ledger that was restored beside a running process
/// may know less than before.
const BELIEVED_FOR: Duration = Duration::from_secs(600);

/// How long it is believed that no hold is due, if the ledger's clock is moved.
const QUIET_FOR: Duration = Duration::from_secs(60);

/// What is known of every sale that is not closed.
#[derive(Default)]
pub(crate) struct SoldBlocks(Mutex<HashMap<SaleId, Known>>);

/// What is known of one sale.
struct Known {
    since: Instant,
    /// The epoch at which the last count was made.
    epoch: Option<Epoch>,
    sold: BTreeSet<i32>,
    /// Units sold outside of `sold` when it was last looked for more.
    left: i64,
    /// Before it no hold is due.
    next_due: Option<Instant>,
}

/// All units but those that are known to be sold, as columns for a statement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unsold {
    pub(crate) firsts: Vec<i32>,
    pub(crate) lasts: Vec<i32>,
    /// How many are known to be sold.
    pub(crate) known_sold: i64,
}

impl Known {
    fn nothing() -> Self {
        let (epoch, sold) = (None, BTreeSet::new());
        Self { since: Instant::now(), epoch, sold, left: 0, next_due: None }
    }

    fn units(&self) -> i64 {
        i64::try_from(self.sold.len()).unwrap_or(i64::MAX).saturating_mul(BLOCK.into())
    }
}

impl SoldBlocks {
    /// The units of a sale to be read.
    pub(crate) fn unsold(&self, sale: SaleId) -> Unsold {
        let mut sales = self.sales();
        let Some(known) = sales.get(&sale).filter(|known| known.since.elapsed() < BELIEVED_FOR)
        else {
            sales.remove(&sale);
            return Unsold { firsts: vec![1], lasts: vec![i32::MAX], known_sold: 0 };
        };
        let (mut firsts, mut lasts) = (Vec::new(), Vec::new());
        let mut next = 1;
        for block in &known.sold {
            let (first, last) = (block * BLOCK + 1, block * BLOCK + BLOCK);
            if first > next {
                firsts.push(next);
                lasts.push(first - 1);
            }
            next = last + 1;
        }
        firsts.push(next);
        lasts.push(i32::MAX);
        Unsold { firsts, lasts, known_sold: known.units() }
    }

    /// Takes note of a count. Says whether so many units were sold outside the known blocks that it
    /// is worth to look which blocks they fill.
    pub(crate) fn counted(&self, sale: SaleId, epoch: Epoch, sold: i64) -> bool {
        let mut sales = self.sales();
        let known = sales.entry(sale).or_insert_with(Known::nothing);
        if known.epoch.is_some_and(|before| epoch != before) || sold < known.units() {
            // A purchase may be cancelled since, or the ledger knows less than it did.
            *known = Known::nothing();
        }
        known.epoch = Some(epoch);
        sold - known.units() >= known.left.saturating_mul(2).saturating_add(LEARN_AT)
    }

    /// Forgets what is known of a sale at another epoch than the one that it is at.
    pub(crate) fn is_at(&self, sale: SaleId, epoch: Epoch) {
        let mut sales = self.sales();
        let is_of_other = |known: &Known| known.epoch.is_some_and(|before| before != epoch);
        if sales.get(&sale).is_some_and(is_of_other) {
            sales.remove(&sale);
        }
    }

    /// Whether anything was learned of it at another epoch.
    pub(crate) fn is_of_other_epoch(&self, sale: SaleId, epoch: Epoch) -> bool {
        let sales = self.sales();
        sales.get(&sale).and_then(|known| known.epoch).is_some_and(|before| before != epoch)
    }

    /// Remembers blocks whose every unit was sold at this epoch, when `sold` units were in all; but nothing where
    /// another epoch has been heard of meanwhile.
    pub(crate) fn learn(
        &self,
        (sale, epoch): (SaleId, Epoch),
        blocks: impl IntoIterator<Item = i32>,
        sold: i64,
    ) {
        let mut sales = self.sales();
        let of_epoch = sales.get_mut(&sale).filter(|known| known.epoch == Some(epoch));
        let Some(known) = of_epoch else { return };
        known.sold.extend(blocks);
        known.left = (sold - known.units()).max(0);
    }

    /// Whether a hold of the sale may have been due for so long.
    pub(crate) fn may_be_overdue(&self, sale: SaleId, overdue: Duration) -> bool {
        let next_due = self.sales().get(&sale).and_then(|known| known.next_due);
        next_due.is_none_or(|at| at.elapsed() >= overdue)
    }

    /// Remembers that no hold of the sale is due for so long.
    pub(crate) fn none_due_for(&self, sale: SaleId, span: Duration) {
        let mut sales = self.sales();
        let known = sales.entry(sale).or_insert_with(Known::nothing);
        known.next_due = Some(Instant::now() + span.min(QUIET_FOR));
    }

    /// Forgets the sales that are not among these.
    pub(crate) fn keep_only(&self, open: &[Sale]) {
        self.sales().retain(|id, _| open.iter().any(|sale| sale.id == *id));
    }

    /// Forgets all of a sale, whose ledger turned out to know less.
    pub(crate) fn forget(&self, sale: SaleId) {
        self.sales().remove(&sale);
    }

    fn sales(&self) -> MutexGuard<'_, HashMap<SaleId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale() -> SaleId {
        SaleId::try_from(1).unwrap()
    }

    #[test]
    fn what_is_not_known_to_be_sold_is_read() {
        let blocks = SoldBlocks::default();
        let all = blocks.unsold(sale());

        blocks.counted(sale(), Epoch(1), 400);
        blocks.learn((sale(), Epoch(1)), [0, 1, 3], 400);

        let some = blocks.unsold(sale());
        assert_eq!((all.firsts, all.lasts, all.known_sold), (vec![1], vec![i32::MAX], 0));
        assert_eq!((some.firsts, some.known_sold), (vec![257, 513], 384));
        assert_eq!(some.lasts, [384, i32::MAX]);
    }

    #[test]
    fn a_ledger_that_knows_less_than_before_is_read_anew() {
        let blocks = SoldBlocks::default();
        let knows = |blocks: &SoldBlocks| blocks.unsold(sale()).known_sold;
        for (epoch, sold) in [(Epoch(1), 999), (Epoch(3), 255)] {
            blocks.counted(sale(), Epoch(2), 999);
            blocks.learn((sale(), Epoch(2)), [0, 1], 999);
            assert_eq!(knows(&blocks), 256);

            blocks.counted(sale(), epoch, sold);

            assert_eq!(knows(&blocks), 0, "{epoch:?}, {sold} sold");
            blocks.forget(sale());
        }
    }

    /// They were asked for before a purchase was cancelled.
    #[test]
    fn blocks_of_another_epoch_than_the_one_that_is_known_are_not_learned() {
        let blocks = SoldBlocks::default();
        blocks.counted(sale(), Epoch(2), 999);

        blocks.learn((sale(), Epoch(1)), [0, 1], 999);

        assert_eq!(blocks.unsold(sale()).known_sold, 0);
    }

    #[test]
    fn it_is_looked_for_blocks_again_when_as_much_was_sold_as_was_left_over() {
        let blocks = SoldBlocks::default();

        assert!(!blocks.counted(sale(), Epoch(1), LEARN_AT - 1));
        assert!(blocks.counted(sale(), Epoch(1), LEARN_AT));
        blocks.learn((sale(), Epoch(1)), [0], LEARN_AT);
        let left = LEARN_AT - i64::from(BLOCK);
        assert!(!blocks.counted(sale(), Epoch(1), LEARN_AT + left));
        assert!(blocks.counted(sale(), Epoch(1), LEARN_AT + left + LEARN_AT));
    }
}
