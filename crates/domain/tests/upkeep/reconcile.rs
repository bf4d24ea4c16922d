//! What [`Reconcile`](domain::upkeep::Reconcile) promises.

use domain::{
    CheckoutRefusal, Code, Epoch, Failure, Sale, Slot, Unit,
    operator::{Action, ActionId, Answer, Beside, Change, Changed, Order},
    ports::{CodeStore, HoldRequest, LiveUnit, Operator, SaleRegister, Verdict},
    sale::SaleState,
    upkeep::{Drift, Reconciled},
};
use fakes::{Fault, Operation, World};

use crate::{counts, epoch, open_world, serve, status};

const NONE: Drift = Drift { free: 0, held: 0, sold: 0, clock_ms: 0 };

/// Has the live store hold a unit of which the ledger knows nothing.
async fn hold_unrecorded(world: &World, sale: &Sale) -> Code {
    let code = Code::new(sale.id, 7);
    let request = HoldRequest { code, user: "bob".parse().unwrap(), has_key: true };
    world.live.place_hold(request).await.unwrap();
    code
}

/// A unit that the ledger knows nothing of.
fn sold_to_bob(sale: &Sale) -> LiveUnit {
    LiveUnit {
        code: Code::new(sale.id, 7),
        user: "bob".parse().unwrap(),
        unit: Unit::try_from(1).unwrap(),
        slot: Slot(0),
        held_until: None,
    }
}

/// An order of this number, to have so many units in stock.
fn stock(sale: &Sale, number: u128, units: u32) -> Order {
    let change = Change::new(Changed { stock: Some(units), ..Changed::default() }).unwrap();
    let action = Action::ChangeSale { sale: sale.id, change };
    let (id, by) = (ActionId::drawn(number), "ann".parse().unwrap());
    Order { id, by, why: None, request_id: None, action, if_at: None }
}

#[tokio::test]
async fn sides_that_agree_are_left_alone() {
    let (world, process, sale) = open_world().await;
    process.take(&sale, "alice").await;
    let bought = process.take(&sale, "alice").await;
    process.purchase.redeem(bought.code).await.unwrap().unwrap();

    for _ in 0..3 {
        assert_eq!(process.reconcile.run(&sale).await.unwrap(), Reconciled::Left(NONE));
    }
    assert_eq!(epoch(&world, &sale), Epoch(1));
}

#[tokio::test]
async fn a_sale_is_loaded_once_at_a_higher_epoch_when_the_ledger_has_moved() {
    let (world, process, sale) = open_world().await;
    let hold = process.take(&sale, "alice").await;
    process.reconcile.run(&sale).await.unwrap();

    world.ledger.fail_over();
    world.clock.advance_ms(1_000);
    world.ledger.faults().plan(Operation::RaiseEpoch, Fault::Refuse);
    process.reconcile.run(&sale).await.unwrap_err();
    let looks =
        [process.reconcile.run(&sale).await.unwrap(), process.reconcile.run(&sale).await.unwrap()];

    assert_eq!(looks, [Reconciled::Rebuilt(NONE), Reconciled::Left(NONE)]);
    assert_eq!(epoch(&world, &sale), Epoch(2));
    assert_eq!(world.live.held(sale.id), [(hold.code, hold.unit)]);
}

/// However many processes there are, and whenever each of them sees that the ledger has moved.
#[tokio::test]
async fn a_sale_is_loaded_by_one_process_when_the_ledger_has_moved() {
    let (world, process, sale) = open_world().await;
    let others = [world.process(2), world.process(3)];
    let looks = async || {
        let mut rebuilt = 0;
        for process in [&process, &others[0], &others[1]] {
            let reconciled = process.reconcile.run(&sale).await.unwrap();
            rebuilt += usize::from(matches!(reconciled, Reconciled::Rebuilt(_)));
            world.clock.advance_ms(1_000);
        }
        rebuilt
    };
    assert_eq!(looks().await, 0);
    // One raised before the move is of the server before.
    process.rebuild.restore(sale.id, Some(Epoch(1))).await.unwrap();
    assert_eq!(epoch(&world, &sale), Epoch(2));

    for moves in 1..3 {
        world.ledger.fail_over();

        assert_eq!((looks().await, looks().await), (1, 0));
        assert_eq!(epoch(&world, &sale), Epoch(2 + moves));
    }
}

