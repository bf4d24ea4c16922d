//! The promises of a live store, kept in the memory of this process.

use std::sync::Arc;

use memory_stores::MemoryStores;
use store_contract::{Live, fixtures::WallClock};

mod sale_store {
    store_contract::sale_store_contract!(super::live);
}

mod code_store {
    store_contract::code_store_contract!(super::live);
}

async fn live() -> Live {
    let clock = Arc::new(WallClock);
    Live::new(Arc::new(MemoryStores::new(clock.clone())), clock)
}
