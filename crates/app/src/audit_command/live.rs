//! Looking at both stores of every sale that is not closed, in the order that
//! [`domain::audit::live`] needs.

use domain::{
    Sale, SaleId, StoreError,
    audit::{
        Breaches, Findings, Invariant,
        live::{contradictions, disagreements, unissued},
    },
    ports::{AuditedLedger, AuditedLive},
    upkeep::LOAD_AHEAD_MS,
};

use crate::audit_command::LOOK_AGAIN;

/// How often a sale is looked at that is not served, or not at the ledger's epoch: while the
/// service runs, a rebuild takes a second.
const LOOKS_MAX: u32 = 10;

/// What came of a look at a sale.
enum Looked {
    /// Both stores could be compared, or need not be.
    Done,
    /// They cannot be compared now, which is reported if it stays like that.
    NotNow(String),
}

/// What is said of the live store.
const OF_LIVE_STORE: [Invariant; 3] =
    [Invariant::LiveWhole, Invariant::LiveEpochIssued, Invariant::LiveAgrees];

/// Notes that there is no live store.
pub(super) fn leave(findings: &mut Findings) {
    for invariant in OF_LIVE_STORE {
        findings.leave(invariant);
    }
    findings.note(
        "the live store was not looked at: there is none while no process serves from the directory"
            .to_owned(),
    );
}

/// Checks the live store, by itself and against the ledger.
pub(super) async fn check(
    ledger: &dyn AuditedLedger,
    live: &dyn AuditedLive,
    sale: Option<SaleId>,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    live.ping().await?;
    let calendar = ledger.calendar().await?;
    let horizon = calendar.now + LOAD_AHEAD_MS;
    let asked = |listed: &&Sale| sale.is_none_or(|sale| listed.id == sale);
    for listed in calendar.sales.iter().filter(asked) {
        let mut looked = look(ledger, live, listed.id, findings).await?;
        for _ in 1..LOOKS_MAX {
            // A sale that is far ahead is not loaded yet.
            if matches!(looked, Looked::Done) || listed.window.starts_at() > horizon {
                break;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            looked = look(ledger, live, listed.id, findings).await?;
        }
        if let Looked::NotNow(note) = looked
            && listed.window.starts_at() <= horizon
        {
            findings.note(note);
        }
    }
    for invariant in OF_LIVE_STORE {
        findings.check(invariant, Breaches::default());
    }
    Ok(())
}

/// Looks at one sale: the ledger, the live store, the ledger again.
async fn look(
    ledger: &dyn AuditedLedger,
    live: &dyn AuditedLive,
    sale: SaleId,
    findings: &mut Findings,
) -> Result<Looked, StoreError> {
    let before = ledger.snapshot(sale).await?;
    let live = live.snapshot(sale).await?;
    let after = ledger.snapshot(sale).await?;
    let (Some(before), Some(after)) = (before, after) else {
        // It was closed meanwhile.
        return Ok(Looked::Done);
    };
    let Some(live) = live else {
        return Ok(Looked::NotNow(format!(
            "sale {sale} is not served: it is loaded when a process of the service runs"
        )));
    };
    let contradictions = contradictions(&live);
    let unissued = unissued(&live, after.sale.epoch);
    let is_broken = contradictions.count() + unissued.count() > 0;
    findings.check(Invariant::LiveWhole, contradictions);
    findings.check(Invariant::LiveEpochIssued, unissued);
    match disagreements(&before, &live, &after) {
        Some(breaches) => findings.check(Invariant::LiveAgrees, breaches),
        None if is_broken => {}
        None => {
            return Ok(Looked::NotNow(format!(
                "sale {sale} is being rebuilt: the live store serves epoch {}, the ledger is at {}",
                live.epoch, after.sale.epoch
            )));
        }
    }
    Ok(Looked::Done)
}
