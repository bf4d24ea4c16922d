//! What the sales on a board are of.

use std::sync::Arc;

use domain::{
    NewSale, Origin, Terms, Window,
    board::{Forms, WhichPage},
    ports::SaleRegister,
    product::ProductChange,
};
use fakes::World;

use crate::{TestTasks, services};

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
