//! What is known of the products of sales, and what their units turn out to be.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use domain::{
    CodeRefusal, Failure, NewSale, Origin, ProductId, Sale, Services, Terms, Unit, Window,
    ports::SaleRegister,
    product::{ProductChange, ProductVersion},
};
use fakes::{Fault, Operation, Process, World, at_once};

fn put(world: &World, sku: &str, name: &str) -> ProductVersion {
    let (sku, name) = (sku.parse().unwrap(), name.parse().unwrap());
    let change = ProductChange { sku, name, price: None, metadata: None, image: None };
    world.ledger.put_product(&change).version
}

async fn sale_of(world: &World, product: ProductId) -> Sale {
    let window = Window::new(world.clock.now(), world.clock.now() + 60_000).unwrap();
    let terms = Terms::new(5, 5, World::HOLD_MS).unwrap();
    let sale = NewSale { window, terms, origin: Origin::Operator, product: Some(product) };
    world.ledger.schedule(sale).await.unwrap().unwrap()
}

async fn name_of(services: &Services, sale: &Sale) -> Result<String, Failure> {
    let item = services.naming.item(sale.id, Unit::try_from(1).unwrap()).await;
    item.map(|item| item.name).map_err(|error| error.failure())
}

#[tokio::test]
async fn a_unit_of_a_listed_sale_is_named_without_asking() {
    let world = World::new();
    let services = world.services(1);
    let generated = world.open_sale(5, 5);
    let lamps = sale_of(&world, put(&world, "lamp", "Lamp").product).await;
    services.catalog.refresh().await.unwrap();
    world.ledger.faults().set_down(true);

    assert_eq!(name_of(&services, &lamps).await, Ok("Lamp 1 of sale 2".to_owned()));
    assert_eq!(name_of(&services, &generated).await, Ok("Unit 1 of sale 1".to_owned()));
}

#[tokio::test]
async fn a_unit_of_a_sale_that_is_newer_than_the_snapshot_is_never_taken_for_a_generated_one() {
    let world = World::new();
    let services = world.services(1);
    services.catalog.refresh().await.unwrap();
    let lamps = sale_of(&world, put(&world, "lamp", "Lamp").product).await;

    assert_eq!(name_of(&services, &lamps).await, Ok("Lamp 1 of sale 1".to_owned()));
    world.ledger.faults().set_down(true);
    assert_eq!(name_of(&services, &lamps).await, Err(Failure::NotDone));
}

#[tokio::test]
async fn a_product_that_is_changed_is_sold_as_it_is_then_and_shown_as_it_was_sold() {
    let world = World::new();
    let services = world.services(1);
    let old = put(&world, "lamp", "Lamp");
    let sale = sale_of(&world, old.product).await;
    services.catalog.refresh().await.unwrap();
    let products = services.catalog.products().clone();
    let process = Process::of(services);
    let [first, second] = [process.take(&sale, "ann").await, process.take(&sale, "ann").await];
    let before = process.purchase.redeem(first.code).await.unwrap().unwrap();

    let new = put(&world, "lamp", "Lantern");
    process.catalog.refresh().await.unwrap();
    let after = process.purchase.redeem(second.code).await.unwrap().unwrap();

    assert_eq!(before.item.product, Some(old.id));
    assert_eq!((&*after.item.name, after.item.product), ("Lantern 2 of sale 1", Some(new.id)));
    let again = process.purchase.redeem(first.code).await.unwrap();
    assert_eq!(again, Err(CodeRefusal::AlreadyUsed(Box::new(before.clone()))));
    // Both are known, whatever becomes of the ledger.
    world.ledger.faults().set_down(true);
    for (version, receipt) in [(old, before), (new, after)] {
        assert_eq!(*products.version(receipt.item.product.unwrap()).await.unwrap(), version);
    }
}

/// What a refresh asks for is one question, and none where there is nothing to ask about.
#[tokio::test]
async fn products_are_asked_for_only_where_a_listed_sale_is_of_one_and_only_what_is_new() {
    let world = World::new();
    let services = world.services(1);
    let _ = world.open_sale(5, 5);
    for operation in [Operation::CurrentVersions, Operation::Versions] {
        world.ledger.faults().plan(operation, Fault::Pause);
    }
    at_once(services.catalog.refresh()).unwrap();
    world.ledger.faults().clear();
    let lamp = put(&world, "lamp", "Lamp");
    let sale = sale_of(&world, lamp.product).await;
    services.catalog.refresh().await.unwrap();

    world.ledger.faults().plan(Operation::Versions, Fault::Pause);
    at_once(services.catalog.refresh()).unwrap();

    assert_eq!(name_of(&services, &sale).await, Ok("Lamp 1 of sale 2".to_owned()));
    assert_eq!(*services.catalog.products().listed(lamp.product).unwrap(), lamp);
}

#[tokio::test]
async fn a_product_that_cannot_be_read_keeps_no_sale_from_being_listed() {
    let world = World::new();
    let services = world.services(1);
    let sale = sale_of(&world, put(&world, "lamp", "Lamp").product).await;
    world.ledger.faults().plan(Operation::CurrentVersions, Fault::Lose);

    services.catalog.refresh().await.unwrap();

    assert_eq!(services.catalog.listed(sale.id).unwrap().sale, sale);
    assert_eq!(name_of(&services, &sale).await, Ok("Lamp 1 of sale 1".to_owned()));
}
