//! After the sale: checkouts that come too late, and purchases of codes that buy nothing.

use std::{fmt::Write, fs};

use tempfile::NamedTempFile;
use uuid::{Builder, Variant, Version};

use dev_servers::Stack;

use crate::{
    Bench, closed_loop,
    deployment::Deployment,
    error::{BenchError, during},
    figures::{Load, Run},
    scenarios::Scenario,
};

/// Sold out in an instant.
const STOCK: u32 = 1_000;

/// Made-up codes of a run.
const CODES: u32 = 100_000;

/// A service whose sale is sold out.
pub(crate) struct AfterTheSale {
    deployment: Deployment,
    /// The codes that bought.
    used: NamedTempFile,
}

/// Measures one run.
pub(crate) type Measure = fn(&AfterTheSale, Load) -> Result<Run, BenchError>;

/// The scenarios that need a sold-out sale, with the names of their rows.
pub(crate) const ALL: [(Scenario, &str, Measure); 3] = [
    (Scenario::Storm, "storm", storm),
    (Scenario::Replay, "replay", replay),
    (Scenario::MadeUp, "made-up", made_up),
];

impl AfterTheSale {
    /// Sells a sale out.
    pub(crate) fn reach(bench: &Bench, stack: Stack, load: Load) -> Result<Self, BenchError> {
        let deployment = Deployment::start(&bench.databases, stack, STOCK)?;
        closed_loop::sell_out(&deployment, load.connections)?;
        let used = file_of(&deployment.used_codes()?)?;
        Ok(Self { deployment, used })
    }
}

/// Checkouts of a sale that is sold out. It is an error if a refusal is not in the ledger.
fn storm(AfterTheSale { deployment, .. }: &AfterTheSale, load: Load) -> Result<Run, BenchError> {
    let before = deployment.recorded("sold_out")?;
    let run = deployment.measure("checkout.lua", load, &[])?;
    let recorded = deployment.recorded("sold_out")? - before;
    if run.refusals != run.answers || recorded < run.answers {
        return Err(BenchError::Wrong(format!(
            "of {} checkouts {} were refused, and {recorded} refusals are recorded",
            run.answers, run.refusals
        )));
    }
    Ok(run)
}

/// Purchases of used codes, which are answered with their receipts.
fn replay(AfterTheSale { deployment, used }: &AfterTheSale, load: Load) -> Result<Run, BenchError> {
    purchases(deployment, load, used)
}

/// Purchases of codes that lead to the sale and that nobody was given.
fn made_up(AfterTheSale { deployment, .. }: &AfterTheSale, load: Load) -> Result<Run, BenchError> {
    let mut codes = String::new();
    for _ in 0..CODES {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| BenchError::Wrong(error.to_string()))?;
        writeln!(codes, "{}", made_up_code(deployment.sale(), random))
            .map_err(|error| BenchError::Wrong(error.to_string()))?;
    }
    purchases(deployment, load, &file_of(&codes)?)
}

fn purchases(
    deployment: &Deployment,
    load: Load,
    codes: &NamedTempFile,
) -> Result<Run, BenchError> {
    let file = codes.path().to_string_lossy();
    let run = deployment.measure("replay.lua", load, &[("CODES", &file)])?;
    if run.refusals != run.answers {
        let sold = run.answers - run.refusals;
        let wrong = format!("of {} purchases {sold} were not refused", run.answers);
        return Err(BenchError::Wrong(wrong));
    }
    Ok(run)
}

/// A file with these codes, one a line.
fn file_of(codes: &str) -> Result<NamedTempFile, BenchError> {
    let file = NamedTempFile::new().map_err(during("make a file for codes"))?;
    fs::write(file.path(), codes).map_err(during("write the codes"))?;
    Ok(file)
}

/// A code as the service makes them: a UUID of version 8, led by the sale's number in 40 bits.
fn made_up_code(sale: u64, random: [u8; 16]) -> uuid::Uuid {
    let mut bytes = random;
    bytes[..5].copy_from_slice(&sale.to_be_bytes()[3..]);
    Builder::from_bytes(bytes)
        .with_version(Version::Custom)
        .with_variant(Variant::RFC4122)
        .into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_code_looks_like_one_of_the_sale() {
        let code = made_up_code(0x12_3456_789a, [0xff; 16]);

        assert_eq!(code.to_string(), "12345678-9aff-8fff-bfff-ffffffffffff");
    }
}
