//! What the sales on a board are of.

use std::sync::Arc;

use domain::{
    Failure, NewSale, Origin, Ports, ProductId, ProductVersion, Services, Terms, Window,
    board::{Forms, WhichPage},
    ports::SaleRegister,
    product::ProductChange,
};
use fakes::{FakeLedger, Fault, Operation, World, at_once};

use crate::{TestTasks, ports, services, settle_down};

/// How many want the same at once.
const CROWD: usize = 100;

fn put(ledger: &FakeLedger, sku: &str, name: &str) -> ProductVersion {
    let (sku, name) = (sku.parse().unwrap(), name.parse().unwrap());
    let change = ProductChange { sku, name, price: None, metadata: None, image: None };
    ledger.put_product(&change).version
}

async fn sale_of(world: &World, product: ProductId) {
    let window = Window::new(world.clock.now(), world.clock.now() + 60_000).unwrap();
    let terms = Terms::new(5, 5, 1_000).unwrap();
    let sale = NewSale { window, terms, origin: Origin::Operator, product: Some(product) };
    let _made = world.ledger.schedule(sale).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_sale_is_shown_with_its_product_as_that_is_now_listed_or_not() {
    let world = World::new();
    let services = services(&world);
    let put = |name: &str| {
        let (sku, name) = ("lamp".parse().unwrap(), name.parse().unwrap());
        let change = ProductChange { sku, name, price: None, metadata: None, image: None };
        world.ledger.put_product(&change).version.product
    };
    let lamp = put("Lamp");
    let of = async |from: i64| {
        let starts_at = world.clock.now() + from;
        let window = Window::new(starts_at, starts_at + 1_000).unwrap();
        let terms = Terms::new(5, 5, 1_000).unwrap();
        let sale = NewSale { window, terms, origin: Origin::Operator, product: Some(lamp) };
        world.ledger.schedule(sale).await.unwrap().unwrap()
    };
    let (closed, open) = (of(-1_000).await, of(0).await);
    assert!(world.ledger.close(closed.id).await.unwrap());
    let _ = world.open_sale(5, 5);
    services.catalog.refresh().await.unwrap();
    let name = |product: &domain::ProductVersion| product.name.to_string();
    let forms = Forms {
        sale: |_, product| product.map(|it| it.name.to_string()).into_iter().collect::<Vec<_>>(),
        page: |page| {
            let names = page.products.iter().map(|it| it.as_ref().map(|it| it.name.to_string()));
            names.map(Option::unwrap_or_default).collect()
        },
    };
    let board = services.board(Arc::new(TestTasks), forms);
    put("Lantern");
    let which = WhichPage { phase: None, before: None, limit: 9 };

    // One was seen with the calendar, the other is asked for.
    let known = services.catalog.products().listed(lamp).unwrap();
    assert_eq!(name(&known), "Lamp");
    assert_eq!(board.of(open.id).await.unwrap().unwrap().form, ["Lamp"]);
    services.catalog.refresh().await.unwrap();
    assert_eq!(board.of(closed.id).await.unwrap().unwrap().form, ["Lantern"]);
    assert_eq!(*board.page(which).await.unwrap(), ["", "Lantern", "Lantern"]);
}

#[tokio::test]
async fn a_crowd_that_wants_one_product_asks_for_it_once() {
    let world = World::new();
    let services = Services::going_on_in(Arc::new(TestTasks), ports(&world));
    let lamp = put(&world.ledger, "lamp", "Lamp");
    let lantern = put(&world.ledger, "lamp", "Lantern");

    for (asked, expected) in [(None, &lantern), (Some(lamp.id), &lamp)] {
        let operation =
            if asked.is_some() { Operation::Versions } else { Operation::CurrentVersions };
        for _ in 0..CROWD {
            world.ledger.faults().plan(operation, Fault::Pause);
        }
        let crowd: Vec<_> = (0..CROWD)
            .map(|_| {
                let products = services.catalog.products().clone();
                tokio::spawn(async move {
                    match asked {
                        Some(version) => products.version(version).await,
                        None => products.current(lamp.product).await,
                    }
                })
            })
            .collect();
        settle_down().await;

        assert_eq!(world.ledger.faults().paused(), 1, "{asked:?}");
        world.ledger.faults().clear();
        assert!(world.ledger.faults().resume());
        for one in crowd {
            assert_eq!(*one.await.unwrap().unwrap(), *expected);
        }
    }
}

#[tokio::test]
async fn the_calendar_does_not_wait_for_readers() {
    let world = World::new();
    let services = services(&world);
    let old = [("lamp", "Lamp"), ("vase", "Vase"), ("bowl", "Bowl")].map(|(sku, name)| {
        let old = put(&world.ledger, sku, name);
        (old.id, put(&world.ledger, sku, "New"))
    });
    sale_of(&world, old[0].1.product).await;
    for (version, _) in &old {
        world.ledger.faults().plan(Operation::Versions, Fault::Pause);
        let (products, version) = (services.catalog.products().clone(), *version);
        tokio::spawn(async move { products.version(version).await });
    }
    settle_down().await;
    assert_eq!(world.ledger.faults().paused(), 2, "few ask at a time");
    world.ledger.faults().clear();

    at_once(services.catalog.refresh()).unwrap();

    assert_eq!(*services.catalog.products().listed(old[0].1.product).unwrap(), old[0].1);
}

#[tokio::test]
async fn what_readers_want_to_know_of_products_goes_by_their_way_and_the_calendar_by_another() {
    let world = World::new();
    let reads = Arc::new(FakeLedger::new(world.clock.clone()));
    let services = Services::over(Ports { product_reads: reads.clone(), ..ports(&world) });
    let products = services.catalog.products();
    let [lamp, vase] = ["lamp", "vase"].map(|sku| {
        let _same = put(&reads, sku, "Read");
        put(&world.ledger, sku, "Listed")
    });
    sale_of(&world, lamp.product).await;

    reads.faults().set_down(true);
    services.catalog.refresh().await.unwrap();
    assert_eq!(*products.current(lamp.product).await.unwrap(), lamp);
    let unread = products.current(vase.product).await.unwrap_err();
    assert_eq!(unread.failure(), Failure::NotDone);
    world.ledger.faults().set_down(true);
    reads.faults().set_down(false);

    assert_eq!(products.current(vase.product).await.unwrap().name.to_string(), "Read");
}
