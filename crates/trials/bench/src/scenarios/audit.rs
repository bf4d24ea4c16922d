//! audit: `flashsale audit` with ten million attempts recorded, and a service that sells.

use dev_servers::Stack;
use tokio::time::Instant;

use crate::{Bench, deployment::Deployment, error::BenchError, figures::Spread, stores::Stores};

/// Units of the sale that is on.
const STOCK: u32 = 10_000;

/// Seconds that an audit takes.
pub(crate) fn measure(bench: &Bench, stack: Stack) -> Result<Spread, BenchError> {
    eprintln!("recording ten million attempts ...");
    let deployment = Deployment::start_on(Stores::old(&bench.databases, stack)?, STOCK)?;
    let took_s = bench.repeat(|| {
        let start = Instant::now();
        deployment.audit()?;
        Ok(start.elapsed().as_secs_f64())
    });
    took_s.map(Spread::of)
}

/// What was measured, for people.
pub(crate) fn line(stack: Stack, took_s: &Spread) -> String {
    let (name, Spread { lowest, median, highest }) = (stack.name(), took_s);
    format!("audit of ten million attempts, {name}: {median:.1} s ({lowest:.1}-{highest:.1})")
}
