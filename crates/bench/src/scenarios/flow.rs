//! flow: each code is purchased at once, until 10,000 units are sold.

use crate::{
    Bench,
    crowd::{self, SoldOut},
    figures::{Load, Spread},
    stand::Stand,
    table::Table,
};

const STOCK: u32 = 10_000;

/// Sells out a sale in each run, and tells how long that took.
pub(crate) fn measure(bench: &Bench, load: Load, floor: f64, table: &mut Table) {
    let sales = bench.repeat(|| {
        let stand = Stand::start(&bench.databases, STOCK)?;
        crowd::sell_out(&stand, load.connections)
    });
    let remark = sales.as_deref().map_or_else(|_| String::new(), remark);
    let runs = sales.map(|sales| sales.iter().map(|sale| sale.run).collect());
    table.show_with("flow", load.connections, floor, runs, &remark);
}

fn remark(sales: &[SoldOut]) -> String {
    let took = Spread::of(sales.iter().map(|sale| sale.took.as_secs_f64()));
    format!("{STOCK} sold in {:.2} s ({:.2}-{:.2})", took.median, took.lowest, took.highest)
}
