//! The promises of a live store, kept by Redis.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod stores;

use std::sync::LazyLock;

use dev_servers::RedisServer;
use store_contract::Live;

use crate::stores::live_on;

mod sale_store {
    store_contract::sale_store_contract!(super::live);
}

mod code_store {
    store_contract::code_store_contract!(super::live);
}

/// A live store on the one server of this program. Each case has sales of its own numbers.
async fn live() -> Live {
    static SERVER: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start().unwrap());
    live_on(&SERVER)
}
