//! Requests whose work is recorded already when something else cannot be read: nobody is told that nothing was done.

use actix_web::{
    App,
    dev::{Service, ServiceResponse},
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use domain::{
    Code, NewSale, Origin, ProductId, Sale, Terms, Window, ports::SaleRegister,
    product::ProductChange,
};
use fakes::{Fault, Operation, World};
use serde_json::Value;

use crate::{Api, routes, test_api::api_over};

fn put(world: &World, name: &str) -> ProductId {
    let (sku, name) = ("lamp".parse().unwrap(), name.parse().unwrap());
    let change = ProductChange { sku, name, price: None, metadata: None, image: None };
    world.ledger.put_product(&change).version.product
}

/// A sale of lamps that is on.
async fn lamps(world: &World) -> Sale {
    let product = Some(put(world, "Lamp"));
    let window = Window::new(world.clock.now(), world.clock.now() + 60_000).unwrap();
    let terms = Terms::new(5, 5, World::HOLD_MS).unwrap();
    let sale = NewSale { window, terms, origin: Origin::Operator, product };
    world.ledger.schedule(sale).await.unwrap().unwrap()
}

/// A code of a lamp that was bought.
async fn bought(world: &World) -> Code {
    let sale = lamps(world).await;
    let other = world.process(2);
    other.catalog.refresh().await.unwrap();
    let code = other.take(&sale, "ann").await.code;
    other.purchase.redeem(code).await.unwrap().unwrap();
    code
}

async fn serving(
    api: Api,
) -> impl Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error> {
    init_service(App::new().app_data(web::Data::new(api)).configure(routes)).await
}

async fn asked(
    app: &impl Service<actix_http::Request, Response = ServiceResponse, Error = actix_web::Error>,
    request: TestRequest,
) -> (u16, Value) {
    let response = call_service(app, request.to_request()).await;
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&read_body(response).await).unwrap_or_default())
}

fn checkout(key: Option<&str>) -> TestRequest {
    let request = TestRequest::post().uri("/checkout?id=1&user_id=ann");
    match key {
        Some(key) => request.insert_header(("Idempotency-Key", key)),
        None => request,
    }
}

#[actix_web::test]
async fn a_unit_whose_product_cannot_be_read_is_not_put_on_hold() {
    for key in [None, Some("a-key-of-16-letters")] {
        let world = World::new();
        lamps(&world).await;
        let api = api_over(&world);
        world.ledger.faults().plan(Operation::CurrentVersions, Fault::Lose);
        api.services.catalog.refresh().await.unwrap();
        let app = serving(api).await;
        world.ledger.faults().plan(Operation::CurrentVersions, Fault::Refuse);

        let (status, body) = asked(&app, checkout(key)).await;

        assert_eq!((status, &body["may_have_been_done"]), (503, &false.into()), "{body}");
        assert_eq!(world.ledger.attempts(), []);
        let (status, body) = asked(&app, checkout(key)).await;
        assert_eq!((status, &body["item"]["name"]), (200, &"Lamp 1 of sale 1".into()), "{body}");
    }
}

/// It is made while the request is under way, and nobody can say of what.
#[actix_web::test]
async fn of_a_hold_that_cannot_be_named_it_is_said_that_it_may_be_there() {
    for key in [None, Some("a-key-of-16-letters")] {
        let world = World::new();
        let api = api_over(&world);
        api.services.catalog.refresh().await.unwrap();
        let app = serving(api).await;
        let faults = world.ledger.faults();
        faults.plan(Operation::FindSale, Fault::Pause);
        let paused = async || {
            for _ in 0..1_000 {
                if faults.paused() > 0 {
                    return;
                }
                tokio::task::yield_now().await;
            }
            panic!("nobody looks for the sale");
        };

        let ((status, body), ()) = tokio::join!(asked(&app, checkout(key)), async {
            paused().await;
            let sale = world.open_sale(5, 5);
            world.process(2).rebuild.restore(sale.id, None).await.unwrap();
            if key.is_some() {
                // It is looked for once more before a unit is asked for.
                faults.plan(Operation::FindSale, Fault::Pause);
                assert!(faults.resume());
                paused().await;
            }
            faults.plan(Operation::FindSale, Fault::Refuse);
            assert!(faults.resume());
        });

        assert_eq!(world.ledger.attempts().len(), 1);
        assert_eq!((status, &body["may_have_been_done"]), (503, &true.into()), "{body}");
    }
}

#[actix_web::test]
async fn of_a_purchase_whose_product_cannot_be_read_it_is_said_that_it_may_be_there() {
    let world = World::new();
    let code = bought(&world).await;
    put(&world, "Lantern");
    let api = api_over(&world);
    api.services.catalog.refresh().await.unwrap();
    let app = serving(api).await;
    let purchase = || TestRequest::post().uri(&format!("/purchase?code={code}"));

    for (request, may_have_been_done) in [
        (purchase(), true),
        (purchase().insert_header(("Idempotency-Key", "again")), true),
        (TestRequest::delete().uri(&format!("/checkout?code={code}")), false),
        (TestRequest::get().uri(&format!("/purchases/{code}")), false),
    ] {
        world.ledger.faults().plan(Operation::Versions, Fault::Refuse);
        let (status, body) = asked(&app, request).await;
        assert_eq!(
            (status, &body["may_have_been_done"]),
            (503, &may_have_been_done.into()),
            "{body}"
        );
    }
    let (status, body) = asked(&app, purchase()).await;
    assert_eq!((status, &body["purchase"]["product"]["name"]), (409, &"Lamp".into()), "{body}");
}

/// Its receipt says what it is, and nothing else is asked for.
#[actix_web::test]
async fn a_code_that_was_sold_is_shown_though_its_product_cannot_be_read() {
    let world = World::new();
    let code = bought(&world).await;
    let api = api_over(&world);
    for fault in [Fault::Lose, Fault::Refuse] {
        world.ledger.faults().plan(Operation::CurrentVersions, fault);
    }
    api.services.catalog.refresh().await.unwrap();
    let app = serving(api).await;

    let shown = asked(&app, TestRequest::get().uri(&format!("/checkouts/{code}"))).await;

    let (status, body) = shown;
    assert_eq!((status, &body["state"]), (200, &"sold".into()), "{body}");
    assert_eq!(body["item"]["name"], "Lamp 1 of sale 1");
}
