//! The promises of a live store, kept in the memory of this process.

use std::sync::Arc;

use memory_stores::MemoryStores;
use store_contract::{Live, fixtures::WallClock, processes::Told};

mod sale_store {
    store_contract::sale_store_contract!(super::live);
}

mod code_store {
    store_contract::code_store_contract!(super::live);
}

mod processes {
    store_contract::processes_contract!(super::told);
}

/// What is in one memory, for whoever has it.
async fn told() -> Told {
    let stores = Arc::new(MemoryStores::new(Arc::new(WallClock)));
    Told { one: stores.clone(), other: stores }
}

async fn live() -> Live {
    let clock = Arc::new(WallClock);
    Live::new(Arc::new(MemoryStores::new(clock.clone())), clock)
}
