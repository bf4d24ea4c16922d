//! old ledger: grants with ten million attempts already recorded, beside grants on an empty
//! ledger.

use crate::{
    Bench,
    error::BenchError,
    figures::{Load, Run, Spread},
    past,
    scenarios::grant,
    stand::Stand,
    table::Table,
};

/// What is measured: a row for the old ledger and one for an empty one.
pub(crate) fn measure(bench: &Bench, load: Load, floor: f64, table: &mut Table) {
    match pairs(bench, load) {
        Ok((old, new)) => {
            let rate = |runs: &[Run]| Spread::of(runs.iter().map(|run| run.per_second)).median;
            let remark = format!("old ÷ new {:.2}", rate(&old) / rate(&new));
            table.show("new ledger", load.connections, floor, Ok(new));
            table.show_with("old ledger", load.connections, floor, Ok(old), &remark);
        }
        Err(error) => table.failure("old ledger", &error),
    }
}

/// Measures both in turns, so that whatever the machine does meanwhile happens to both.
fn pairs(bench: &Bench, load: Load) -> Result<(Vec<Run>, Vec<Run>), BenchError> {
    eprintln!("recording ten million attempts ...");
    let old = Stand::start_on(past::make(&bench.databases)?, grant::STOCK)?;
    let new = Stand::start(&bench.databases, grant::STOCK)?;
    let pairs = bench.repeat(|| Ok((grant::run(&old, load)?, grant::run(&new, load)?)))?;
    Ok(pairs.into_iter().unzip())
}
