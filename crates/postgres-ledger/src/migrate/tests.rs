//! Migrations that go wrong: with migrations of the tests' own, on a real server.

mod expanding;
mod unconfirmed;
mod waiting;

use std::{
    error::Error,
    sync::{Arc, LazyLock},
};

use dev_servers::PostgresServer;
use tokio::task::block_in_place;

use super::*;

static SERVER: LazyLock<PostgresServer> = LazyLock::new(|| PostgresServer::start().unwrap());

/// Makes a database of this name and a role that owns its schema; the server lets the role have no
/// second connection. Returns a pool that could hold two.
fn pool_of_one(database: &str) -> Pool {
    SERVER.create_database(database).unwrap();
    let owner = format!("owner_of_{database}");
    run_sql(
        database,
        &format!(
            "CREATE ROLE {owner} LOGIN CONNECTION LIMIT 1; ALTER SCHEMA public OWNER TO {owner}"
        ),
    );
    pool_of(database, &owner)
}

fn pool_of(database: &str, role: &str) -> Pool {
    let url = SERVER.url(database).replace("postgres@", &format!("{role}@"));
    crate::pool_of(&url, 2, &crate::settings::upkeep())
}

/// How many hold the turn in this database.
const TURNS: &str = "SELECT count(*) FROM pg_locks WHERE granted AND locktype = 'advisory' AND \
                     database = (SELECT oid FROM pg_database WHERE datname = current_database())";

fn run_sql(database: &str, sql: &str) -> String {
    SERVER.psql(database, sql).unwrap().trim().to_owned()
}

/// A runner of these migrations, numbered from 1.
fn runner(migrations: &[&str]) -> Runner {
    let unapplied = |(sql, number): (&&str, i32)| {
        Migration::unapplied(&format!("V{number}__test"), sql).unwrap()
    };
    let migrations = migrations.iter().zip(1..).map(unapplied).collect::<Vec<_>>();
    Runner::new(&migrations).set_abort_missing(false)
}

