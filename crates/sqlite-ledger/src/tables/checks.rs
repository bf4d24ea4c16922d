//! Checking the invariants of the ledger.
//!
//! The checks read whole tables, which is quick where everything is written in the order of time,
//! and none goes by an index: one that lost an entry must not hide the row it lost. That the
//! constraints and triggers are there is a check of its own; that SQLite's own structures are sound
//! is for its `PRAGMA integrity_check` to say. The guard of the process that serves is not looked at:
//! it is made from the tables, and a table it cannot be made from is not served.

use std::collections::BTreeMap;

use domain::{
    SaleId,
    audit::{Breaches, Findings, Invariant, ROWS_MAX},
};
use rusqlite::Params;

use super::Tables;
use crate::{Database, SqliteError};

/// A statement that finds breaches of an invariant.
pub(crate) struct Check {
    invariant: Invariant,
    sql: &'static str,
}

/// What a check found, or why it could not look.
pub(crate) type Found = (Invariant, Result<Breaches, SqliteError>);

/// What is asked of the ledger's rows. What takes long comes first, so that threads that share
/// the checks out among themselves end at about the same time.
pub(crate) const CHECKS: [Check; 11] = [
    check(Invariant::RecordsWhole, include_str!("../sql/audit/codes_filed.sql")),
    check(Invariant::SoldHasReceipt, include_str!("../sql/audit/sold_has_receipt.sql")),
    check(Invariant::SlotsLiveOnce, include_str!("../sql/audit/slots_live_once.sql")),
    check(Invariant::CodesOnce, include_str!("../sql/audit/codes_once.sql")),
    check(Invariant::RecordsWhole, include_str!("../sql/audit/records_whole.sql")),
    check(Invariant::UnitsLiveOnce, include_str!("../sql/audit/units_live_once.sql")),
    check(Invariant::WithinTerms, include_str!("../sql/audit/within_terms.sql")),
    check(Invariant::EpochsIssued, include_str!("../sql/audit/epochs_issued.sql")),
    check(Invariant::SoldCounted, include_str!("../sql/audit/sold_counted.sql")),
    check(Invariant::ClosedHoldNothing, include_str!("../sql/audit/closed_hold_nothing.sql")),
    check(Invariant::WindowsApart, include_str!("../sql/audit/windows_apart.sql")),
];

const fn check(invariant: Invariant, sql: &'static str) -> Check {
    Check { invariant, sql }
}

const LATE_HOLDS: &str = include_str!("../sql/audit/late_holds.sql");
const SCHEMA: &str = include_str!("../sql/audit/schema.sql");

/// What the tables are made of: the statement behind each part, by kind, name and table.
type Schema = BTreeMap<(String, String, String), String>;

impl Tables<'_> {
    /// Checks the invariants of the ledger, of one sale or of all. After an error what could be
    /// checked is in `findings`.
    pub fn check(&self, sale: Option<SaleId>, findings: &mut Findings) -> Result<(), SqliteError> {
        self.check_schema(findings)?;
        gather(CHECKS.iter().map(|check| self.find(check, sale)), findings)
    }

    /// Checks that the tables are as they were made. It goes before all else, for without a table
    /// or a column the other checks fail, and this says why.
    pub(crate) fn check_schema(&self, findings: &mut Findings) -> Result<(), SqliteError> {
        findings.check(Invariant::SchemaStands, self.schema_breaches()?);
        Ok(())
    }

    /// Looks for the breaches that a check is about, in one sale or in all.
    pub(crate) fn find(&self, check: &Check, sale: Option<SaleId>) -> Found {
        let parameters = (sale.map(SaleId::get), rows_max());
        (check.invariant, self.breaches(check.sql, parameters))
    }

    /// The holds that stand longer than `late_ms` after they were due.
    pub fn late_holds(&self, sale: Option<SaleId>, late_ms: i64) -> Result<Breaches, SqliteError> {
        let due_before = self.now() + late_ms.saturating_neg();
        self.breaches(LATE_HOLDS, (sale.map(SaleId::get), rows_max(), due_before.0))
    }

    /// What a check found: each row has the number of all.
    fn breaches(&self, sql: &str, parameters: impl Params) -> Result<Breaches, SqliteError> {
        let rows = self.all(sql, parameters, |row| {
            Ok((row.get::<_, i64>("breaches")?, row.get::<_, String>("found")?))
        })?;
        let count = rows.first().and_then(|(count, _)| u64::try_from(*count).ok()).unwrap_or(0);
        Ok(Breaches::counted(count, rows.into_iter().map(|(_, found)| found).collect()))
    }

    /// What the migrations made and is not there, or is something else.
    fn schema_breaches(&self) -> Result<Breaches, SqliteError> {
        let fresh = Database::in_memory();
        let mut fresh = fresh.map_err(|error| SqliteError::Refused(error.to_string()))?;
        let promised = fresh.read(self.now(), |tables| tables.schema())?;
        let present = self.schema()?;
        let mut breaches = Breaches::default();
        for (part, definition) in &promised {
            let (kind, name, table) = part;
            match present.get(part) {
                Some(there) if there == definition => {}
                Some(there) => {
                    breaches.add(|| format!("{kind} {name} of {table} is {there:.200}"));
                }
                None => breaches.add(|| format!("{kind} {name} of {table} is missing")),
            }
        }
        let mode: Option<String> = self.one("PRAGMA journal_mode", [], |row| row.get(0))?;
        let mode = mode.unwrap_or_default();
        if !matches!(mode.as_str(), "wal" | "memory") {
            breaches.add(|| format!("setting journal_mode is {mode}, not wal"));
        }
        Ok(breaches)
    }

    fn schema(&self) -> Result<Schema, SqliteError> {
        let parts =
            self.all(SCHEMA, [], |row| Ok(((row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?)))?;
        Ok(parts.into_iter().collect())
    }
}

/// Puts what the checks found among the findings. An invariant that one of its checks could not
/// look at is not called checked, unless another found it broken.
pub(crate) fn gather(
    found: impl IntoIterator<Item = Found>,
    findings: &mut Findings,
) -> Result<(), SqliteError> {
    let mut outcome = Ok(());
    let (mut looked_at, mut unseen) = (Vec::new(), Vec::new());
    for (invariant, breaches) in found {
        match breaches {
            Ok(breaches) => looked_at.push((invariant, breaches)),
            Err(error) => {
                unseen.push(invariant);
                outcome = Err(error);
            }
        }
    }
    looked_at.retain(|(invariant, breaches)| breaches.count() > 0 || !unseen.contains(invariant));
    for (invariant, breaches) in looked_at {
        findings.check(invariant, breaches);
    }
    outcome
}

fn rows_max() -> i64 {
    i64::try_from(ROWS_MAX).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_check_goes_by_an_index() {
        let database = Database::in_memory().unwrap();
        let checks = CHECKS.iter().map(|check| check.sql).chain([LATE_HOLDS]);

        for sql in checks {
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let mut explain = database.connection().prepare(&explain).unwrap();
            let mut steps = explain.raw_query();
            while let Some(step) = steps.next().unwrap() {
                let step: String = step.get("detail").unwrap();
                // One that SQLite makes for the statement from the table has every row.
                let goes_by_it = step.contains("INDEX") && !step.contains("AUTOMATIC");
                assert!(!goes_by_it, "{step}: {sql}");
            }
        }
    }
}
