//! grant: checkouts of random users of a million, with stock enough for all.

use dev_servers::Stack;

use crate::{
    Bench,
    error::BenchError,
    figures::{Load, Run},
    stand::Stand,
};

/// More than any run can take.
pub(crate) const STOCK: u32 = 1_000_000;

/// Measures one run on an empty ledger.
pub(crate) fn measure(bench: &Bench, stack: Stack, load: Load) -> Result<Run, BenchError> {
    run(&Stand::start(&bench.databases, stack, STOCK)?, load)
}

/// Measures one run on a ledger. It is an error if a checkout was refused, or a grant is not in
/// the ledger.
pub(crate) fn run(stand: &Stand, load: Load) -> Result<Run, BenchError> {
    let before = stand.recorded("granted")?;
    let run = stand.measure("checkout.lua", load, &[])?;
    let recorded = stand.recorded("granted")? - before;
    if run.refusals > 0 || recorded < run.answers {
        return Err(BenchError::Wrong(format!(
            "of {} checkouts {} were refused, and {recorded} grants are recorded",
            run.answers, run.refusals
        )));
    }
    Ok(run)
}
