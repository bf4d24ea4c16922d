//! Migrations whose commit waits for a standby that is not there.

use std::thread;

use super::*;

/// Has each commit wait for a standby from now on, and returns when one does.
fn wait_for_ever(server: &Arc<PostgresServer>) {
    server.wait_for_standbys(true).unwrap();
    let this = Arc::clone(server);
    thread::spawn(move || this.psql("postgres", "SELECT pg_logical_emit_message(true, 'a', 'b')"));
    while server.waits().unwrap() == 0 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_no_standby_confirms_is_not_told_as_done() {
    let server = Arc::new(PostgresServer::start().unwrap());
    server.create_database("alone").unwrap();
    let pool = crate::pool_of(&server.url("alone"), 2, &crate::settings::upkeep());
    // None can be made any more when commits wait.
    let there = [pool.get().await.unwrap(), pool.get().await.unwrap()];
    drop(there);
    block_in_place(|| wait_for_ever(&server));
    let migrations = runner(&["CREATE TABLE a ()"]);

    let given_up = super::super::migrate(&pool, &migrations, Duration::ZERO).await.unwrap_err();
    let migrated = tokio::spawn(async move { migrate(&pool, &migrations).await });
    while !migrated.is_finished() {
        block_in_place(|| server.cancel_waits()).unwrap();
    }
    let cancelled = migrated.await.unwrap().unwrap_err();

    for error in [given_up, cancelled] {
        assert!(matches!(error, MigrateError::Unconfirmed(_)) && !error.is_final(), "{error:?}");
        assert!(error.to_string().contains("Bring a standby back"), "{error}");
    }
}