#[tokio::test]
async fn a_drift_that_is_there_twice_while_nothing_moves_is_rebuilt() {
    let (world, process, sale) = open_world().await;
    let before = world.live.copy();
    let hold = process.take(&sale, "alice").await;
    world.live.roll_back_undetected(&before);
    let drift = Drift { free: 1, held: -1, ..NONE };

    assert_eq!(process.reconcile.run(&sale).await.unwrap(), Reconciled::Left(drift));
    assert_eq!(process.reconcile.run(&sale).await.unwrap(), Reconciled::Rebuilt(drift));

    assert_eq!(world.live.held(sale.id), [(hold.code, hold.unit)]);
    assert_eq!(process.reconcile.run(&sale).await.unwrap(), Reconciled::Left(NONE));
}

/// A request with a key went away before its record: the hold is for whoever asks again.
#[tokio::test]
async fn a_hold_without_a_record_is_left_until_it_is_judged() {
    let (world, process, sale) = open_world().await;
    let code = hold_unrecorded(&world, &sale).await;
    let drift = Drift { free: -1, held: 1, ..NONE };

    for _ in 0..3 {
        assert_eq!(process.reconcile.run(&sale).await.unwrap(), Reconciled::Left(drift));
        world.clock.advance_ms(World::HOLD_MS / 3 - 1);
    }
    assert_eq!(world.live.held(sale.id)[0].0, code);
    world.clock.advance_ms(3);
    process.sweep.run(sale.id).await.unwrap();

    assert_eq!(process.reconcile.run(&sale).await.unwrap(), Reconciled::Left(NONE));
    assert_eq!(epoch(&world, &sale), Epoch(1));
}

#[tokio::test]
async fn a_hold_that_nobody_judges_long_after_its_time_is_a_drift() {
    let (world, process, sale) = open_world().await;
    hold_unrecorded(&world, &sale).await;
    let drift = Drift { free: -1, held: 1, ..NONE };
    let swept_within_ms = 5_000;

    let mut looks = vec![process.reconcile.run(&sale).await.unwrap()];
    world.clock.advance_ms(World::HOLD_MS + swept_within_ms - 1);
    looks.push(process.reconcile.run(&sale).await.unwrap());
    world.clock.advance_ms(1);
    looks.push(process.reconcile.run(&sale).await.unwrap());

    let [left, rebuilt] = [Reconciled::Left(drift), Reconciled::Rebuilt(drift)];
    assert_eq!(looks, [left, left, rebuilt]);
    assert_eq!(world.live.held(sale.id), []);
}

/// The ledger has no such purchase, and each was in it before the live store heard of it.
#[tokio::test]
async fn a_sale_whose_ledger_has_lost_purchases_is_paused_until_an_operator_lets_it_go_on() {
    let (world, process, sale) = open_world().await;
    let other = world.process(2);
    world.ledger.raise_epoch(sale.id, None).await.unwrap();
    serve(&world, &sale, Epoch(2), vec![sold_to_bob(&sale)]).await;
    world.clock.advance_ms(1_000);
    let drift = Drift { free: -1, sold: 1, ..NONE };

    let (first, second) = tokio::join!(process.reconcile.run(&sale), other.reconcile.run(&sale));

    let stopped = [first.unwrap(), second.unwrap()];
    assert_eq!(
        stopped.iter().filter(|it| **it == Reconciled::Stopped(drift)).count(),
        1,
        "{stopped:?}"
    );
    let paused = world.ledger.sale(sale.id).unwrap();
    assert_eq!((paused.state, status(&world, &sale).await.paused), (SaleState::Paused, true));
    let asked = process.ask(&sale, "ann").await.unwrap();
    assert!(matches!(asked, Err(CheckoutRefusal::Paused { .. })), "{asked:?}");
    for _ in 0..3 {
        world.clock.advance_ms(2_000);
        assert!(!matches!(process.reconcile.run(&paused).await.unwrap(), Reconciled::Stopped(_)));
    }
    // Its operator takes the ledger as it is: the unit is sold again.
    let resume = Order { action: Action::ResumeSale(sale.id), ..stock(&sale, 1, 3) };
    let resumed = world.services(3).steering(None).act(&resume).await.unwrap();
    assert!(matches!(resumed, Answer::Done { in_effect: true, .. }), "{resumed:?}");
    assert_eq!(counts(&world, &sale).await, [3, 0, 0]);
}

