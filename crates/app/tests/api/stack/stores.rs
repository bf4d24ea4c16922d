//! The stores of a test: a database of its own on the server of all and a Redis of its own, or a
//! directory.

use std::sync::{
    Arc, LazyLock, Mutex,
    atomic::{AtomicU32, Ordering},
};

use dev_servers::{Database, PostgresServer, Program, Stack, Stores};

/// A database with the schema in it, that every test's own is copied from.
const TEMPLATE: &str = "flashsale_template";

/// One server for all tests that do not break it.
static POSTGRES: LazyLock<Arc<PostgresServer>> =
    LazyLock::new(|| Arc::new(PostgresServer::start().unwrap()));

/// Empty ones. Whoever breaks Postgres needs one of their own.
pub(super) fn make(stack: Stack, own_postgres: bool) -> Stores {
    match stack {
        Stack::Servers if own_postgres => on(&Arc::new(PostgresServer::start().unwrap())),
        Stack::Servers => on(&POSTGRES),
        Stack::Embedded => {
            let stores = Stores::embedded().unwrap();
            service().on(&stores.place()).run(&["migrate"]).unwrap();
            stores
        }
    }
}

/// Copies the template; it is made by the service's own `migrate`, once a server.
fn on(server: &Arc<PostgresServer>) -> Stores {
    static TURN: Mutex<()> = Mutex::new(());
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let turn = TURN.lock().unwrap();
    if !server.has_database(TEMPLATE).unwrap() {
        let template = Database::create(server, TEMPLATE).unwrap();
        service().env("DATABASE_URL", template.url()).run(&["migrate"]).unwrap();
    }
    let name = format!("flashsale_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let database = Database::create_from(server, &name, TEMPLATE).unwrap();
    drop(turn);
    Stores::servers(database).unwrap()
}

fn service() -> Program {
    Program::at(env!("CARGO_BIN_EXE_flashsale"))
}
