//! What crowds of readers are promised: [`Board`](domain::Board) and [`Health`](domain::Health).

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod board;
mod early;
mod health;
mod pages;
mod products;

use std::{pin::Pin, sync::Arc};

use async_trait::async_trait;
use domain::{
    Ports, Sale, Services,
    ports::{Clock, SaleRegister, Tasks},
};
use fakes::{CountingMint, ManualClock, PlainItems, World};

/// The clock of a world, which moves only when the test moves it.
struct StillClock(ManualClock);

#[async_trait]
impl Clock for StillClock {
    async fn wait(&self, ms: u64) {
        let until_ms = self.uptime_ms() + ms;
        while self.uptime_ms() < until_ms {
            tokio::task::yield_now().await;
        }
    }

    fn uptime_ms(&self) -> u64 {
        self.0.uptime_ms()
    }
}

struct TestTasks;

impl Tasks for TestTasks {
    fn start(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(task);
    }
}

fn ports(world: &World) -> Ports {
    Ports {
        register: world.ledger.clone(),
        ledger: world.ledger.clone(),
        answered: world.ledger.clone(),
        products: world.ledger.clone(),
        product_reads: world.ledger.clone(),
        operator: world.ledger.clone(),
        sales: world.live.clone(),
        codes: world.live.clone(),
        items: Arc::new(PlainItems),
        mint: Arc::new(CountingMint::new(1)),
        clock: Arc::new(StillClock(world.clock.clone())),
    }
}

/// Lets all other tasks get on as far as they can.
async fn settle_down() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

/// A sale that is over and closed, and is in nobody's catalog.
async fn closed_sale(world: &World) -> Sale {
    let sale = world.sale_in(0, 1_000, 5, 5);
    world.clock.advance_ms(1_000);
    assert!(world.ledger.close(sale.id).await.unwrap());
    sale
}

fn services(world: &World) -> Services {
    Services::over(ports(world))
}
