//! The service that a page comes from, and its stores.

use std::{sync::Arc, time::Duration};

use dev_servers::{Database, PostgresServer, Program, RedisServer, Service, Stores};

use crate::eye::BINARY;

/// How long the service may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Redis and a Postgres that a test may break.
pub(crate) fn servers() -> Stores {
    let postgres = Arc::new(PostgresServer::start().unwrap());
    Stores::servers(Database::create(&postgres, "flashsale").unwrap()).unwrap()
}

/// The live store of those.
pub(crate) fn redis(stores: &Stores) -> &RedisServer {
    let Stores::Servers { redis, .. } = stores else { panic!("a directory has none") };
    redis
}

/// The ledger of those.
pub(crate) fn postgres(stores: &Stores) -> &PostgresServer {
    let Stores::Servers { database, .. } = stores else { panic!("a directory has none") };
    database.server()
}

/// The service on stores, without sales but those that are made by hand.
pub(crate) fn program(stores: &Stores) -> Program {
    let program = Program::at(BINARY).on(&stores.place());
    program.env("SALE_PERIOD", "off").env("QUEUE_WAIT_MAX", "10s")
}

/// Serves what operators' commands make of an empty ledger.
pub(crate) fn serve(program: &Program, commands: &[&[&str]]) -> Service {
    program.run(&["migrate"]).unwrap();
    for command in commands {
        program.run(command).unwrap();
    }
    let service = program.start(&["serve"]).unwrap();
    service.await_ready(PATIENCE).unwrap();
    service
}
