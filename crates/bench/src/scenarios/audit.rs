//! audit: `flashsale audit` with ten million attempts recorded, and a service that sells.

use tokio::time::Instant;

use crate::{Bench, error::BenchError, figures::Spread, past, stand::Stand};

/// Units of the sale that is on.
const STOCK: u32 = 10_000;

/// Seconds that an audit takes.
pub(crate) fn measure(bench: &Bench) -> Result<Spread, BenchError> {
    eprintln!("recording ten million attempts ...");
    let stand = Stand::start_on(past::make(&bench.databases)?, STOCK)?;
    let took_s = bench.repeat(|| {
        let start = Instant::now();
        stand.audit()?;
        Ok(start.elapsed().as_secs_f64())
    });
    took_s.map(Spread::of)
}

/// What was measured, for people.
pub(crate) fn line(took_s: &Spread) -> String {
    let Spread { lowest, median, highest } = took_s;
    format!("audit of ten million attempts: {median:.1} s ({lowest:.1}-{highest:.1})")
}
