//! The promises of a live store, kept by Redis.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod stores;

use std::sync::{Arc, LazyLock};

use dev_servers::RedisServer;
use store_contract::{Live, fixtures::WallClock, processes::Told, turns::Shared};

use crate::stores::{Ledger, live_on, stores_at, told_at};

mod sale_store {
    store_contract::sale_store_contract!(super::live);
}

mod code_store {
    store_contract::code_store_contract!(super::live);
}

mod processes {
    store_contract::processes_contract!(super::told);
}

mod turns {
    store_contract::turns_contract!(super::shared);
}

static SERVER: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start().unwrap());

/// Two processes of a ledger of their own.
async fn told() -> Told {
    told_at(&SERVER.url())
}

/// Two processes that share turns, on a server of their own, which some case ends.
async fn shared() -> Shared {
    let server = Arc::new(RedisServer::start().unwrap());
    let process = || Arc::new(stores_at(&server.url(), Ledger(7)));
    let (one, other) = (process(), process());
    let restart = Arc::new(move || {
        server.kill().unwrap();
        server.start_again().unwrap();
    });
    Shared { one, other, clock: Arc::new(WallClock), restart }
}

/// A live store on the one server of this program. Each case has sales of its own numbers.
async fn live() -> Live {
    live_on(&SERVER)
}