/// What a server lacks that took the place of another one is loaded from it: whether answers of that were lost is
/// known by those who gave them.
#[tokio::test]
async fn a_sale_whose_ledger_has_moved_is_not_paused_for_what_that_lacks() {
    let (world, process, sale) = open_world().await;
    process.reconcile.run(&sale).await.unwrap();
    world.ledger.raise_epoch(sale.id, None).await.unwrap();
    serve(&world, &sale, Epoch(2), vec![sold_to_bob(&sale)]).await;
    world.ledger.fail_over();
    world.clock.advance_ms(1_000);

    let reconciled = process.reconcile.run(&sale).await.unwrap();

    assert!(matches!(reconciled, Reconciled::Rebuilt(_)), "{reconciled:?}");
    assert_eq!(world.ledger.sale(sale.id).unwrap().state, SaleState::Active);
    assert_eq!(counts(&world, &sale).await, [3, 0, 0]);
}

#[tokio::test]
async fn a_drift_is_left_while_either_side_moves() {
    let (world, process, sale) = open_world().await;
    let before = world.live.copy();
    let hold = process.take(&sale, "alice").await;
    process.take(&sale, "alice").await;
    world.live.roll_back_undetected(&before);

    let mut looks = vec![process.reconcile.run(&sale).await.unwrap()];
    process.purchase.redeem(hold.code).await.unwrap().unwrap();
    looks.push(process.reconcile.run(&sale).await.unwrap());
    // The grant has no record, and nobody settles its code.
    world.live.faults().plan(Operation::SettleSoon, Fault::Lose);
    process.ask(&sale, "bob").await.unwrap_err();
    looks.push(process.reconcile.run(&sale).await.unwrap());

    let drift = Drift { free: 2, held: -2, ..NONE };
    let after_purchase = Drift { held: -1, sold: -1, ..drift };
    let after_grant = Drift { free: 1, held: 0, ..after_purchase };
    assert_eq!(looks, [drift, after_purchase, after_grant].map(Reconciled::Left));
    let rebuilt = process.reconcile.run(&sale).await.unwrap();
    assert_eq!(rebuilt, Reconciled::Rebuilt(after_grant));
}

#[tokio::test]
async fn counters_that_are_equal_although_units_came_and_went_are_no_stillness() {
    let (world, process, sale) = open_world().await;
    let before = world.live.copy();
    let kept = process.take(&sale, "alice").await;
    world.live.roll_back_undetected(&before);
    let drift = Drift { free: 1, held: -1, ..NONE };

    let mut looks = Vec::new();
    for _ in 0..4 {
        looks.push(process.reconcile.run(&sale).await.unwrap());
        // A crowd comes and goes: afterwards every counter of both stores is as it was.
        let code = Code::new(sale.id, 7);
        let request = HoldRequest { code, user: "bob".parse().unwrap(), has_key: false };
        world.live.place_hold(request).await.unwrap();
        world.live.settle(sale.id, &[(code, Verdict::Free)]).await.unwrap();
    }
    looks.push(process.reconcile.run(&sale).await.unwrap());

    assert_eq!(looks, [Reconciled::Left(drift); 5]);
    assert_eq!(process.reconcile.run(&sale).await.unwrap(), Reconciled::Rebuilt(drift));
    assert_eq!(world.live.held(sale.id), [(kept.code, kept.unit)]);
}

