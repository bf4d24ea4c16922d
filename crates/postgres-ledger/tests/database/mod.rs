//! A ledger in a fresh database, on the one server of a test program.

use std::{
    num::NonZeroUsize,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use batcher::Limits;
use credentials::Access;
use dev_servers::PostgresServer;
use postgres_ledger::{Connections, Durability, PostgresLedger};
use tokio::sync::OnceCell;

const TEMPLATE: &str = "template_of_cases";

/// The one server of this program.
pub(crate) static SERVER: LazyLock<PostgresServer> =
    LazyLock::new(|| PostgresServer::start().unwrap());

/// Makes a database that has the schema and nothing else, and says its name. The schema is
/// made once; each database is a copy.
pub(crate) async fn fresh_database() -> String {
    static MIGRATED: OnceCell<()> = OnceCell::const_new();
    static LAST: AtomicU32 = AtomicU32::new(0);
    MIGRATED
        .get_or_init(async || {
            SERVER.create_database(TEMPLATE).unwrap();
            ledger_in(TEMPLATE).migrate().await.unwrap();
        })
        .await;
    let name = format!("case_{}", LAST.fetch_add(1, Ordering::Relaxed));
    SERVER.create_database_from(&name, TEMPLATE).unwrap();
    name
}

/// A ledger in this database, with room for a crowd.
pub(crate) fn ledger_in(database: &str) -> PostgresLedger {
    ledger_at(SERVER.url(database))
}

/// The ledger that a URL leads to.
pub(crate) fn ledger_at(url: String) -> PostgresLedger {
    let max = |it| NonZeroUsize::new(it).unwrap();
    let limits = Limits::patient(max(4_096), max(256));
    let (access, connections) = (Access::to_database(url), Connections::for_threads(16));
    PostgresLedger::new(access, Durability::Single, connections, limits).unwrap()
}
