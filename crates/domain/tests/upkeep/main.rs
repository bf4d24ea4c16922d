//! What the steps of [`upkeep`](domain::upkeep) promise.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use domain::{
    Epoch, Sale,
    ports::{LiveStatus, LiveUnit, SaleSnapshot, SaleStore},
};
use fakes::{Process, World};

mod rebuild;
mod reconcile;
mod restored;
mod retire;
mod rotate;
mod sweep;

/// A world with one process, and a sale of three units, two a user, that is served.
async fn open_world() -> (World, Process, Sale) {
    let world = World::new();
    let process = world.process(1);
    let sale = world.open_sale(3, 2);
    process.rebuild.restore(sale.id, None).await.unwrap();
    world.clock.advance_ms(1_000);
    (world, process, sale)
}

async fn status(world: &World, sale: &Sale) -> LiveStatus {
    world.live.status(sale.id).await.unwrap().unwrap()
}

/// The units of a sale that are free, held and sold on the live store.
async fn counts(world: &World, sale: &Sale) -> [u32; 3] {
    let LiveStatus { free, held, sold, .. } = status(world, sale).await;
    [free, held, sold]
}

/// The epoch of a sale in the ledger.
fn epoch(world: &World, sale: &Sale) -> Epoch {
    world.ledger.sale(sale.id).unwrap().epoch
}

/// Makes the live store serve a snapshot that the ledger never gave.
async fn serve(world: &World, sale: &Sale, epoch: Epoch, live: Vec<LiveUnit>) {
    let snapshot = SaleSnapshot { sale: Sale { epoch, ..*sale }, live };
    world.live.load(&snapshot, world.clock.now()).await.unwrap();
}
