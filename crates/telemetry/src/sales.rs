//! The sales at hand: what of each is free, held and sold.

use std::collections::BTreeSet;

use std::sync::{Mutex, PoisonError};

use crate::{figures::FIGURES, is_on};

/// How many sales have figures of their own; those beyond it are left out.
pub const SALES_MAX: usize = 32;

/// Labels of the states of a unit.
pub(crate) const STATES: [&str; 3] = ["free", "held", "sold"];

/// The figures of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaleFigures {
    /// Its number.
    pub sale: i64,
    /// The generation of its live state.
    pub epoch: i64,
    /// Units that are free, held and sold.
    pub units: [u32; 3],
}

/// Shows these sales, at most [`SALES_MAX`] of them, and no other any more.
pub fn show_sales(sales: impl IntoIterator<Item = SaleFigures>) {
    static SHOWN: Mutex<BTreeSet<i64>> = Mutex::new(BTreeSet::new());

    if !is_on() {
        return;
    }
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut gone = std::mem::take(&mut *shown);
    for SaleFigures { sale, epoch, units } in sales.into_iter().take(SALES_MAX) {
        let label = sale.to_string();
        for (state, units) in STATES.into_iter().zip(units) {
            FIGURES.sales.units.with_label_values(&[label.as_str(), state]).set(units.into());
        }
        FIGURES.sales.epoch.with_label_values(&[&label]).set(epoch);
        gone.remove(&sale);
        shown.insert(sale);
    }
    for label in gone.into_iter().map(|sale| sale.to_string()) {
        // An error says that it was gone already.
        for state in STATES {
            let _ = FIGURES.sales.units.remove_label_values(&[label.as_str(), state]);
        }
        let _ = FIGURES.sales.epoch.remove_label_values(&[label.as_str()]);
    }
}
