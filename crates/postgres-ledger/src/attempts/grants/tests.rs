//! What is noted of grants that were recorded while the server was lost.

use std::{num::NonZeroUsize, sync::Arc};

use credentials::Access;
use dev_servers::PostgresServer;
use domain::{
    NewSale, Origin, Sale, Terms, Window,
    ports::{RaiseReply, SaleRegister},
};
use store_contract::{
    fixtures::{HOUR, WallClock, nth_user, until},
    grant,
};
use tokio::task::block_in_place;
use tokio_postgres::{Client, NoTls};

use super::*;
use crate::{
    Connections, Durability, PostgresLedger, pool_of,
    servers::{ConnectError, Servers, Source, Use, of_pool, pool},
    settings,
};

const DATABASE: &str = "ledger";

/// A sale that is open.
async fn open_sale(server: &PostgresServer) -> Sale {
    let max = NonZeroUsize::new(8).unwrap();
    let limits = batcher::Limits::patient(max, max);
    let (access, connections) =
        (Access::to_database(server.url(DATABASE)), Connections::for_threads(1));
    let ledger = PostgresLedger::new(access, Durability::Single, connections, limits).unwrap();
    ledger.migrate().await.unwrap();
    let starts_at = ledger.now().await.unwrap() + -60_000;
    let window = Window::new(starts_at, starts_at + HOUR).unwrap();
    let terms = Terms::new(9, 1, HOUR).unwrap();
    let sale = NewSale::unnamed(window, terms, Origin::Timetable);
    let sale = ledger.schedule(sale).await.unwrap().unwrap();
    match ledger.raise_epoch(sale.id, None).await.unwrap() {
        RaiseReply::Raised(snapshot) => snapshot.sale,
        other => panic!("the first epoch is raised: {other:?}"),
    }
}

/// A standby that has what the server has by now, and will have no more.
async fn left_behind(server: &PostgresServer) -> PostgresServer {
    let standby = block_in_place(|| server.start_standby()).unwrap();
    for sql in ["ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"] {
        block_in_place(|| standby.psql("postgres", sql)).unwrap();
    }
    let follow = || server.psql("postgres", "SELECT count(*) FROM pg_stat_replication");
    let is_alone = || block_in_place(follow).unwrap().trim() == "0";
    until(&WallClock, async || is_alone().then_some(())).await;
    standby
}

async fn client(server: &PostgresServer) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(DATABASE), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// How many sessions wait for a lock.
async fn waiting(keeper: &Client) -> i64 {
    let waiting = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    keeper.query_one(waiting, &[]).await.unwrap().get(0)
}

/// Returns when so many do.
async fn until_waiting(keeper: &Client, sessions: i64) {
    until(&WallClock, async || (waiting(keeper).await == sessions).then_some(())).await;
}

/// The server is lost while the rest of its batch is looked up, which is done on the promoted one.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_a_promoted_server_lacks_is_missed_there_by_its_own_batch() {
    let first = PostgresServer::start().unwrap();
    first.create_database(DATABASE).unwrap();
    let sale = open_sale(&first).await;
    let attempt = |number| Attempt {
        sale: sale.id,
        user: nth_user(number),
        outcome: Outcome::Granted(grant(&sale, number, 0)),
    };
    let (there, new) = (attempt(1), attempt(2));
    let alone = pool_of(&first.url(DATABASE), 1, &settings::hot());
    RecordGrants(Session::new(alone)).record(&[&there]).await.unwrap();
    let second = left_behind(&first).await;
    let source = Access::to_database(PostgresServer::url_of_all(&[&first, &second], DATABASE));
    let servers = Servers::of(Source::new(source).unwrap(), Durability::Single, 7);
    // With the patience of the upkeep, so that nothing is given up at the gate.
    let pool = pool(&Arc::new(servers), 7, &settings::upkeep(), Use::Buyers).unwrap();
    let (keeper, locker) = (client(&first).await, client(&first).await);
    // The new one is recorded by the second run, for the first one meets the one that is there.
    let gate = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS \
                $$BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NEW; END$$; \
                CREATE TRIGGER wait BEFORE INSERT ON checkout_attempts FOR EACH ROW \
                WHEN (NEW.unit = 2) EXECUTE FUNCTION wait(); SELECT pg_advisory_lock(7)";
    keeper.batch_execute(gate).await.unwrap();

    let mut grants = RecordGrants(Session::new(pool.clone()).patient());
    let recording = tokio::spawn(async move { grants.record(&[&there, &new]).await.map(drop) });
    until_waiting(&keeper, 1).await;
    let lock = "BEGIN; LOCK TABLE checkout_attempts IN ACCESS EXCLUSIVE MODE";
    let locking = tokio::spawn(async move { locker.batch_execute(lock).await.map(|()| locker) });
    until_waiting(&keeper, 2).await;
    keeper.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    let _locker = locking.await.unwrap().unwrap();
    // On a machine that has other work, the look-up may have been given up by now.
    let is_over = async || recording.is_finished() || waiting(&keeper).await == 1;
    until(&WallClock, async || is_over().await.then_some(())).await;
    block_in_place(|| first.kill().and_then(|()| second.promote())).unwrap();
    recording.await.unwrap().unwrap();

    let refused = pool.get().await.map(drop).map_err(of_pool);
    assert!(matches!(refused, Err(ConnectError::AnswersLost)), "{refused:?}");
}
