//! What [`Rebuild`](domain::upkeep::Rebuild) promises.

use std::{pin::Pin, sync::Arc};

use domain::{
    CheckoutRefusal, Epoch, Failure, SaleId,
    ports::{RaiseReply, SaleRegister, Tasks},
    sale::EPOCH_AGE_MIN_MS,
    upkeep::{Rebuild, Restored, Swept},
};
use fakes::{Fault, Operation, World};
use futures_util::FutureExt;

use crate::{counts, epoch, open_world, status};

#[tokio::test]
async fn a_rebuilt_sale_is_as_the_ledger_has_it() {
    let (world, process, sale) = open_world().await;
    let bought = process.take(&sale, "alice").await;
    let held = process.take(&sale, "alice").await;
    process.purchase.redeem(bought.code).await.unwrap().unwrap();
    world.live.wipe();

    let restored = process.rebuild.restore(sale.id, None).await.unwrap();

    assert_eq!(restored, Restored::Loaded);
    assert_eq!(counts(&world, &sale).await, [1, 1, 1]);
    assert_eq!(world.live.held(sale.id), [(held.code, held.unit)]);
    let refusal = process.ask(&sale, "alice").await.unwrap().unwrap_err();
    assert_eq!(refusal, CheckoutRefusal::UserLimit { limit: 2, held: 1, bought: 1 });
    world.clock.advance_ms(World::HOLD_MS);
    assert_eq!(process.sweep.run(sale.id).await.unwrap(), Swept::Judged(1));
    assert_eq!(counts(&world, &sale).await, [2, 0, 1]);
}

struct TestTasks;

impl Tasks for TestTasks {
    fn start(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(task);
    }
}

