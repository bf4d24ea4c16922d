//! keyed: grants of requests that have a key each, beside grants of requests that have none.

use dev_servers::Stack;

use super::grant;
use crate::{
    Bench,
    deployment::Deployment,
    error::BenchError,
    figures::{Load, Run},
};

/// Runs of the same load, in turns.
#[derive(Default)]
pub(crate) struct Pairs {
    /// Without a key.
    pub(crate) plain: Vec<Run>,
    /// With a key of its own for each request.
    pub(crate) keyed: Vec<Run>,
}

/// Measures as often as was asked for, each run on an empty ledger.
pub(crate) fn measure(bench: &Bench, stack: Stack, load: Load) -> Result<Pairs, BenchError> {
    let mut pairs = Pairs::default();
    for _ in 0..bench.runs {
        for (script, runs) in [("checkout.lua", &mut pairs.plain), ("keyed.lua", &mut pairs.keyed)]
        {
            let deployment = Deployment::start(&bench.databases, stack, grant::STOCK)?;
            runs.push(grant::run_with(&deployment, script, load, &[])?);
        }
    }
    Ok(pairs)
}