/// What an error says, and what its causes say.
fn text_of(error: &MigrateError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

async fn migrate(pool: &Pool, runner: &Runner) -> Result<usize, MigrateError> {
    super::migrate(pool, runner, PATIENCE).await
}

#[test]
fn no_migration_is_changed_or_removed_and_a_new_one_is_listed() {
    let of = |migration: &Migration| format!("{migration} {}", migration.checksum());
    let listed = include_str!("../../../../migrations/checksums.txt").lines().collect::<Vec<_>>();

    let mut present = ours().get_migrations().clone();
    present.sort();

    assert_eq!(present.iter().map(of).collect::<Vec<_>>(), listed, "see migrations/README.md");
}

#[tokio::test]
async fn one_connection_is_enough_and_none_in_the_pool_is_set_otherwise_than_before() {
    let pool = pool_of_one("one");
    let runner = runner(&["CREATE TABLE a ()", "CREATE TABLE b ()"]);

    assert_eq!(migrate(&pool, &runner).await.unwrap(), 2);

    assert_eq!(pool.status().size, 0, "the connection that migrated is in the pool");
    let settings = "SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN \
                    ('statement_timeout', 'lock_timeout', 'idle_session_timeout', 'enable_seqscan')";
    let client = connected(&pool).await;
    let settings: String = client.query_one(settings, &[]).await.unwrap().get(0);
    assert_eq!(settings, "off 0 250 6000");
    drop(client);
    assert_eq!(migrate(&pool, &runner).await.unwrap(), 0);
    assert_eq!(run_sql("one", TURNS), "0");
}

/// A connection, once the server has noticed that the one before is gone.
async fn connected(pool: &Pool) -> Object {
    loop {
        match pool.get().await {
            Ok(client) => return client,
            Err(error) => assert!(format!("{error:?}").contains("53300"), "{error:?}"),
        }
    }
}

#[tokio::test]
async fn what_the_server_refuses_for_what_it_says_is_final_and_undone() {
    SERVER.create_database("broken").unwrap();
    let pool = pool_of("broken", "postgres");
    run_sql("broken", "CREATE TABLE in_the_way (n int); INSERT INTO in_the_way VALUES (1), (1)");

    for (sql, code, says) in [
        ("CREATE TABEL a ()", "42601", "syntax error"),
        ("ALTER TABLE nowhere ADD COLUMN n int", "42P01", "does not exist"),
        ("CREATE TABLE in_the_way ()", "42P07", "already exists"),
        ("ALTER TABLE in_the_way ADD UNIQUE (n)", "23505", "could not create unique index"),
        ("CREATE INDEX CONCURRENTLY i ON in_the_way (n)", "25001", "inside a transaction block"),
    ] {
        let sql = format!("CREATE TABLE before (); {sql}");
        let error = migrate(&pool, &runner(&[&sql])).await.unwrap_err();

        let text = text_of(&error);
        assert!(error.is_final() && text.contains(code) && text.contains(says), "{sql}: {text}");
        assert!(text.contains("V1__test"), "it does not say which: {text}");
        assert_eq!(run_sql("broken", "SELECT to_regclass('before') IS NULL"), "t");
    }
}

#[tokio::test]
async fn a_history_that_is_another_is_final() {
    let pool = pool_of_one("other_history");
    migrate(&pool, &runner(&["CREATE TABLE a ()"])).await.unwrap();

    let changed = loop {
        match migrate(&pool, &runner(&["CREATE TABLE a (n int)"])).await.unwrap_err() {
            MigrateError::NotYet(error) => assert!(format!("{error:?}").contains("53300")),
            error => break error,
        }
    };

    assert!(changed.is_final(), "{changed:?}");
    assert!(text_of(&changed).contains("V1__test is different"), "{}", text_of(&changed));
}

#[tokio::test]
async fn a_history_with_a_gap_or_with_a_stranger_in_the_middle_is_final() {
    SERVER.create_database("gap").unwrap();
    let pool = pool_of("gap", "postgres");
    migrate(&pool, &runner(&["CREATE TABLE a ()", "CREATE TABLE b ()"])).await.unwrap();
    let ours = |versions: &[i32]| {
        let unapplied =
            |version: &i32| Migration::unapplied(&format!("V{version}__test"), "SELECT 1").unwrap();
        Runner::new(&versions.iter().map(unapplied).collect::<Vec<_>>()).set_abort_missing(false)
    };
    let of_the_other = "UPDATE refinery_schema_history SET version = 3 WHERE version = 2; \
                        UPDATE refinery_schema_history SET version = 2 WHERE version = 1";
    run_sql("gap", of_the_other);

    for (versions, says) in [
        (&[1, 2, 3][..], "V3 was applied, but V1__test before it was not"),
        (&[3, 4], "V2 was applied, which this version does not know"),
    ] {
        let error = migrate(&pool, &ours(versions)).await.unwrap_err();

        let text = text_of(&error);
        assert!(error.is_final() && text.contains(says), "{text}");
    }
}

#[tokio::test]
async fn the_right_that_a_role_lacks_is_named_whichever_it_is() {
    SERVER.create_database("lacking").unwrap();
    run_sql("lacking", "CREATE ROLE lacking LOGIN; ALTER SCHEMA public OWNER TO lacking");
    let pool = pool_of("lacking", "lacking");
    let first = "CREATE TABLE a ()";
    migrate(&pool, &runner(&[first])).await.unwrap();
    let both = runner(&[first, "CREATE TABLE b ()"]);
    for (take, give_back, needs) in [
        (
            "REVOKE INSERT ON refinery_schema_history FROM lacking",
            "GRANT INSERT ON refinery_schema_history TO lacking",
            "SELECT and INSERT on refinery_schema_history",
        ),
        (
            "ALTER SCHEMA public OWNER TO postgres; REVOKE ALL ON SCHEMA public FROM PUBLIC",
            "GRANT USAGE ON SCHEMA public TO PUBLIC",
            "USAGE on a schema that its search_path names",
        ),
        (
            "REVOKE CONNECT ON DATABASE lacking FROM PUBLIC",
            "GRANT CONNECT ON DATABASE lacking TO PUBLIC",
            "CONNECT on the database",
        ),
    ] {
        run_sql("lacking", take);
        pool.retain(|_, _| false);

        let error = migrate(&pool, &both).await.unwrap_err();

        let text = text_of(&error);
        assert!(error.is_final() && text.contains(needs), "{take}: {text}");
        run_sql("lacking", give_back);
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_or_cannot_now_is_asked_again() {
    let nowhere = migrate(&pool_of("nowhere", "postgres"), &runner(&[])).await.unwrap_err();
    assert!(!nowhere.is_final(), "{nowhere:?}");

    SERVER.create_database("troubled").unwrap();
    let pool = pool_of("troubled", "postgres");
    for code in ["57P01", "57P03", "57014", "53100", "53300", "40001", "40P01", "08006", "25006"] {
        let raise = format!("DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$");
        let error = migrate(&pool, &runner(&[&raise])).await.unwrap_err();

        assert!(matches!(error, MigrateError::NotYet(_)), "{code}: {error:?}");
    }
    let killed = "SELECT pg_terminate_backend(pg_backend_pid())";
    let error = migrate(&pool, &runner(&[killed])).await.unwrap_err();
    assert!(!error.is_final(), "{error:?}");
}

#[tokio::test]
async fn a_role_that_may_only_read_and_write_rows_will_do_where_nothing_is_missing() {
    SERVER.create_database("rows_only").unwrap();
    migrate(&pool_of("rows_only", "postgres"), &ours()).await.unwrap();
    run_sql(
        "rows_only",
        "CREATE ROLE clerk LOGIN; \
         GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO clerk",
    );
    let pool = pool_of("rows_only", "clerk");

    assert_eq!(migrate(&pool, &ours()).await.unwrap(), 0);

    let mut more = ours().get_migrations().clone();
    more.push(Migration::unapplied("V999__more", "ALTER TABLE sales ADD COLUMN n int").unwrap());
    let error = migrate(&pool, &Runner::new(&more)).await.unwrap_err();
    let text = text_of(&error);
    assert!(error.is_final() && text.contains("CREATE in the schema"), "{text}");

    run_sql("rows_only", "REVOKE SELECT ON refinery_schema_history FROM clerk");
    let error = migrate(&pool, &ours()).await.unwrap_err();
    let text = text_of(&error);
    assert!(error.is_final() && text.contains("SELECT on refinery_schema_history"), "{text}");
}

/// The look for a pooler needs a second connection, which may not be had.
#[tokio::test]
async fn a_session_that_is_not_the_one_of_before_is_a_poolers() {
    let pool = pool_of_one("pooled");

    let refused = migrate(&pool, &runner(&["EXECUTE of_another_session"])).await.unwrap_err();

    assert!(refused.is_final(), "{refused:?}");
    assert!(text_of(&refused).contains("a pooler in transaction mode is between"), "{refused:?}");
}
