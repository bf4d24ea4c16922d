//! What [`Retire`](domain::upkeep::Retire) promises.

use std::sync::Arc;

use domain::{CheckoutRefusal, Epoch, UnixMillis, sale::SaleState, time::DAY_MS, upkeep::Restored};
use fakes::{AttemptRecord, Fault, ManualClock, Operation, World};

use crate::{epoch, open_world, serve};

#[tokio::test]
async fn a_sale_that_is_over_and_has_no_hold_is_closed_and_forgotten() {
    let (world, process, sale) = open_world().await;
    world.clock.set(sale.window.ends_at() + -1);
    process.catalog.refresh().await.unwrap();
    let early = process.retire.run().await.unwrap();
    world.clock.advance_ms(1);
    process.catalog.refresh().await.unwrap();
    let closed = process.retire.run().await.unwrap();

    assert_eq!(early, []);
    assert_eq!(closed, [sale.id]);
    assert_eq!(world.ledger.sale(sale.id).unwrap().state, SaleState::Closed);
    assert!(!world.live.has(sale.id));
    process.catalog.refresh().await.unwrap();
    assert_eq!(process.retire.run().await.unwrap(), []);
}

#[tokio::test]
async fn a_sale_with_a_live_hold_stays() {
    let (world, process, sale) = open_world().await;
    world.clock.set(sale.window.ends_at() + -1);
    let hold = process.take(&sale, "alice").await;
    world.clock.advance_ms(World::HOLD_MS);
    process.catalog.refresh().await.unwrap();

    assert_eq!(process.retire.run().await.unwrap(), []);
    assert!(world.live.has(sale.id));

    process.purchase.redeem(hold.code).await.unwrap().unwrap();
    assert_eq!(process.retire.run().await.unwrap(), [sale.id]);
}

#[tokio::test]
async fn a_grant_that_comes_after_the_closing_is_refused() {
    let (world, process, sale) = open_world().await;
    world.clock.set(sale.window.ends_at() + -1);
    world.ledger.faults().plan(Operation::Record, Fault::Pause);

    let (reply, closed) = tokio::join!(process.ask(&sale, "alice"), async {
        world.clock.advance_ms(1);
        process.catalog.refresh().await.unwrap();
        let closed = process.retire.run().await.unwrap();
        assert!(world.ledger.faults().resume());
        closed
    });

    assert_eq!(closed, [sale.id]);
    let ended = CheckoutRefusal::Ended { ends_at: sale.window.ends_at() };
    assert_eq!(reply.unwrap(), Err(ended));
    let attempts = world.ledger.attempts();
    assert!(matches!(attempts[..], [AttemptRecord::Refusal { .. }]), "{attempts:?}");
    process.rebuild.run_asked().await.unwrap();
    assert!(!world.live.has(sale.id));
}

#[tokio::test]
async fn a_snapshot_that_comes_after_the_closing_is_taken_back() {
    let (world, process, sale) = open_world().await;
    let other = world.process(2);
    world.live.wipe();
    world.clock.set(sale.window.ends_at());
    world.live.faults().plan(Operation::Load, Fault::Pause);

    let (restored, ()) = tokio::join!(process.rebuild.restore(sale.id, None), async {
        other.catalog.refresh().await.unwrap();
        assert_eq!(other.retire.run().await.unwrap(), [sale.id]);
        assert!(world.live.faults().resume());
    });

    assert_eq!(restored.unwrap(), Restored::Closed);
    assert!(!world.live.has(sale.id));
}

#[tokio::test]
async fn what_another_process_closed_is_forgotten_and_not_at_every_look() {
    let (world, process, sale) = open_world().await;
    let other = world.process(2);
    world.clock.set(sale.window.ends_at());
    other.catalog.refresh().await.unwrap();
    other.retire.run().await.unwrap();
    serve(&world, &sale, Epoch(5), Vec::new()).await;
    process.catalog.refresh().await.unwrap();

    assert_eq!(process.retire.run().await.unwrap(), []);
    assert!(!world.live.has(sale.id));

    serve(&world, &sale, Epoch(6), Vec::new()).await;
    process.retire.run().await.unwrap();
    assert!(world.live.has(sale.id));
}

/// Found by the simulation: its rebuilder had given up waiting, so nobody took the snapshot back.
#[tokio::test]
async fn a_snapshot_that_comes_after_its_rebuilder_gave_up_is_forgotten_a_minute_later() {
    let (world, process, sale) = open_world().await;
    world.clock.set(sale.window.ends_at());
    process.catalog.refresh().await.unwrap();
    process.retire.run().await.unwrap();
    serve(&world, &sale, Epoch(5), Vec::new()).await;

    world.clock.advance_ms(59_999);
    process.catalog.refresh().await.unwrap();
    process.retire.run().await.unwrap();
    assert!(world.live.has(sale.id));

    world.clock.advance_ms(1);
    process.catalog.refresh().await.unwrap();
    process.retire.run().await.unwrap();
    assert!(!world.live.has(sale.id));
}

#[tokio::test]
async fn a_sale_that_could_not_be_forgotten_is_forgotten_later() {
    let (world, process, sale) = open_world().await;
    world.clock.set(sale.window.ends_at());
    process.catalog.refresh().await.unwrap();
    world.live.faults().plan(Operation::Forget, Fault::Refuse);

    process.retire.run().await.unwrap_err();
    process.catalog.refresh().await.unwrap();
    process.retire.run().await.unwrap();

    assert!(!world.live.has(sale.id));
    assert_eq!(epoch(&world, &sale), Epoch(2));
}

#[tokio::test]
async fn a_sale_that_could_not_be_closed_is_closed_later() {
    let (world, process, sale) = open_world().await;
    world.clock.set(sale.window.ends_at());
    process.catalog.refresh().await.unwrap();
    world.ledger.faults().plan(Operation::Close, Fault::Refuse);
    world.ledger.faults().plan(Operation::Close, Fault::LoseReply);

    process.retire.run().await.unwrap_err();
    process.retire.run().await.unwrap_err();
    process.retire.run().await.unwrap();

    assert!(!world.live.has(sale.id));
}

#[tokio::test]
async fn no_sale_is_closed_by_a_clock_that_was_set_before_it_has_stood_for_a_while() {
    let (world, process, sale) = open_world().await;
    let uptime = ManualClock::new(UnixMillis(0));
    process.catalog.watch_clock(Arc::new(uptime.clone()));
    let look = async || {
        process.catalog.refresh().await.unwrap();
        process.retire.run().await.unwrap()
    };
    assert_eq!(look().await, []);

    // For three seconds the clock is 40 days ahead.
    world.clock.advance_ms(40 * DAY_MS);
    for _ in 0..3 {
        assert_eq!(look().await, []);
        world.clock.advance_ms(1_000);
        uptime.advance_ms(1_000);
    }
    world.clock.advance_ms(-40 * DAY_MS);
    assert_eq!(look().await, []);
    assert_eq!(world.ledger.sale(sale.id).unwrap().state, SaleState::Active);
    assert!(world.live.has(sale.id) && process.catalog.is_on_time());

    // And now for good.
    world.clock.advance_ms(40 * DAY_MS);
    assert_eq!(look().await, []);
    world.clock.advance_ms(60_000);
    uptime.advance_ms(60_000);
    assert_eq!(look().await, [sale.id]);
}
