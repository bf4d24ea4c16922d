//! Sales that operators were told are paused: whoever asks from then on gets nothing, until somebody wants
//! them to go on.

use std::collections::{BTreeMap, BTreeSet};

use domain::SaleId;

use crate::checked::{Checked, ensure};

/// What is promised of pauses.
#[derive(Default)]
pub(crate) struct Pauses {
    /// Those that are in effect, by their numbers.
    in_effect: BTreeMap<SaleId, u64>,
    count: u64,
    /// Sales that may go on at any time, by an order that is still on its way and has no name.
    unruly: BTreeSet<SaleId>,
    /// The ledger went back, and may be given orders again that it had carried out before.
    is_restored: bool,
}

impl Pauses {
    /// An operator is told that a sale is paused, for all.
    pub(crate) fn begin(&mut self, sale: SaleId) {
        if !self.is_restored && !self.unruly.contains(&sale) {
            self.count += 1;
            self.in_effect.insert(sale, self.count);
        }
    }

    /// An operator asks for a sale to go on, whatever comes of it.
    pub(crate) fn end(&mut self, sale: SaleId) {
        self.in_effect.remove(&sale);
    }

    /// It is not known when a sale goes on.
    pub(crate) fn distrust(&mut self, sale: SaleId) {
        self.end(sale);
        self.unruly.insert(sale);
    }

    /// The ledger went back to a backup.
    pub(crate) fn distrust_all(&mut self) {
        self.is_restored = true;
        self.in_effect.clear();
    }

    /// The pause of a sale that is in effect, for whoever asks now.
    pub(crate) fn of(&self, sale: SaleId) -> Option<u64> {
        self.in_effect.get(&sale).copied()
    }

    /// A client is granted a unit for which they asked during this pause, or during none.
    pub(crate) fn check_grant(&self, sale: SaleId, during: Option<u64>) -> Checked {
        let goes_on = during.is_none() || self.of(sale) != during;
        ensure(goes_on, || format!("granted of sale {sale}, which an operator was told is paused"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale() -> SaleId {
        SaleId::try_from(7).unwrap()
    }

    #[test]
    fn only_what_is_asked_and_granted_in_one_pause_breaks_it() {
        let mut pauses = Pauses::default();
        assert!(pauses.check_grant(sale(), pauses.of(sale())).is_ok());

        pauses.begin(sale());
        let during = pauses.of(sale());
        assert!(pauses.check_grant(sale(), None).is_ok());
        assert!(pauses.check_grant(sale(), during).is_err());

        pauses.end(sale());
        assert!(pauses.check_grant(sale(), during).is_ok());
        pauses.begin(sale());
        assert!(pauses.check_grant(sale(), during).is_ok());
    }

    #[test]
    fn nothing_is_promised_of_a_sale_that_may_go_on_at_any_time() {
        let mut pauses = Pauses::default();
        pauses.begin(sale());
        pauses.distrust(sale());
        pauses.begin(sale());
        assert_eq!(pauses.of(sale()), None);

        let mut pauses = Pauses::default();
        pauses.begin(sale());
        pauses.distrust_all();
        pauses.begin(sale());
        assert_eq!(pauses.of(sale()), None);
    }
}
