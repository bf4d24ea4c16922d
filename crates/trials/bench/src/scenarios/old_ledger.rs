//! old ledger: grants with ten million attempts already recorded, beside grants on an empty
//! ledger.

use dev_servers::Stack;

use crate::{
    Bench,
    deployment::Deployment,
    error::BenchError,
    figures::{Load, Run},
    scenarios::grant,
    stores::Stores,
};

/// Runs on either ledger.
pub(crate) struct Pairs {
    pub(crate) old: Vec<Run>,
    pub(crate) new: Vec<Run>,
}

/// Measures both in turns, so that whatever the machine does meanwhile happens to both.
pub(crate) fn measure(bench: &Bench, stack: Stack, load: Load) -> Result<Pairs, BenchError> {
    eprintln!("recording ten million attempts ...");
    let old = Deployment::start_on(Stores::old(&bench.databases, stack)?, grant::STOCK)?;
    let new = Deployment::start(&bench.databases, stack, grant::STOCK)?;
    let pairs = bench.repeat(|| Ok((grant::run(&old, load)?, grant::run(&new, load)?)))?;
    let (old, new) = pairs.into_iter().unzip();
    Ok(Pairs { old, new })
}
