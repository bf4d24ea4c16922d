//! Audits of a sale that is on, and what they found.

use std::time::Duration;

use dev_servers::Program;
use serde_json::Value;
use tokio::{task::block_in_place, time::sleep};

use crate::{
    deployment::{Audit, Deployment},
    error::{ChaosError, during},
    history::now_ms,
    judgement::{Breach, Promise},
};

/// Between two audits of a sale that is on.
const AUDIT_PAUSE: Duration = Duration::from_millis(300);

/// How often an audit is made that does not come to its end.
const AUDITS_MAX: usize = 3;

/// Audits again and again, as an operator might, whatever goes on. What cannot be audited now,
/// because a store is down, is audited later.
pub(crate) async fn audit_until(
    deployment: &Deployment,
    moment_ms: i64,
) -> Result<Vec<Breach>, ChaosError> {
    let mut found = Vec::new();
    while now_ms() < moment_ms && found.is_empty() {
        if let Audit::Breach(report) = deployment.audit().await? {
            found.push(unclean(&report));
        }
        sleep(AUDIT_PAUSE).await;
    }
    Ok(found)
}

/// Has a build of the service audit. An audit that gave way to others is made again, a few times.
pub(crate) fn ask_audit(program: Program) -> Result<Audit, ChaosError> {
    let program = program.env("RUST_LOG", "warn");
    let mut said = String::new();
    for _ in 0..AUDITS_MAX {
        let mut audit = program.command(["audit", "--json"]);
        let output = block_in_place(|| audit.output()).map_err(during("run the audit"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.code() {
            Some(0) => return Ok(Audit::Clean),
            Some(1) => return Ok(Audit::Breach(text(&output.stdout))),
            _ => said = text(&output.stderr),
        }
    }
    Ok(Audit::Impossible(said))
}

/// What an audit found to be broken.
pub(crate) fn unclean(report: &str) -> Breach {
    Breach { promise: Promise::AuditIsClean, what: broken_invariants(report) }
}

/// The names of the invariants that an audit found broken, each with its first row.
fn broken_invariants(report: &str) -> String {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let invariants = report["invariants"].as_array().into_iter().flatten();
    let broken = invariants.filter(|invariant| invariant["holds"] == false).map(|invariant| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!("{}: {}", text(&invariant["name"]), text(&invariant["rows"][0]))
    });
    broken.collect::<Vec<_>>().join("; ")
}
