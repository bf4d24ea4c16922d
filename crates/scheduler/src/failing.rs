//! What fails at the moment, so that it is said once.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{Sale, SaleId, StoreError};

/// The steps whose last run failed, and for which sales, if they are taken sale by sale.
#[derive(Default)]
pub(crate) struct Failing(Mutex<BTreeMap<&'static str, BTreeSet<Option<SaleId>>>>);

impl Failing {
    /// Logs a step's first failure and its first success after one: a database that is down
    /// is one line, not four a second. A step that fails for some sales works again when it does for all: they may
    /// be on servers of their own.
    pub(crate) fn note<T>(
        &self,
        step: &'static str,
        sale: Option<SaleId>,
        result: Result<T, StoreError>,
    ) -> Option<T> {
        let mut failing = self.locked();
        match result {
            Ok(value) => {
                if let Some(sales) = failing.get_mut(step)
                    && sales.remove(&sale)
                    && sales.is_empty()
                {
                    failing.remove(step);
                    tracing::info!(step, "works again");
                }
                Some(value)
            }
            Err(error) => {
                let sales = failing.entry(step).or_default();
                if sales.is_empty() {
                    tracing::warn!(step, error = &error as &dyn Error, "failing; trying on");
                }
                sales.insert(sale);
                None
            }
        }
    }

    /// Forgets that a step failed here which is another process's now: what comes of it is for that one to say.
    pub(crate) fn forget(&self, step: &'static str, sale: Option<SaleId>) {
        let mut failing = self.locked();
        if let Some(sales) = failing.get_mut(step)
            && sales.remove(&sale)
            && sales.is_empty()
        {
            failing.remove(step);
        }
    }

    /// Forgets sales that no step is taken for any more.
    pub(crate) fn keep_only(&self, sales: &[Sale]) {
        self.locked().retain(|_, failing| {
            failing.retain(|sale| sale.is_none_or(|sale| sales.iter().any(|it| it.id == sale)));
            !failing.is_empty()
        });
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<&'static str, BTreeSet<Option<SaleId>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use domain::{Failure, ports::Operation};

    use super::*;

    #[test]
    fn a_step_works_again_when_it_does_for_every_sale_that_is_left() {
        let failing = Failing::default();
        let sale = |id| SaleId::try_from(id).unwrap();
        let fails =
            || Err::<(), _>(StoreError::new(Operation::Due, Failure::NotDone, "it is away"));
        let note = |id, result| failing.note("sweep", Some(sale(id)), result);

        for (id, result, are_failing) in
            [(1, fails(), 1), (2, Ok(()), 1), (3, fails(), 1), (1, Ok(()), 1), (3, Ok(()), 0)]
        {
            note(id, result);
            assert_eq!(failing.locked().len(), are_failing, "after that of sale {id}");
        }
        note(4, fails());
        failing.keep_only(&[]);
        assert!(failing.locked().is_empty());
        note(5, fails());
        failing.forget("sweep", Some(sale(5)));
        assert!(failing.locked().is_empty());
        failing.note("rotate", None, fails());
        failing.keep_only(&[]);
        assert_eq!(failing.locked().len(), 1, "what is of no sale in particular");
    }
}