#[tokio::test]
async fn what_is_held_here_and_sold_there_evens_out_without_a_rebuild() {
    let (world, process, sale) = open_world().await;
    let hold = process.take(&sale, "alice").await;
    world.live.faults().plan(Operation::SettleSoon, Fault::Lose);
    process.purchase.redeem(hold.code).await.unwrap().unwrap();

    for _ in 0..3 {
        let drift = Drift { held: 1, sold: -1, ..NONE };
        assert_eq!(process.reconcile.run(&sale).await.unwrap(), Reconciled::Left(drift));
    }
    assert_eq!(epoch(&world, &sale), Epoch(1));
}

#[tokio::test]
async fn a_clock_that_is_off_by_too_much_is_set_right() {
    let (world, process, sale) = open_world().await;

    for (skew_ms, is_rebuilt) in [(200, false), (-200, false), (201, true), (-201, true)] {
        world.clock.advance_ms(1_000);
        process.rebuild.restore(sale.id, Some(epoch(&world, &sale))).await.unwrap();
        world.clock.advance_ms(1_000);
        // The server's clock is set to another time after it loaded the sale.
        world.live.set_skew_ms(skew_ms);
        process.reconcile.run(&sale).await.unwrap();

        let reconciled = process.reconcile.run(&sale).await.unwrap();

        assert_eq!(matches!(reconciled, Reconciled::Rebuilt(_)), is_rebuilt, "{skew_ms}");
        let left_ms = status(&world, &sale).await.now - world.clock.now();
        assert_eq!(left_ms, if is_rebuilt { 0 } else { skew_ms });
        world.live.set_skew_ms(0);
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_set_right_although_units_come_and_go() {
    let (world, process, sale) = open_world().await;
    world.clock.advance_ms(1_000);
    world.live.set_skew_ms(-500);
    process.reconcile.run(&sale).await.unwrap();
    process.take(&sale, "alice").await;

    let reconciled = process.reconcile.run(&sale).await.unwrap();

    assert!(matches!(reconciled, Reconciled::Rebuilt(_)), "{reconciled:?}");
}

#[tokio::test]
async fn a_live_store_that_contradicts_itself_is_rebuilt_at_once() {
    let (world, process, sale) = open_world().await;
    let first = process.take(&sale, "alice").await;
    let second = process.take(&sale, "alice").await;
    let twice = [first.code, second.code].map(|code| LiveUnit {
        code,
        user: first.user.clone(),
        unit: Unit::try_from(1).unwrap(),
        slot: Slot(0),
        held_until: Some(first.expires_at),
    });
    // The epoch is the ledger's own, so only the numbers are wrong.
    world.ledger.raise_epoch(sale.id, None).await.unwrap();
    serve(&world, &sale, Epoch(2), twice.to_vec()).await;
    world.clock.advance_ms(1_000);

    let reconciled = process.reconcile.run(&sale).await.unwrap();

    assert!(matches!(reconciled, Reconciled::Rebuilt(_)), "{reconciled:?}");
    assert_eq!(counts(&world, &sale).await, [1, 2, 0]);
}

#[tokio::test]
async fn a_live_store_that_a_dead_rebuilder_left_behind_is_rebuilt() {
    let (world, process, sale) = open_world().await;
    world.ledger.raise_epoch(sale.id, None).await.unwrap();

    assert_eq!(process.reconcile.run(&sale).await.unwrap(), Reconciled::Left(NONE));
    assert_eq!(process.reconcile.run(&sale).await.unwrap(), Reconciled::Rebuilt(NONE));

    process.take(&sale, "alice").await;
}

#[tokio::test]
async fn terms_that_the_ledger_has_changed_are_served_at_once() {
    let (world, process, sale) = open_world().await;

    for paused in [true, false] {
        let changed = world.ledger.set_paused(sale.id, paused).await.unwrap().unwrap();
        let reconciled = process.reconcile.run(&changed).await.unwrap();

        assert_eq!(reconciled, Reconciled::Rebuilt(NONE));
        assert_eq!(status(&world, &sale).await.paused, paused);
        world.clock.advance_ms(1_000);
    }
}

/// Nor are those that a process has not heard of.
#[tokio::test]
async fn a_stock_that_is_changed_and_not_loaded_yet_is_no_drift() {
    let (world, process, sale) = open_world().await;
    process.take(&sale, "alice").await;
    world.ledger.act(&stock(&sale, 1, 9), &Beside::default()).await.unwrap();
    let changed = world.ledger.sale(sale.id).unwrap();
    world.clock.advance_ms(1_000);

    let looks = [
        process.reconcile.run(&changed).await.unwrap(),
        process.reconcile.run(&changed).await.unwrap(),
        process.reconcile.run(&sale).await.unwrap(),
    ];

    let [rebuilt, left] = [Reconciled::Rebuilt(NONE), Reconciled::Left(NONE)];
    assert_eq!(looks, [rebuilt, left, left]);
    assert_eq!(status(&world, &sale).await.terms, Some(changed.terms));
}

/// The sale is asked for because it was listed before the first change, and has been changed once more by then.
#[tokio::test]
async fn a_change_beside_a_comparison_is_no_drift() {
    let (world, process, sale) = open_world().await;
    let steering = world.services(7).steering(World::hourly());
    steering.act(&stock(&sale, 1, 1)).await.unwrap();
    world.clock.advance_ms(1_000);
    world.ledger.faults().plan(Operation::FindSale, Fault::Pause);

    let (reconciled, ()) = tokio::join!(process.reconcile.run(&sale), async {
        while world.ledger.faults().paused() == 0 {
            tokio::task::yield_now().await;
        }
        steering.act(&stock(&sale, 2, 2)).await.unwrap();
        assert!(world.ledger.faults().resume());
    });

    assert_eq!(reconciled.unwrap(), Reconciled::Rebuilt(NONE));
    assert_eq!(counts(&world, &sale).await, [2, 0, 0]);
}

#[tokio::test]
async fn a_sale_that_is_not_served_or_not_there_is_no_drift() {
    let (world, process, sale) = open_world().await;
    let unknown = domain::Sale { id: domain::SaleId::try_from(99).unwrap(), ..sale };
    serve(&world, &unknown, Epoch(1), Vec::new()).await;
    world.live.faults().plan(Operation::Status, Fault::Refuse);

    process.reconcile.run(&sale).await.unwrap_err();
    assert_eq!(process.reconcile.run(&unknown).await.unwrap(), Reconciled::NotLoaded);
    world.live.wipe();
    assert_eq!(process.reconcile.run(&sale).await.unwrap(), Reconciled::NotLoaded);
}

#[tokio::test]
async fn a_ledger_that_lost_data_is_an_error_and_nothing_is_repaired() {
    let (world, process, sale) = open_world().await;
    serve(&world, &sale, Epoch(9), Vec::new()).await;

    for _ in 0..3 {
        let error = process.reconcile.run(&sale).await.unwrap_err();
        assert_eq!(error.failure(), Failure::Rebuilding);
    }
    assert_eq!(epoch(&world, &sale), Epoch(1));
    assert_eq!(status(&world, &sale).await.epoch, Epoch(9));
}

#[tokio::test]
async fn a_sale_that_is_no_longer_looked_at_starts_afresh() {
    let (world, process, sale) = open_world().await;
    let before = world.live.copy();
    process.take(&sale, "alice").await;
    world.live.roll_back_undetected(&before);

    process.reconcile.run(&sale).await.unwrap();
    process.reconcile.keep_only(&[sale]);
    process.reconcile.keep_only(&[]);
    let first_look = process.reconcile.run(&sale).await.unwrap();
    process.reconcile.keep_only(&[sale]);
    let second_look = process.reconcile.run(&sale).await.unwrap();

    assert!(matches!(first_look, Reconciled::Left(_)));
    assert!(matches!(second_look, Reconciled::Rebuilt(_)));
}
