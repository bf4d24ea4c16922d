//! grant: checkouts of random users of a million, with stock enough for all.

use dev_servers::Stack;

use crate::{
    Bench,
    deployment::Deployment,
    error::BenchError,
    figures::{Load, Run},
};

/// More than any run can take.
pub(crate) const STOCK: u32 = 1_000_000;

/// Measures one run on an empty ledger.
pub(crate) fn measure(bench: &Bench, stack: Stack, load: Load) -> Result<Run, BenchError> {
    run(&Deployment::start(&bench.databases, stack, STOCK)?, load)
}

/// Measures one run on a ledger. It is an error if a checkout was refused, or a grant is not in
/// the ledger.
pub(crate) fn run(deployment: &Deployment, load: Load) -> Result<Run, BenchError> {
    run_with(deployment, "checkout.lua", load, &[])
}

/// The same by another script, whose environment this is.
pub(crate) fn run_with(
    deployment: &Deployment,
    script: &str,
    load: Load,
    environment: &[(&str, &str)],
) -> Result<Run, BenchError> {
    let before = deployment.recorded("granted")?;
    let run = deployment.measure(script, load, environment)?;
    let recorded = deployment.recorded("granted")? - before;
    if run.refusals > 0 || recorded < run.answers {
        return Err(BenchError::Wrong(format!(
            "of {} checkouts {} were refused, and {recorded} grants are recorded",
            run.answers, run.refusals
        )));
    }
    Ok(run)
}
