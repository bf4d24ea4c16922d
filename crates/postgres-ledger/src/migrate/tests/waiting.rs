//! Migrations that meet somebody.

use deadpool_postgres::Transaction;

use super::*;

/// Somebody else in the same database, who may do anything.
async fn somebody_else(database: &str) -> Object {
    pool_of(database, "postgres").get().await.unwrap()
}

/// Takes this lock on table `a` in a transaction of its own.
async fn lock<'c>(client: &'c mut Object, mode: &str) -> Transaction<'c> {
    let transaction = client.transaction().await.unwrap();
    let sql =
        format!("SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE a IN {mode} MODE");
    transaction.batch_execute(&sql).await.unwrap();
    transaction
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_waits_for_a_lock_lets_others_pass_and_comes_again() {
    let pool = pool_of_one("locked");
    run_sql("locked", "CREATE TABLE a (n int); ALTER TABLE a OWNER TO owner_of_locked");
    let mut reader = somebody_else("locked").await;
    let mut buyer = somebody_else("locked").await;
    let read = lock(&mut reader, "ACCESS SHARE").await;
    let migrations = runner(&["CREATE TABLE b ()", "ALTER TABLE a ADD COLUMN more int"]);
    let migrated = tokio::spawn(async move { migrate(&pool, &migrations).await });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'a'::regclass";
    while run_sql("locked", waits) == "0" {
        assert!(!migrated.is_finished());
    }

    // Who queues behind it gives up after a quarter of a second.
    for n in 0..20 {
        let write = lock(&mut buyer, "ROW EXCLUSIVE").await;
        write.execute("INSERT INTO a VALUES ($1)", &[&n]).await.unwrap();
        write.commit().await.unwrap();
    }

    assert!(!migrated.is_finished());
    read.commit().await.unwrap();
    // The first went through while the second waited, and counts.
    assert_eq!(migrated.await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn whoever_waits_too_long_says_for_whom() {
    SERVER.create_database("too_long").unwrap();
    run_sql("too_long", "CREATE TABLE a (n int)");
    let pool = pool_of("too_long", "postgres");
    let mut reader = somebody_else("too_long").await;
    reader.batch_execute("SET application_name = 'a long report'").await.unwrap();
    let _read = lock(&mut reader, "ACCESS SHARE").await;

    let blocked = super::super::migrate(&pool, &runner(&["DROP TABLE a"]), Duration::ZERO).await;

    let blocked = blocked.unwrap_err();
    assert!(!blocked.is_final(), "{blocked:?}");
    assert!(blocked.to_string().contains("(a long report, in a transaction for"), "{blocked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_away_in_mid_migration_gives_the_turn_back() {
    SERVER.create_database("gone").unwrap();
    let long = runner(&["CREATE TABLE a (); SELECT pg_sleep(3600)"]);
    let pool = pool_of("gone", "postgres");
    let first = tokio::spawn(async move { migrate(&pool, &long).await });
    while run_sql("gone", TURNS) == "0" {
        assert!(!first.is_finished());
    }
    let pool = pool_of("gone", "postgres");
    let short = runner(&["CREATE TABLE a ()"]);
    let blocked = super::super::migrate(&pool, &short, Duration::ZERO).await.unwrap_err();
    assert!(blocked.to_string().contains("(flashsale, in a transaction for"), "{blocked}");

    first.abort();

    assert_eq!(migrate(&pool, &short).await.unwrap(), 1);
}
