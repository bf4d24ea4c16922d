//! What [`Catalog`](domain::Catalog) and [`Standings`](domain::Standings) promise.

use domain::{Phase, Sale, SaleId, Standing, ports::SaleRegister, sale::SaleState};
use fakes::{Fault, Operation, Process, World};

const MINUTE_MS: i64 = 60_000;

fn open_world() -> (World, Process) {
    let world = World::new();
    let process = world.process(1);
    (world, process)
}

fn numbers(standing: Standing) -> [u32; 3] {
    [standing.available(), standing.held, standing.sold]
}

#[tokio::test]
async fn a_sale_of_the_snapshot_is_found_without_asking() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);
    process.catalog.refresh().await.unwrap();
    let seen_at = world.clock.now();
    world.clock.advance_ms(1_000);
    world.ledger.faults().set_down(true);

    let listed = process.catalog.find(sale.id).await.unwrap().unwrap();

    assert_eq!((listed.sale, listed.seen_at), (sale, seen_at));
}

#[tokio::test]
async fn a_sale_that_is_newer_than_the_snapshot_or_closed_is_looked_up() {
    let (world, process) = open_world();
    let old = world.sale_in(0, 1_000, 1, 1);
    world.clock.advance_ms(1_000);
    assert!(world.ledger.close(old.id).await.unwrap());
    process.catalog.refresh().await.unwrap();
    let new = world.open_sale(1, 1);

    let closed = process.catalog.find(old.id).await.unwrap().unwrap();
    let listed = process.catalog.find(new.id).await.unwrap().unwrap();

    assert_eq!(closed.sale.state, SaleState::Closed);
    assert_eq!((listed.sale, listed.seen_at), (new, world.clock.now()));
    assert_eq!(process.catalog.find(SaleId::try_from(99).unwrap()).await.unwrap(), None);
    world.ledger.faults().set_down(true);
    process.catalog.find(new.id).await.unwrap_err();
}

#[tokio::test]
async fn a_snapshot_stays_when_a_new_one_cannot_be_had() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);
    process.catalog.refresh().await.unwrap();
    world.ledger.faults().plan(Operation::Calendar, Fault::Lose);

    process.catalog.refresh().await.unwrap_err();

    assert_eq!(process.catalog.calendar().sales, [sale]);
}

#[tokio::test]
async fn a_sale_stands_the_same_whichever_side_is_asked() {
    let (world, process) = open_world();
    let sale = world.open_sale(5, 3);
    let bought = process.take(&sale, "alice").await;
    process.take(&sale, "alice").await;
    process.take(&sale, "bob").await;
    process.purchase.redeem(bought.code).await.unwrap().unwrap();

    let live = process.standings.of(sale.id).await.unwrap().unwrap();
    world.live.faults().set_down(true);
    let down = process.standings.of(sale.id).await.unwrap().unwrap();
    world.live.faults().set_down(false);
    world.live.wipe();
    let lost = process.standings.of(sale.id).await.unwrap().unwrap();

    for standing in [live, down, lost] {
        assert_eq!(numbers(standing), [2, 2, 1]);
        assert_eq!(standing.phase(), Phase::Open);
        assert_eq!(standing.at, world.clock.now());
    }
}

#[tokio::test]
async fn a_sale_that_never_was_stands_nowhere() {
    let (_, process) = open_world();

    let standing = process.standings.of(SaleId::try_from(99).unwrap()).await.unwrap();

    assert_eq!(standing, None);
}

#[tokio::test]
async fn the_current_sale_is_the_one_that_is_on_or_else_the_next() {
    let (world, process) = open_world();
    let later = world.sale_in(20 * MINUTE_MS, MINUTE_MS, 1, 1);
    let first = world.sale_in(0, MINUTE_MS, 1, 1);
    process.catalog.refresh().await.unwrap();
    let current = async || process.standings.current().await.unwrap();

    assert_eq!(current().await.unwrap().sale.id, first.id);

    // The snapshot is older than the end of the first sale.
    process.rebuild.restore(first.id, None).await.unwrap();
    world.clock.advance_ms(MINUTE_MS);
    let next = current().await.unwrap();
    assert_eq!((next.sale.id, next.phase()), (later.id, Phase::Scheduled));

    world.clock.set(later.window.ends_at());
    process.catalog.refresh().await.unwrap();
    assert_eq!(current().await, None);
}

#[tokio::test]
async fn sales_are_paged_from_the_newest_on() {
    let (world, process) = open_world();
    let sales = [0, 1, 2, 3].map(|at| world.sale_in(at * MINUTE_MS, MINUTE_MS, 1, 1));
    let ids = |page: Vec<Standing>| page.iter().map(|at| at.sale.id).collect::<Vec<_>>();
    let [first, second, third, fourth] = sales.map(|sale: Sale| sale.id);

    let newest = ids(process.standings.page(None, 2).await.unwrap());
    let older = ids(process.standings.page(Some(third), 5).await.unwrap());

    assert_eq!(newest, [fourth, third]);
    assert_eq!(older, [second, first]);
}
