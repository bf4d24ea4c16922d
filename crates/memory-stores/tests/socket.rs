//! Looking at the live store of another process.

use std::{fs, os::unix::fs::PermissionsExt, sync::Arc};

use async_trait::async_trait;
use domain::ports::{AuditedLive, SaleSnapshot, SaleStore};
use memory_stores::{LiveSocket, MemoryStores, Orders, RemoteLive};
use store_contract::fixtures::{NOW, WallClock, open_sale};
use tokio_util::sync::CancellationToken;

/// Says which order came.
struct Echo;

#[async_trait]
impl Orders for Echo {
    async fn give(&self, order: &str) -> String {
        format!("{order} came")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_with_a_long_name_is_looked_into_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["data".to_owned(), "d".repeat(120)] {
        let path = dir.path().join(name).join("live.sock");
        fs::create_dir(path.parent().unwrap()).unwrap();
        let live = Arc::new(MemoryStores::new(Arc::new(WallClock)));
        let sale = open_sale(5, 1);
        live.load(&SaleSnapshot { sale, live: Vec::new() }, NOW).await.unwrap();

        let socket = LiveSocket::bind(path.clone(), live, Arc::new(|| NOW + 7)).unwrap();

        let stop = CancellationToken::new();
        let answering = tokio::spawn(socket.answer(Arc::new(Echo), stop.clone()));
        let seen = RemoteLive::at(path.clone()).snapshot(sale.id).await.unwrap().unwrap();
        assert_eq!((seen.sale, seen.free.len()), (sale.id, 5));
        assert_eq!(RemoteLive::at(path.clone()).now().await, Some(NOW + 7));
        // As long as one with a picture may be.
        for order in ["end 7".to_owned(), "p".repeat(1_000_000)] {
            let said = RemoteLive::at(path.clone()).order(&order).await.unwrap();
            assert_eq!(said, format!("{order} came"));
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        stop.cancel();
        answering.await.unwrap();
        // It stays behind, and the next process takes its place.
        let live = Arc::new(MemoryStores::new(Arc::new(WallClock)));
        let _next = LiveSocket::bind(path, live, Arc::new(|| NOW)).unwrap();
    }
}
