//! What the audit of the schema looks for: all that the migrations made, and not less.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod database;

use domain::{
    audit::{Findings, Invariant},
    ports::AuditedLedger,
};

use crate::database::{SERVER, fresh_database, ledger_in};

/// Every constraint, unique index and trigger there is: its name, how many go with it, for a reference
/// needs what it leads to, and what drops it.
const KEPT_BY: &str = "
    SELECT
        conname,
        1 + (
            SELECT count(*)
            FROM pg_constraint AS reference
            WHERE reference.contype = 'f' AND reference.confrelid = kept.conrelid
                AND reference.conindid = kept.conindid AND kept.contype <> 'f'
        ),
        format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', conrelid::regclass, conname)
    FROM pg_constraint AS kept
    WHERE contype <> 'n' AND conrelid::regclass::text <> 'refinery_schema_history'
        AND connamespace = 'public'::regnamespace
    UNION ALL
    SELECT indexrelid::regclass::text, 1, format('DROP INDEX %s', indexrelid::regclass)
    FROM pg_index AS index
    JOIN pg_class AS class ON class.oid = index.indexrelid
    WHERE indisunique AND relnamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    UNION ALL
    SELECT tgname, 1, format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass)
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
        let [name, gone, drop] = line.splitn(3, '|').collect::<Vec<_>>()[..] else {
            panic!("three columns: {line}")
        };
        let gone: usize = gone.parse().unwrap();

        let output =
            SERVER.psql(&database, &format!("BEGIN; {drop}; {breaches}; ROLLBACK")).unwrap();

        let is_named = output.contains(&format!(" {name} of ")) && output.contains("is missing");
        assert!(is_named && output.lines().count() == gone, "{drop}: {output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_whose_tables_are_gone_is_missing_them() {
    let database = fresh_database().await;
    let drop = "DROP TABLE sales, checkout_attempts, purchases, sold_counts";
    SERVER.psql(&database, drop).unwrap();
    let mut findings = Findings::default();

    let error = ledger_in(&database).audit(None, &mut findings).await.unwrap_err();

    assert_eq!(error.to_string(), "AuditedLedger::audit failed");
    let missing = findings.of(Invariant::SchemaStands).unwrap();
    assert!(missing.count() > 25, "{missing:?}");
    assert_eq!(findings.of(Invariant::UnitsLiveOnce), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_never_migrated_or_not_to_the_end_is_not_called_broken() {
    let behind = fresh_database().await;
    SERVER.psql(&behind, "DELETE FROM refinery_schema_history WHERE version > 1").unwrap();
    SERVER.create_database("empty_for_audit").unwrap();

    for database in ["empty_for_audit", &behind] {
        let mut findings = Findings::default();
        let error = ledger_in(database).audit(None, &mut findings).await.unwrap_err();

        let said = std::error::Error::source(&error).unwrap().to_string();
        assert!(said.contains("migrate first"), "{said}");
        assert_eq!(findings.of(Invariant::SchemaStands), None, "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_database_sets_otherwise_is_not_taken_for_a_breach() {
    let database = fresh_database().await;
    for set in [
        "standard_conforming_strings = off",
        "quote_all_identifiers = on",
        "default_transaction_isolation = 'serializable'",
        "enable_indexscan = off",
        "jit_above_cost = 0",
    ] {
        SERVER.psql("postgres", &format!("ALTER DATABASE {database} SET {set}")).unwrap();
    }
    let mut findings = Findings::default();

    ledger_in(&database).audit(None, &mut findings).await.unwrap();

    let found = findings.of(Invariant::SchemaStands).unwrap();
    assert_eq!(found.count(), 0, "{found:?}");
}
