//! `flashsale audit`: whether the stores keep what is promised, asked while the service runs.

mod live;
mod print;

use std::{io, process::ExitCode, time::Duration};

use domain::{
    SaleId, StoreError,
    audit::{Breaches, Conclusion, Findings, Invariant},
    ports::AuditedLedger,
};

use crate::{
    compose::{self, Audited, ComposeError},
    config::{AuditOptions, Config},
};

/// What the process ends with if something could not be checked, and nothing is broken.
const UNKNOWN: u8 = 2;

/// How long after its time a hold may stand, in milliseconds.
const LATE_MS: i64 = 30_000;

/// How often holds that are late are looked for before they are called a breach, which takes
/// twelve seconds. A clock that jumped or a service that was down makes many late at once; what
/// the live store does not call due by itself, a process asks for every five seconds.
const LATE_LOOKS: u32 = 60;

/// How long is waited between two looks at what may pass by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Why an audit could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditError {
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("there is no sale {0}; `flashsale sales list` shows them")]
    NoSuchSale(SaleId),
    #[error("cannot print")]
    Print(#[from] io::Error),
}

/// Makes the audit, prints it, and says what the process is to end with: 0 if all was checked
/// and holds, 1 if something is broken, 2 if nothing is, but not all could be checked.
pub(crate) async fn run(options: &AuditOptions, config: &Config) -> ExitCode {
    match audit(options, config).await {
        Ok(Conclusion::Holds) => ExitCode::SUCCESS,
        Ok(Conclusion::Broken) => ExitCode::FAILURE,
        Ok(Conclusion::Unknown) => ExitCode::from(UNKNOWN),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "no audit was made");
            ExitCode::from(UNKNOWN)
        }
    }
}

/// Leaves the cores to whoever sells on this machine: an audit of a directory would take all of
/// them, and a service beside it would lose most of its answers a second: `docs/decisions/10`. It is
/// for this thread, and those that it begins after this.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        const LAST: i32 = 19;
        // Where it cannot be had, the audit is made all the same.
        let _ = rustix::process::nice(LAST);
    }
}

async fn audit(options: &AuditOptions, config: &Config) -> Result<Conclusion, AuditError> {
    let Audited { ledger, live, ledger_hint, live_hint } =
        compose::audited(config, give_way).await?;
    let mut findings = Findings::default();
    if let Err(error) = of_the_ledger(&*ledger, options.sale, &mut findings).await? {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, "the ledger could not be checked; {ledger_hint}");
        findings.note("the ledger could not be checked".to_owned());
    } else if let Some(live) = live {
        if let Err(error) = live::check(&*ledger, &*live, options.sale, &mut findings).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the live store could not be checked; {live_hint}");
            findings.note("the live store could not be checked".to_owned());
        }
    } else {
        live::leave(&mut findings);
    }
    if options.json {
        print::json(&findings)?;
    } else {
        print::text(&findings)?;
    }
    Ok(findings.conclusion())
}

/// Checks the ledger by itself. The inner error is the ledger's.
async fn of_the_ledger(
    ledger: &dyn AuditedLedger,
    sale: Option<SaleId>,
    findings: &mut Findings,
) -> Result<Result<(), StoreError>, AuditError> {
    if let Some(sale) = sale {
        match ledger.tally(sale).await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(AuditError::NoSuchSale(sale)),
            Err(error) => return Ok(Err(error)),
        }
    }
    if let Err(error) = ledger.audit(sale, findings).await {
        return Ok(Err(error));
    }
    Ok(late_holds(ledger, sale, findings).await)
}

/// Looks for holds that nobody ends. Those that are gone at a later look were only waiting for
/// their turn; and while no process of the service runs, there is nobody to end them.
async fn late_holds(
    ledger: &dyn AuditedLedger,
    sale: Option<SaleId>,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let mut late = ledger.late_holds(sale, LATE_MS).await?;
    for _ in 1..LATE_LOOKS {
        if late.breaches.count() == 0 || !late.is_attended {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        late = ledger.late_holds(sale, LATE_MS).await?;
    }
    if late.breaches.count() > 0 && !late.is_attended {
        findings.note(format!(
            "{} holds are long due, and no process of the service is there to end them",
            late.breaches.count()
        ));
        late.breaches = Breaches::default();
    }
    findings.check(Invariant::HoldsEnd, late.breaches);
    Ok(())
}
