//! What holds up a statement of the ledger until a test opens it.

use store_contract::fixtures::{WallClock, until};
use tokio_postgres::{Client, NoTls};

use crate::database::SERVER;

/// A trigger that waits.
pub(crate) struct Gate {
    keeper: Client,
}

/// The sessions of this database that wait for a lock.
pub(crate) const WAITING: &str = "FROM pg_stat_activity \
                                  WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// A session of somebody else.
pub(crate) async fn client(database: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(&SERVER.url(database), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Gate {
    /// Has whatever this trigger is for wait at it.
    pub(crate) async fn at(database: &str, trigger: &str) -> Self {
        let keeper = client(database).await;
        let make = format!(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS \
             $$BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NEW; END$$; \
             CREATE {trigger} EXECUTE FUNCTION wait(); SELECT pg_advisory_lock(7)"
        );
        keeper.batch_execute(&make).await.unwrap();
        Self { keeper }
    }

    /// How many sessions wait, there or for somebody who does.
    pub(crate) async fn waiting(&self) -> i64 {
        let waiting = format!("SELECT count(*) {WAITING}");
        self.keeper.query_one(&waiting, &[]).await.unwrap().get(0)
    }

    /// Returns when so many do.
    pub(crate) async fn until_waiting(&self, sessions: i64) {
        until(&WallClock, async || (self.waiting().await == sessions).then_some(())).await;
    }

    /// Lets all go on.
    pub(crate) async fn open(&self) {
        self.keeper.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    }
}