#[tokio::test]
async fn a_load_comes_to_its_end_though_whoever_wanted_it_goes_away() {
    let (world, _, sale) = open_world().await;
    let clock = Arc::new(world.clock.clone());
    let rebuild = Rebuild::new(world.ledger.clone(), world.live.clone(), clock);
    let rebuild = Arc::new(rebuild.going_on_in(Arc::new(TestTasks)));
    world.live.wipe();
    world.live.faults().plan(Operation::Load, Fault::Pause);

    let mut goes_away = Box::pin(rebuild.restore(sale.id, None));
    while world.live.faults().paused() == 0 {
        assert!((&mut goes_away).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(goes_away);
    let comes_after = rebuild.restore(sale.id, None);
    assert!(world.live.faults().resume(), "it is still on its way");

    assert_eq!(comes_after.await.unwrap(), Restored::Loaded);
    assert_eq!((epoch(&world, &sale), status(&world, &sale).await.epoch), (Epoch(2), Epoch(2)));
}

#[tokio::test]
async fn few_snapshots_are_in_memory_at_a_time_however_many_sales_are_lost() {
    const SALES: usize = 10;
    const AT_A_TIME: usize = 4;
    let (world, process, _) = open_world().await;
    let sales = (0..SALES).map(|_| world.open_sale(3, 2).id).collect::<Vec<_>>();
    for _ in &sales {
        world.live.faults().plan(Operation::Load, Fault::Pause);
    }

    let all = sales.iter().map(|&sale| process.rebuild.restore(sale, None));
    let mut all = Box::pin(futures_util::future::join_all(all));
    let mut most = 0;
    let restored = loop {
        if let Some(restored) = (&mut all).now_or_never() {
            break restored;
        }
        most = most.max(world.live.faults().paused());
        if most >= AT_A_TIME {
            world.live.faults().resume();
        }
        tokio::task::yield_now().await;
    };

    assert_eq!(most, AT_A_TIME);
    assert!(restored.iter().all(|it| matches!(it, Ok(Restored::Loaded))), "{restored:?}");
}

#[tokio::test]
async fn a_sale_that_is_served_is_left_alone_unless_a_newer_epoch_is_wanted() {
    let (world, process, sale) = open_world().await;

    process.rebuild.restore(sale.id, None).await.unwrap();
    process.rebuild.restore(sale.id, Some(Epoch(0))).await.unwrap();
    assert_eq!(epoch(&world, &sale), Epoch(1));

    process.rebuild.restore(sale.id, Some(Epoch(1))).await.unwrap();
    assert_eq!(epoch(&world, &sale), Epoch(2));
    assert_eq!(status(&world, &sale).await.epoch, Epoch(2));
}

#[tokio::test]
async fn a_sale_that_is_closed_or_never_was_needs_no_live_store() {
    let (world, process, sale) = open_world().await;
    world.clock.set(sale.window.ends_at());
    assert!(world.ledger.close(sale.id).await.unwrap());
    world.live.wipe();
    let never = SaleId::try_from(99).unwrap();

    assert_eq!(process.rebuild.restore(sale.id, None).await.unwrap(), Restored::Closed);
    assert_eq!(process.rebuild.restore(never, None).await.unwrap(), Restored::Closed);
    assert!(!world.live.has(sale.id));
}

#[tokio::test]
async fn a_rebuilder_that_died_before_loading_is_replaced_within_one_call() {
    let (world, process, sale) = open_world().await;
    world.live.wipe();
    let raised = world.ledger.raise_epoch(sale.id, None).await.unwrap();
    assert!(matches!(raised, RaiseReply::Raised(_)));
    let began_at = world.clock.now();

    process.rebuild.restore(sale.id, None).await.unwrap();

    assert_eq!(status(&world, &sale).await.epoch, Epoch(3));
    assert_eq!(world.clock.now() - began_at, EPOCH_AGE_MIN_MS);
}

#[tokio::test]
async fn a_rebuild_that_another_process_is_at_is_waited_for() {
    let (world, process, sale) = open_world().await;
    world.live.wipe();
    let other = world.process(2);
    world.live.faults().plan(Operation::Load, Fault::Pause);
    let began_at = world.clock.now();

    let (first, second, ()) = tokio::join!(
        process.rebuild.restore(sale.id, None),
        other.rebuild.restore(sale.id, None),
        async { assert!(world.live.faults().resume()) },
    );

    assert_eq!((first.unwrap(), second.unwrap()), (Restored::Loaded, Restored::Loaded));
    assert_eq!(status(&world, &sale).await.epoch, Epoch(2));
    assert!(world.clock.now() - began_at < EPOCH_AGE_MIN_MS);
}

#[tokio::test]
async fn what_requests_had_to_load_is_told_once_and_what_they_found_served_is_not() {
    let (world, process, sale) = open_world().await;
    process.rebuild.restore_on_demand(sale.id).await.unwrap();
    let found_served = process.rebuild.take_on_demand();
    world.live.wipe();
    world.ledger.faults().plan(Operation::RaiseEpoch, Fault::Pause);

    // The second waits for what the first does.
    let (first, second, ()) = tokio::join!(
        process.rebuild.restore_on_demand(sale.id),
        process.rebuild.restore_on_demand(sale.id),
        async { assert!(world.ledger.faults().resume()) },
    );
    let loaded = process.rebuild.take_on_demand();
    world.live.wipe();
    process.rebuild.restore(sale.id, None).await.unwrap();

    assert_eq!((first.unwrap(), second.unwrap()), (Restored::Loaded, Restored::Loaded));
    assert!(found_served.is_empty(), "{found_served:?}");
    assert_eq!(loaded.into_iter().collect::<Vec<_>>(), [(sale.id, 1)]);
    assert!(process.rebuild.take_on_demand().is_empty(), "told twice, or the upkeep's own");
}

#[tokio::test]
async fn a_rebuilder_that_was_overtaken_changes_nothing() {
    let (world, process, sale) = open_world().await;
    world.live.wipe();
    let other = world.process(2);
    world.live.faults().plan(Operation::Load, Fault::Pause);

    let (restored, hold) = tokio::join!(process.rebuild.restore(sale.id, None), async {
        let hold = other.take(&sale, "alice").await;
        assert!(world.live.faults().resume());
        hold
    });

    assert_eq!(restored.unwrap(), Restored::Loaded);
    assert_eq!(status(&world, &sale).await.epoch, Epoch(3));
    assert_eq!(world.live.held(sale.id), [(hold.code, hold.unit)]);
}

#[tokio::test]
async fn who_waited_for_a_rebuild_that_failed_gets_an_error() {
    let (world, process, sale) = open_world().await;
    world.live.wipe();
    world.ledger.faults().plan(Operation::RaiseEpoch, Fault::Pause);
    world.live.faults().plan(Operation::Load, Fault::Refuse);

    let (first, second, ()) = tokio::join!(
        process.rebuild.restore(sale.id, None),
        process.rebuild.restore(sale.id, None),
        async { assert!(world.ledger.faults().resume()) },
    );

    assert_eq!(first.unwrap_err().failure(), Failure::NotDone);
    assert_eq!(second.unwrap_err().failure(), Failure::Rebuilding);
}

#[tokio::test]
async fn who_waited_for_a_rebuild_that_was_cut_short_does_it_instead() {
    let (world, process, sale) = open_world().await;
    world.live.wipe();
    world.live.faults().plan(Operation::Load, Fault::Pause);

    let ((), restored) = tokio::join!(
        async {
            // The first caller goes away in the middle, as when a client hangs up.
            tokio::select! {
                biased;
                _ = process.rebuild.restore(sale.id, None) => panic!("it stands still"),
                () = tokio::task::yield_now() => {}
            }
        },
        process.rebuild.restore(sale.id, None),
    );

    assert_eq!(restored.unwrap(), Restored::Loaded);
    assert_eq!(status(&world, &sale).await.epoch, Epoch(3));
}

#[tokio::test]
async fn a_rebuild_with_nothing_to_do_does_not_stand_in_for_one_that_is_needed() {
    let (world, process, sale) = open_world().await;
    world.live.faults().plan(Operation::Status, Fault::Pause);

    let (idle, needed, ()) = tokio::join!(
        process.rebuild.restore(sale.id, None),
        process.rebuild.restore(sale.id, Some(Epoch(1))),
        async { assert!(world.live.faults().resume()) },
    );

    assert_eq!((idle.unwrap(), needed.unwrap()), (Restored::Loaded, Restored::Loaded));
    assert_eq!(status(&world, &sale).await.epoch, Epoch(2));
}

#[tokio::test]
async fn what_was_asked_for_is_done_once() {
    let (world, process, sale) = open_world().await;
    process.rebuild.ask(sale.id, Epoch(1));
    process.rebuild.ask(sale.id, Epoch(0));

    assert_eq!(process.rebuild.run_asked().await.unwrap().out_of_date, [sale.id]);
    assert_eq!(process.rebuild.run_asked().await.unwrap().out_of_date, []);

    assert_eq!(epoch(&world, &sale), Epoch(2));
    world.clock.advance_ms(1_000);
    process.rebuild.ask(sale.id, Epoch(1));
    process.rebuild.run_asked().await.unwrap();
    assert_eq!(epoch(&world, &sale), Epoch(2), "the epoch in question is served no more");
}

#[tokio::test]
async fn what_was_asked_for_and_failed_is_tried_again() {
    let (world, process, sale) = open_world().await;
    process.rebuild.ask(sale.id, Epoch(1));

    world.ledger.faults().set_down(true);
    process.rebuild.run_asked().await.unwrap_err();
    world.ledger.faults().set_down(false);

    assert_eq!(process.rebuild.run_asked().await.unwrap().out_of_date, [sale.id]);
    assert_eq!(status(&world, &sale).await.epoch, Epoch(2));
}
