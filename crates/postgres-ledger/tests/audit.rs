//! What the audit of the schema looks for: all that the migrations made, and not less.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod database;

use domain::{
    audit::{Findings, Invariant},
    ports::AuditedLedger,
};

use crate::database::{SERVER, fresh_database, ledger_in};

/// Every constraint, unique index and trigger there is: its name, and what drops it.
const KEPT_BY: &str = "
    SELECT conname, format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
    FROM pg_constraint
    WHERE contype <> 'n' AND conrelid::regclass::text <> 'refinery_schema_history'
        AND connamespace = 'public'::regnamespace
    UNION ALL
    SELECT indexrelid::regclass::text, format('DROP INDEX %s', indexrelid::regclass)
    FROM pg_index AS index
    JOIN pg_class AS class ON class.oid = index.indexrelid
    WHERE indisunique AND relnamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    UNION ALL
    SELECT tgname, format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass)
    FROM pg_trigger
    WHERE NOT tgisinternal";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_migration_made_to_keep_a_promise_is_missed_when_it_is_gone() {
    let database = fresh_database().await;
    let breaches = include_str!("../src/sql/audit/schema_stands.sql").replace("$1", "100");
    assert_eq!(SERVER.psql(&database, &breaches).unwrap(), "");

    let kept_by = SERVER.psql(&database, KEPT_BY).unwrap();
    assert!(kept_by.lines().count() >= 24, "{kept_by}");
    for line in kept_by.lines() {
        let (name, drop) = line.split_once('|').unwrap();

        let output =
            SERVER.psql(&database, &format!("BEGIN; {drop}; {breaches}; ROLLBACK")).unwrap();

        let is_named = output.contains(&format!(" {name} of ")) && output.contains("is missing");
        assert!(is_named && output.lines().count() == 1, "{drop}: {output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_tables_is_missing_them() {
    SERVER.create_database("empty_for_audit").unwrap();
    let mut findings = Findings::default();

    let error = ledger_in("empty_for_audit").audit(None, &mut findings).await.unwrap_err();

    assert_eq!(error.to_string(), "AuditedLedger::audit failed");
    let missing = findings.of(Invariant::SchemaStands).unwrap();
    assert!(missing.count() > 25, "{missing:?}");
    assert_eq!(findings.of(Invariant::UnitsLiveOnce), None);
}
