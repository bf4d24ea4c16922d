//! What [`Purchase`](domain::Purchase) promises.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use domain::{
    Code, CodeRefusal, Epoch, Failure, Sale, Slot, Unit,
    ports::{CodeStore, HoldRequest, Items, LiveUnit, SaleSnapshot, SaleStore},
};
use fakes::{Fault, HoldState, Operation, PlainItems, Process, World};

fn open_world() -> (World, Process, Sale) {
    let world = World::new();
    let process = world.process(1);
    let sale = world.open_sale(3, 2);
    (world, process, sale)
}

fn state(world: &World, code: Code) -> HoldState {
    world.ledger.hold(code).unwrap().state
}

#[tokio::test]
async fn a_code_buys_its_unit_and_what_the_unit_turns_out_to_be() {
    let (world, process, sale) = open_world();
    let hold = process.take(&sale, "alice").await;
    world.clock.advance_ms(1_000);

    let receipt = process.purchase.redeem(hold.code).await.unwrap().unwrap();

    assert_eq!((receipt.code, receipt.sale), (hold.code, sale.id));
    assert_eq!((&receipt.user, receipt.unit), (&hold.user, hold.unit));
    assert_eq!(receipt.item, PlainItems.item(sale.id, hold.unit, None));
    assert_eq!(receipt.purchased_at, world.clock.now());
    assert_eq!(state(&world, hold.code), HoldState::Sold);
    assert_eq!(world.ledger.purchases(), [receipt]);
}

#[tokio::test]
async fn the_live_store_learns_of_a_purchase_without_being_asked() {
    let (world, process, sale) = open_world();
    let hold = process.take(&sale, "alice").await;

    process.purchase.redeem(hold.code).await.unwrap().unwrap();

    let status = world.live.status(sale.id).await.unwrap().unwrap();
    assert_eq!((status.free, status.held, status.sold), (2, 0, 1));
}

#[tokio::test]
async fn a_code_used_before_shows_its_receipt_and_buys_nothing_more() {
    let (world, process, sale) = open_world();
    let hold = process.take(&sale, "alice").await;
    let receipt = process.purchase.redeem(hold.code).await.unwrap().unwrap();

    let again = process.purchase.redeem(hold.code).await.unwrap().unwrap_err();

    assert_eq!(again, CodeRefusal::AlreadyUsed(Box::new(receipt.clone())));
    assert_eq!(world.ledger.purchases(), [receipt]);
}

#[tokio::test]
async fn a_buyer_whose_answer_got_lost_loses_nothing() {
    let (world, process, sale) = open_world();
    let hold = process.take(&sale, "alice").await;

    world.ledger.faults().plan(Operation::Redeem, Fault::LoseReply);
    let lost = process.purchase.redeem(hold.code).await.unwrap_err();
    let again = process.purchase.redeem(hold.code).await.unwrap().unwrap_err();

    assert_eq!(lost.failure(), Failure::Unknown);
    let CodeRefusal::AlreadyUsed(receipt) = again else { panic!("there is a receipt: {again}") };
    assert_eq!(receipt.unit, hold.unit);
}

#[tokio::test]
async fn a_redemption_that_was_not_done_can_be_made_again() {
    let (world, process, sale) = open_world();
    let hold = process.take(&sale, "alice").await;

    for fault in [Fault::Refuse, Fault::Lose] {
        world.ledger.faults().plan(Operation::Redeem, fault);
        process.purchase.redeem(hold.code).await.unwrap_err();
        assert_eq!(state(&world, hold.code), HoldState::Held, "{fault:?}");
    }

    process.purchase.redeem(hold.code).await.unwrap().unwrap();
}

#[tokio::test]
async fn purchases_go_on_while_the_live_store_is_down_or_empty() {
    let (world, process, sale) = open_world();
    let first = process.take(&sale, "alice").await;
    let second = process.take(&sale, "alice").await;

    world.live.faults().set_down(true);
    process.purchase.redeem(first.code).await.unwrap().unwrap();
    world.live.faults().set_down(false);
    world.live.wipe();
    process.purchase.redeem(second.code).await.unwrap().unwrap();

    assert_eq!(world.ledger.purchases().len(), 2);
}

#[tokio::test]
async fn what_the_ledger_has_counts_where_the_live_store_believes_in_another_unit() {
    let (world, process, sale) = open_world();
    let hold = process.take(&sale, "alice").await;
    let other = Unit::try_from(3).unwrap();
    let wrong = LiveUnit {
        code: hold.code,
        user: hold.user,
        unit: other,
        slot: Slot(0),
        held_until: Some(hold.expires_at),
    };
    let snapshot = SaleSnapshot { sale: Sale { epoch: Epoch(2), ..sale }, live: vec![wrong] };
    world.live.load(&snapshot, world.clock.now()).await.unwrap();

    let receipt = process.purchase.redeem(hold.code).await.unwrap().unwrap();

    assert_eq!(receipt.unit, hold.unit);
    assert_eq!(receipt.item, PlainItems.item(sale.id, hold.unit, None));
}

