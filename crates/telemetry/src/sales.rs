//! The sales at hand: what of each is free, held and sold.

use std::collections::BTreeSet;

use std::sync::{Mutex, PoisonError};

use crate::{figures::FIGURES, is_on};

/// How many sales have figures of their own.
pub const SALES_MAX: usize = 32;

/// What stands in the place of a number for all that are beyond it.
const OTHERS: &str = "other";

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

/// Shows these sales and no other any more: the first [`SALES_MAX`] by their numbers, and of all the others
/// together how many units are free, held and sold.
pub fn show_sales(sales: impl IntoIterator<Item = SaleFigures>) {
    static SHOWN: Mutex<BTreeSet<i64>> = Mutex::new(BTreeSet::new());

    if !is_on() {
        return;
    }
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut gone = std::mem::take(&mut *shown);
    let mut sales = sales.into_iter();
    for SaleFigures { sale, epoch, units } in sales.by_ref().take(SALES_MAX) {
        let label = sale.to_string();
        for (state, units) in STATES.into_iter().zip(units) {
            FIGURES.sales.units.with_label_values(&[label.as_str(), state]).set(units.into());
        }
        FIGURES.sales.epoch.with_label_values(&[&label]).set(epoch);
        gone.remove(&sale);
        shown.insert(sale);
    }
    show_others(sales);
    for label in gone.into_iter().map(|sale| sale.to_string()) {
        // An error says that it was gone already.
        for state in STATES {
            let _ = FIGURES.sales.units.remove_label_values(&[label.as_str(), state]);
        }
        let _ = FIGURES.sales.epoch.remove_label_values(&[label.as_str()]);
    }
}

fn show_others(sales: impl Iterator<Item = SaleFigures>) {
    let mut sales = sales.map(|sale| sale.units.map(i64::from)).peekable();
    if sales.peek().is_none() {
        for state in STATES {
            // An error says that there were none before, either.
            let _ = FIGURES.sales.units.remove_label_values(&[OTHERS, state]);
        }
        return;
    }
    let together = sales.fold([0; 3], |[free, held, sold], units| {
        [free + units[0], held + units[1], sold + units[2]]
    });
    for (state, units) in STATES.into_iter().zip(together) {
        FIGURES.sales.units.with_label_values(&[OTHERS, state]).set(units);
    }
}
