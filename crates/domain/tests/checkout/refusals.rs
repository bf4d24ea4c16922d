//! What is refused, by whom, and that it is recorded.

use domain::{
    CheckoutRefusal, Epoch, Failure, Sale, SaleId, answer::Retry, ports::SaleRegister,
    upkeep::LOAD_AHEAD_MS,
};
use fakes::{AttemptRecord, Fault, Operation, World};

use crate::{failure, open_world};

/// The refusals that users got, as they are recorded.
fn refusals(world: &World) -> Vec<CheckoutRefusal> {
    let attempts = world.ledger.attempts().into_iter();
    attempts
        .filter_map(|attempt| match attempt {
            AttemptRecord::Refusal { refusal, .. } => Some(refusal),
            AttemptRecord::Hold(_) | AttemptRecord::Tombstone { .. } => None,
        })
        .collect()
}

#[tokio::test]
async fn a_refusal_is_recorded_as_it_is_answered() {
    let (world, process) = open_world();
    let sale = world.open_sale(2, 1);
    let due_at = process.take(&sale, "alice").await.expires_at;
    let held_out = process.ask(&sale, "alice").await.unwrap().unwrap_err();
    process.take(&sale, "bob").await;
    world.clock.advance_ms(1_000);

    let sold_out = process.ask(&sale, "carol").await.unwrap().unwrap_err();

    assert_eq!(held_out, CheckoutRefusal::UserLimit { limit: 1, held: 1, bought: 0 });
    let retry = Retry::of(due_at, world.clock.now(), sale.window.ends_at());
    assert_eq!(retry.map(Retry::after_ms), Some(World::HOLD_MS - 1_000 + 500));
    assert_eq!(sold_out, CheckoutRefusal::SoldOut { retry });
    assert_eq!(refusals(&world), [held_out, sold_out]);
}

#[tokio::test]
async fn a_refusal_that_is_not_recorded_is_not_answered() {
    let (world, process) = open_world();
    let sale = world.open_sale(0, 1);

    for (fault, failed) in [
        (Fault::Refuse, Failure::NotDone),
        (Fault::Lose, Failure::Unknown),
        (Fault::LoseReply, Failure::Unknown),
    ] {
        world.ledger.faults().plan(Operation::Record, fault);

        assert_eq!(failure(process.ask(&sale, "alice").await), failed, "{fault:?}");
    }
}

#[tokio::test]
async fn a_sale_far_ahead_is_refused_without_the_live_store() {
    let (world, process) = open_world();
    let far = world.sale_in(LOAD_AHEAD_MS + 1, 1_000, 1, 1);
    let near = world.sale_in(LOAD_AHEAD_MS - 1_000, 1_000, 1, 1);
    let starts_at = far.window.starts_at();
    world.live.faults().set_down(true);

    let refusal = process.ask(&far, "alice").await.unwrap().unwrap_err();

    assert_eq!(refusal, CheckoutRefusal::NotOpen { starts_at });
    assert_eq!(refusals(&world), [refusal]);
    process.ask(&near, "alice").await.unwrap_err();
    world.live.faults().set_down(false);
    let starts_at = near.window.starts_at();
    let refusal = process.ask(&near, "alice").await.unwrap().unwrap_err();
    assert_eq!(refusal, CheckoutRefusal::NotOpen { starts_at });
}

#[tokio::test]
async fn a_sale_opens_and_ends_by_the_stores_clock_however_old_the_snapshot_is() {
    let (world, process) = open_world();
    let sale = world.sale_in(1_000, 1_000, 2, 2);
    process.catalog.refresh().await.unwrap();
    let Sale { window, .. } = sale;

    world.clock.set(window.starts_at() + -1);
    let early = process.ask(&sale, "alice").await.unwrap().unwrap_err();
    world.clock.set(window.starts_at());
    process.take(&sale, "alice").await;
    world.clock.set(window.ends_at() + -1);
    process.take(&sale, "alice").await;
    world.clock.set(window.ends_at());
    let late = process.ask(&sale, "alice").await.unwrap().unwrap_err();

    assert_eq!(early, CheckoutRefusal::NotOpen { starts_at: window.starts_at() });
    assert_eq!(late, CheckoutRefusal::Ended { ends_at: window.ends_at() });
    assert_eq!(refusals(&world), [early, late]);
}