#[tokio::test]
async fn a_hold_that_is_due_is_good_until_the_ledger_has_judged_it() {
    let (world, process, sale) = open_world();
    let first = process.take(&sale, "alice").await;
    let second = process.take(&sale, "alice").await;
    world.clock.advance_ms(World::HOLD_MS + 1_000);

    process.purchase.redeem(first.code).await.unwrap().unwrap();
    process.sweep.run(sale.id).await.unwrap();
    let refusal = process.purchase.redeem(second.code).await.unwrap().unwrap_err();

    assert_eq!(refusal, CodeRefusal::Expired);
    assert_eq!(state(&world, second.code), HoldState::Expired);
}

#[tokio::test]
async fn a_code_stays_good_after_the_end_of_its_sale() {
    let (world, process, sale) = open_world();
    world.clock.set(sale.window.ends_at() + -1);
    let hold = process.take(&sale, "alice").await;
    world.clock.advance_ms(World::HOLD_MS - 1);
    process.sweep.run(sale.id).await.unwrap();

    process.purchase.redeem(hold.code).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_code_that_nobody_was_given_buys_nothing() {
    let (world, process, sale) = open_world();
    process.rebuild.restore(sale.id, None).await.unwrap();
    let made_up = Code::new(sale.id, 12_345);
    let granted = Code::new(sale.id, 67_890);
    let request = HoldRequest { code: granted, user: "alice".parse().unwrap() };
    world.live.place_hold(request).await.unwrap();

    for code in [made_up, granted] {
        for refusal in [
            process.purchase.redeem(code).await.unwrap().err(),
            process.purchase.release(code).await.unwrap().err(),
            process.purchase.receipt(code).await.unwrap().err(),
        ] {
            assert_eq!(refusal, Some(CodeRefusal::Unknown));
        }
    }
    assert_eq!(world.ledger.purchases(), []);
}

#[tokio::test]
async fn a_unit_given_back_can_be_had_again_at_once() {
    let (world, process, _) = open_world();
    let sale = world.sale_in(3_600_000, 1_000, 1, 1);
    world.clock.set(sale.window.starts_at());
    let hold = process.take(&sale, "alice").await;

    process.purchase.release(hold.code).await.unwrap().unwrap();

    assert_eq!(state(&world, hold.code), HoldState::Released);
    process.take(&sale, "alice").await;
}

#[tokio::test]
async fn giving_back_again_changes_nothing_and_is_no_error() {
    let (world, process, sale) = open_world();
    let hold = process.take(&sale, "alice").await;

    world.ledger.faults().plan(Operation::Release, Fault::LoseReply);
    process.purchase.release(hold.code).await.unwrap_err();
    process.purchase.release(hold.code).await.unwrap().unwrap();
    process.purchase.release(hold.code).await.unwrap().unwrap();

    assert_eq!(world.live.free(sale.id).len(), 3);
}

#[tokio::test]
async fn a_hold_ends_once() {
    let (world, process, sale) = open_world();
    let bought = process.take(&sale, "alice").await;
    let returned = process.take(&sale, "alice").await;
    let receipt = process.purchase.redeem(bought.code).await.unwrap().unwrap();
    process.purchase.release(returned.code).await.unwrap().unwrap();

    let give_back = process.purchase.release(bought.code).await.unwrap().unwrap_err();
    let buy = process.purchase.redeem(returned.code).await.unwrap().unwrap_err();

    assert_eq!(give_back, CodeRefusal::AlreadyUsed(Box::new(receipt)));
    assert_eq!(buy, CodeRefusal::Released);
    assert_eq!(world.ledger.purchases().len(), 1);
}

#[tokio::test]
async fn of_a_purchase_and_a_return_that_meet_one_wins() {
    let (world, process, sale) = open_world();
    let hold = process.take(&sale, "alice").await;
    let other = world.process(2);
    world.ledger.faults().plan(Operation::Redeem, Fault::Pause);

    let (bought, ()) = tokio::join!(process.purchase.redeem(hold.code), async {
        other.purchase.release(hold.code).await.unwrap().unwrap();
        assert!(world.ledger.faults().resume());
    });

    assert_eq!(bought.unwrap(), Err(CodeRefusal::Released));
    assert_eq!(world.ledger.purchases(), []);
}

#[tokio::test]
async fn of_two_purchases_that_meet_both_learn_of_the_one_receipt() {
    let (world, process, sale) = open_world();
    let hold = process.take(&sale, "alice").await;
    let other = world.process(2);
    world.ledger.faults().plan(Operation::Redeem, Fault::Pause);

    let (late, receipt) = tokio::join!(process.purchase.redeem(hold.code), async {
        let receipt = other.purchase.redeem(hold.code).await.unwrap().unwrap();
        assert!(world.ledger.faults().resume());
        receipt
    });

    assert_eq!(late.unwrap(), Err(CodeRefusal::AlreadyUsed(Box::new(receipt.clone()))));
    assert_eq!(world.ledger.purchases(), [receipt]);
}

#[tokio::test]
async fn a_receipt_is_shown_as_often_as_it_is_asked_for() {
    let (_, process, sale) = open_world();
    let hold = process.take(&sale, "alice").await;

    let before = process.purchase.receipt(hold.code).await.unwrap();
    let receipt = process.purchase.redeem(hold.code).await.unwrap().unwrap();

    assert_eq!(before, Err(CodeRefusal::NotRedeemed));
    for _ in 0..2 {
        assert_eq!(process.purchase.receipt(hold.code).await.unwrap().as_ref(), Ok(&receipt));
    }
}
