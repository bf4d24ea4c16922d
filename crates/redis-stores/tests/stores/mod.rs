//! A live store on a server of a test program.

use std::{num::NonZeroUsize, sync::Arc};

use batcher::Limits;
use dev_servers::RedisServer;
use redis_stores::RedisStores;
use store_contract::{Live, fixtures::WallClock};

/// A live store on this server, with room for a crowd: one process of the service.
pub(crate) fn live_on(server: &RedisServer) -> Live {
    let max = |it| NonZeroUsize::new(it).unwrap();
    let limits = Limits::patient(max(4_096), max(256));
    let stores = RedisStores::new(&server.url(), limits).unwrap();
    Live::new(Arc::new(stores), Arc::new(WallClock))
}
