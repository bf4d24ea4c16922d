//! old ledger: grants with ten million attempts already recorded, beside grants on an empty
//! ledger.

use dev_servers::Stack;

use crate::{
    Bench,
    error::BenchError,
    figures::{Load, Run},
    scenarios::grant,
    stand::Stand,
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
    let old = Stand::start_on(Stores::old(&bench.databases, stack)?, grant::STOCK)?;
    let new = Stand::start(&bench.databases, stack, grant::STOCK)?;
    let pairs = bench.repeat(|| Ok((grant::run(&old, load)?, grant::run(&new, load)?)))?;
    let (old, new) = pairs.into_iter().unzip();
    Ok(Pairs { old, new })
}
