//! flow: each code is purchased at once, until 10,000 units are sold.

use dev_servers::Stack;

use crate::{
    Bench,
    closed_loop::{self, SoldOut},
    deployment::Deployment,
    error::BenchError,
    figures::{Load, Spread},
};

const STOCK: u32 = 10_000;

/// Sells out a sale.
pub(crate) fn measure(bench: &Bench, stack: Stack, load: Load) -> Result<SoldOut, BenchError> {
    let deployment = Deployment::start(&bench.databases, stack, STOCK)?;
    closed_loop::sell_out(&deployment, load.connections)
}

/// Seconds it took to sell out.
pub(crate) fn took_s(sales: &[SoldOut]) -> Spread {
    Spread::of(sales.iter().map(|sale| sale.took.as_secs_f64()))
}

/// What only this scenario tells.
pub(crate) fn remark(sales: &[SoldOut]) -> String {
    let Spread { lowest, median, highest } = took_s(sales);
    format!("purchases; {STOCK} sold in {median:.2} s ({lowest:.2}-{highest:.2})")
}
