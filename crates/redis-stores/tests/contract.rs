//! The promises of a live side, kept by Redis.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{
    num::NonZeroUsize,
    sync::{Arc, LazyLock},
};

use batcher::Limits;
use dev_servers::RedisServer;
use redis_stores::RedisStores;
use store_contract::{Live, fixtures::WallClock};

mod sale_store {
    store_contract::sale_store_contract!(super::live);
}

mod code_store {
    store_contract::code_store_contract!(super::live);
}

/// A live side on the one server of this program. Each case has sales of its own numbers.
async fn live() -> Live {
    static SERVER: LazyLock<RedisServer> = LazyLock::new(|| RedisServer::start().unwrap());
    let limits = Limits {
        queue_max: NonZeroUsize::new(4_096).unwrap(),
        batch_max: NonZeroUsize::new(256).unwrap(),
    };
    Live::new(Arc::new(RedisStores::new(&SERVER.url(), limits).unwrap()), Arc::new(WallClock))
}
