//! Crowds that come early, and an operator who moves the start.

use std::sync::Arc;

use domain::{
    CheckoutRefusal, CheckoutRequest, Hold, Sale, Services, StoreError, UnixMillis,
    operator::{Action, ActionId, Answer, Change, Changed, Order},
};
use fakes::{Fault, Operation, World};

use crate::{TestTasks, ports, settle_down};

const MINUTE_MS: i64 = 60_000;

/// A process that remembers what it was told.
fn process(world: &World) -> Services {
    Services::going_on_in(Arc::new(TestTasks), ports(world))
}

async fn ask(
    services: &Services,
    sale: &Sale,
) -> Result<Result<Hold, CheckoutRefusal>, StoreError> {
    let request = CheckoutRequest { sale: sale.id, user: "ann".parse().unwrap() };
    services.checkout.attempt(request).await
}

/// When the sale opens, as whoever comes early is told.
async fn told(services: &Services, sale: &Sale) -> UnixMillis {
    match ask(services, sale).await.unwrap() {
        Err(CheckoutRefusal::NotOpen { starts_at }) => starts_at,
        other => panic!("it is not open: {other:?}"),
    }
}

#[tokio::test]
async fn a_crowd_that_comes_early_asks_the_ledger_once() {
    let world = World::new();
    let sale = world.sale_in(50 * MINUTE_MS, MINUTE_MS, 1, 1);
    let services = Arc::new(process(&world));
    services.catalog.refresh().await.unwrap();
    world.ledger.faults().plan(Operation::FindSale, Fault::Pause);
    let crowd: Vec<_> = (0..100)
        .map(|_| {
            let services = Arc::clone(&services);
            tokio::spawn(async move { told(&services, &sale).await })
        })
        .collect();
    settle_down().await;

    assert_eq!(world.ledger.faults().paused(), 1);
    assert!(world.ledger.faults().resume());
    for one in crowd {
        assert_eq!(one.await.unwrap(), sale.window.starts_at());
    }
    // It is remembered for a moment.
    world.ledger.faults().plan(Operation::FindSale, Fault::Refuse);
    assert_eq!(told(&services, &sale).await, sale.window.starts_at());
    world.clock.advance_ms(100);
    ask(&services, &sale).await.unwrap_err();
}

#[tokio::test]
async fn a_start_that_is_moved_is_in_effect_in_every_process_when_it_is_answered() {
    let world = World::new();
    let sale = world.sale_in(50 * MINUTE_MS, 10 * MINUTE_MS, 1, 1);
    // Its waits move the clock.
    let steering = world.services(1).steering(World::hourly());
    let other = process(&world);
    other.catalog.refresh().await.unwrap();
    let (far, now) = (world.clock.now() + 20 * MINUTE_MS, world.clock.now());

    for (number, starts_at) in [(1, far), (2, now)] {
        told(&other, &sale).await;
        let change = Changed { starts_at: Some(starts_at), ..Changed::default() };
        let action = Action::ChangeSale { sale: sale.id, change: Change::new(change).unwrap() };
        let (id, by) = (ActionId::drawn(number), "ann".parse().unwrap());
        let order = Order { id, by, why: None, request_id: None, action, if_at: None };

        let moved = steering.act(&order).await.unwrap();

        assert!(matches!(moved, Answer::Done { in_effect: true, .. }), "{moved:?}");
        if starts_at == far {
            assert_eq!(told(&other, &sale).await, far);
        }
    }
    ask(&other, &sale).await.unwrap().unwrap();
}