#[tokio::test]
async fn an_ended_or_unknown_sale_is_refused_without_the_live_store() {
    let (world, process) = open_world();
    let sale = world.sale_in(0, 1_000, 1, 1);
    let unknown = Sale { id: SaleId::try_from(99).unwrap(), ..sale };
    world.clock.advance_ms(1_000);
    world.live.faults().set_down(true);

    let ended = process.ask(&sale, "alice").await.unwrap().unwrap_err();
    let never = process.ask(&unknown, "alice").await.unwrap().unwrap_err();

    assert_eq!(ended, CheckoutRefusal::Ended { ends_at: sale.window.ends_at() });
    assert_eq!(never, CheckoutRefusal::UnknownSale);
    assert_eq!(refusals(&world), [ended, never]);
}

#[tokio::test]
async fn a_sale_that_was_closed_behind_the_snapshot_is_over() {
    let (world, process) = open_world();
    let sale = world.sale_in(0, 1_000, 1, 1);
    process.catalog.refresh().await.unwrap();
    world.clock.advance_ms(1_000);
    assert!(world.ledger.close(sale.id).await.unwrap());

    let refusal = process.ask(&sale, "alice").await.unwrap().unwrap_err();

    assert_eq!(refusal, CheckoutRefusal::Ended { ends_at: sale.window.ends_at() });
}

#[tokio::test]
async fn a_paused_sale_gives_no_units_and_keeps_its_promises() {
    let (world, process) = open_world();
    let sale = world.open_sale(2, 2);
    let hold = process.take(&sale, "alice").await;
    world.ledger.set_paused(sale.id, true).await.unwrap().unwrap();
    world.clock.advance_ms(1_000);
    process.rebuild.restore(sale.id, Some(Epoch(1))).await.unwrap();

    let refusal = process.ask(&sale, "alice").await.unwrap().unwrap_err();

    assert_eq!(refusal, CheckoutRefusal::Paused { ends_at: sale.window.ends_at() });
    process.purchase.redeem(hold.code).await.unwrap().unwrap();
}

/// It was granted by the live store in the last moment, and came to the ledger after it.
#[tokio::test]
async fn a_grant_that_comes_to_the_ledger_after_the_end_is_answered_with_the_end() {
    let (world, process) = open_world();
    let sale = world.sale_in(0, 1_000, 1, 1);
    world.ledger.faults().plan(Operation::Record, Fault::Pause);

    let (reply, ()) = tokio::join!(process.ask(&sale, "alice"), async {
        while world.ledger.faults().paused() == 0 {
            tokio::task::yield_now().await;
        }
        world.clock.set(sale.window.ends_at());
        assert!(world.ledger.faults().resume());
    });

    let ended = CheckoutRefusal::Ended { ends_at: sale.window.ends_at() };
    assert_eq!(reply.unwrap().unwrap_err(), ended);
    assert_eq!(refusals(&world), [ended]);
    assert_eq!(world.live.held(sale.id), []);
    // What came in the last moment is no reason to load the sale anew.
    assert_eq!(process.rebuild.run_asked().await.unwrap().out_of_date, []);
}

/// The reason is for whoever asks, and there is none without the ledger.
#[tokio::test]
async fn a_stale_grant_of_a_sale_that_is_on_as_far_as_is_known_is_no_refusal() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);
    process.catalog.refresh().await.unwrap();
    process.rebuild.restore(sale.id, None).await.unwrap();
    world.ledger.set_paused(sale.id, true).await.unwrap().unwrap();

    assert_eq!(failure(process.ask(&sale, "alice").await), Failure::Rebuilding);

    assert_eq!(refusals(&world), []);
    process.catalog.refresh().await.unwrap();
    let paused = process.ask(&sale, "alice").await.unwrap().unwrap_err();
    assert_eq!(paused, CheckoutRefusal::Paused { ends_at: sale.window.ends_at() });
}
