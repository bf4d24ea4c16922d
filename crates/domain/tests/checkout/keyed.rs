//! What becomes of requests that have a key: the same key gets the same code.

use std::{fmt::Debug, pin::Pin};

use domain::{
    CheckoutRefusal, CheckoutRequest, Code, Epoch, Failure, IdempotencyKey, Sale, SaleId, Slot,
    StoreError,
    checkout::KeyedHold,
    ports::{Attempt, Grant, LedgerStore, Outcome, Recorded},
};
use fakes::{AttemptRecord, Fault, HoldState, Operation, Process, World};
use futures_util::FutureExt as _;

use crate::{free, open_world};

const KEY: &str = "a-key-of-16-letters";

async fn ask(
    process: &Process,
    sale: &Sale,
    user: &str,
    key: &str,
) -> Result<Result<KeyedHold, CheckoutRefusal>, StoreError> {
    let request = CheckoutRequest { sale: sale.id, user: user.parse().unwrap() };
    let key: IdempotencyKey = key.parse().unwrap();
    process.checkout.attempt_again(request, &key).await
}

async fn take(process: &Process, sale: &Sale, user: &str, key: &str) -> KeyedHold {
    ask(process, sale, user, key).await.unwrap().unwrap()
}

/// Polls a request until its call stands still in the ledger.
async fn stand_still<T: Debug>(world: &World, request: &mut Pin<Box<impl Future<Output = T>>>) {
    let stands_still = async {
        while world.ledger.faults().paused() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        reply = request => panic!("it was to be waited for: {reply:?}"),
        () = stands_still => {}
    }
}

/// The code that a key leads to.
fn code(sale: &Sale, user: &str, key: &str, nth: u8) -> Code {
    sale.salt.code(sale.id, &user.parse().unwrap(), &key.parse().unwrap(), nth)
}

#[tokio::test]
async fn the_same_key_gets_the_same_hold_from_whichever_process() {
    let (world, process) = open_world();
    let sale = world.open_sale(5, 5);

    let first = take(&process, &sale, "alice", KEY).await;
    let again = take(&world.process(2), &sale, "alice", KEY).await;

    assert!(!first.is_repeated && again.is_repeated);
    assert_eq!(first.hold, again.hold);
    assert_eq!(first.hold.code, code(&sale, "alice", KEY, 0));
    assert_eq!((free(&world, &sale), world.ledger.attempts().len()), (4, 1));
}

#[tokio::test]
async fn keys_of_two_users_two_keys_of_one_and_no_key_have_nothing_in_common() {
    let (world, process) = open_world();
    let sale = world.open_sale(5, 5);

    let codes = [
        take(&process, &sale, "alice", KEY).await.hold.code,
        take(&process, &sale, "bob", KEY).await.hold.code,
        take(&process, &sale, "alice", "another-key-of-hers").await.hold.code,
        process.take(&sale, "alice").await.code,
    ];

    let mut distinct = codes.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!((distinct.len(), free(&world, &sale)), (4, 1));
}

#[tokio::test]
async fn the_answer_stays_whatever_becomes_of_the_hold() {
    let (world, process) = open_world();
    let sale = world.open_sale(5, 5);
    let [sold, released, expired] =
        ["the-one-that-is-sold", "the-one-given-back", "the-one-that-runs-out"];
    let mut holds = Vec::new();
    for key in [sold, released, expired] {
        holds.push(take(&process, &sale, "alice", key).await.hold);
    }
    process.purchase.redeem(holds[0].code).await.unwrap().unwrap();
    process.purchase.release(holds[1].code).await.unwrap().unwrap();
    world.clock.advance_ms(World::HOLD_MS);
    process.sweep.run(sale.id).await.unwrap();
    assert_eq!(world.ledger.hold(holds[2].code).unwrap().state, HoldState::Expired);
    world.live.wipe();

    for (key, hold) in [sold, released, expired].into_iter().zip(holds) {
        let again = take(&world.process(2), &sale, "alice", key).await;
        assert_eq!(again, KeyedHold { hold, is_repeated: true });
    }
    assert_eq!(world.ledger.attempts().len(), 3);
}

#[tokio::test]
async fn the_answer_stays_when_the_sale_is_closed() {
    let (world, process) = open_world();
    let sale = world.open_sale(5, 5);
    let first = take(&process, &sale, "alice", KEY).await;
    process.purchase.redeem(first.hold.code).await.unwrap().unwrap();
    world.clock.advance_ms(3_600_000);
    process.retire.run().await.unwrap();
    process.catalog.refresh().await.unwrap();

    let again = take(&process, &sale, "alice", KEY).await;
    let other = ask(&process, &sale, "alice", "another-key-of-hers").await.unwrap();

    assert_eq!(again, KeyedHold { is_repeated: true, ..first });
    assert!(matches!(other, Err(CheckoutRefusal::Ended { .. })), "{other:?}");
}

#[tokio::test]
async fn a_refusal_is_recorded_each_time_and_the_key_may_try_again() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);
    let hold = process.take(&sale, "bob").await;

    for _ in 0..2 {
        let refused = ask(&process, &sale, "alice", KEY).await.unwrap();
        assert!(matches!(refused, Err(CheckoutRefusal::SoldOut { .. })), "{refused:?}");
    }
    process.purchase.release(hold.code).await.unwrap().unwrap();

    assert!(!take(&process, &sale, "alice", KEY).await.is_repeated);
    assert_eq!(world.ledger.attempts().len(), 4);
}

#[tokio::test]
async fn a_sale_that_never_was_is_refused_with_a_key_too() {
    let (world, process) = open_world();
    let sale = Sale { id: SaleId::try_from(99).unwrap(), ..world.open_sale(1, 1) };

    let refused = ask(&process, &sale, "alice", KEY).await.unwrap();

    assert_eq!(refused, Err(CheckoutRefusal::UnknownSale));
    assert!(matches!(world.ledger.attempts()[..], [AttemptRecord::Refusal { .. }]));
}

/// Else it would be granted without its key, and again when it is repeated.
#[tokio::test]
async fn a_sale_that_is_made_after_it_was_looked_for_is_not_looked_for_again() {
    let (world, process) = open_world();
    let to_come = Sale { id: SaleId::try_from(2).unwrap(), ..world.open_sale(5, 5) };
    world.ledger.faults().plan(Operation::FindSale, Fault::Pause);
    world.ledger.faults().plan(Operation::FindSale, Fault::Pause);

    let mut asked = Box::pin(ask(&process, &to_come, "alice", KEY));
    let mut looks = 0;
    let refused = loop {
        if let Some(answer) = (&mut asked).now_or_never() {
            break answer.unwrap();
        }
        looks += 1;
        if looks == 2 {
            let _made = world.open_sale(5, 5);
        }
        world.ledger.faults().resume();
        tokio::task::yield_now().await;
    };

    assert_eq!(refused, Err(CheckoutRefusal::UnknownSale));
    assert!(matches!(world.ledger.attempts()[..], [AttemptRecord::Refusal { .. }]));
}

#[tokio::test]
async fn what_was_answered_is_told_though_the_process_remembers_that_all_is_sold() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);
    let first = take(&process, &sale, "alice", KEY).await;
    let refused = process.ask(&sale, "bob").await.unwrap();
    assert!(matches!(refused, Err(CheckoutRefusal::SoldOut { .. })), "{refused:?}");

    assert_eq!(take(&process, &sale, "alice", KEY).await.hold, first.hold);
}

#[tokio::test]
async fn a_hold_without_a_record_is_taken_over_though_the_process_remembers_that_all_is_sold() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);
    process.rebuild.restore(sale.id, None).await.unwrap();
    world.ledger.faults().plan(Operation::Record, Fault::Refuse);
    ask(&process, &sale, "alice", KEY).await.unwrap_err();
    let refused = process.ask(&sale, "bob").await.unwrap();
    assert!(matches!(refused, Err(CheckoutRefusal::SoldOut { .. })), "{refused:?}");

    let hold = take(&process, &sale, "alice", KEY).await.hold;

    assert_eq!(world.live.held(sale.id), [(hold.code, hold.unit)]);
}

/// The other of two equal requests has recorded the hold, and its client may have the code.
#[tokio::test]
async fn a_request_whose_record_fails_gives_no_hold_back_that_an_equal_one_recorded() {
    let (world, process) = open_world();
    let sale = world.open_sale(2, 2);
    process.rebuild.restore(sale.id, None).await.unwrap();
    world.ledger.faults().plan(Operation::Record, Fault::Pause);
    world.ledger.faults().plan(Operation::Record, Fault::Refuse);
    let other = world.process(2);
    let mut slow = Box::pin(ask(&other, &sale, "alice", KEY));
    stand_still(&world, &mut slow).await;

    let failed = ask(&process, &sale, "alice", KEY).await;
    assert_eq!(free(&world, &sale), 1, "the hold stays where it is");
    assert!(world.ledger.faults().resume());
    let slow = slow.await;

    assert_eq!(failed.unwrap_err().failure(), Failure::NotDone);
    let hold = slow.unwrap().unwrap().hold;
    assert_eq!(world.live.held(sale.id), [(hold.code, hold.unit)]);
    assert_eq!(take(&process, &sale, "alice", KEY).await.hold, hold);
}

#[tokio::test]
async fn a_hold_that_could_not_be_recorded_is_taken_over_by_the_next_of_its_key() {
    let (world, process) = open_world();
    let sale = world.open_sale(2, 2);
    process.rebuild.restore(sale.id, None).await.unwrap();
    world.ledger.faults().plan(Operation::Record, Fault::Refuse);
    ask(&process, &sale, "alice", KEY).await.unwrap_err();
    let left_behind = world.live.held(sale.id);

    let hold = take(&process, &sale, "alice", KEY).await.hold;

    assert_eq!(left_behind, [(hold.code, hold.unit)]);
    assert_eq!(free(&world, &sale), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_and_asks_again_gets_the_hold_it_left() {
    let (world, process) = open_world();
    let sale = world.open_sale(2, 2);
    process.rebuild.restore(sale.id, None).await.unwrap();
    world.ledger.faults().plan(Operation::Record, Fault::Pause);
    let mut left = Box::pin(ask(&process, &sale, "alice", KEY));
    stand_still(&world, &mut left).await;
    drop(left);
    let left_behind = world.live.held(sale.id);
    assert_eq!(process.reclaim.take(), [], "its hold is not its own");

    let hold = take(&process, &sale, "alice", KEY).await.hold;

    assert_eq!(left_behind, [(hold.code, hold.unit)]);
}

#[tokio::test]
async fn a_tombstone_was_nobodys_answer_and_the_key_leads_on() {
    let (world, process) = open_world();
    let sale = world.open_sale(2, 2);
    process.rebuild.restore(sale.id, None).await.unwrap();
    for nth in 0..3 {
        world.ledger.judge(sale.id, &[code(&sale, "alice", KEY, nth)]).await.unwrap();
    }

    let first = take(&process, &sale, "alice", KEY).await;
    let again = take(&process, &sale, "alice", KEY).await;

    assert_eq!(first.hold.code, code(&sale, "alice", KEY, 3));
    assert_eq!(again, KeyedHold { is_repeated: true, ..first });
}

#[tokio::test]
async fn a_key_whose_codes_are_all_tombstones_is_used_up() {
    let (world, process) = open_world();
    let sale = world.open_sale(2, 2);
    process.rebuild.restore(sale.id, None).await.unwrap();
    for nth in 0..4 {
        world.ledger.judge(sale.id, &[code(&sale, "alice", KEY, nth)]).await.unwrap();
    }

    let reply = ask(&process, &sale, "alice", KEY).await;

    assert_eq!(reply.unwrap_err().failure(), Failure::NotDone);
    assert_eq!(free(&world, &sale), 2);
}

/// The code was granted a second unit, because the live store had lost it, while the ledger got a record
/// of the first.
#[tokio::test]
async fn the_answer_is_what_the_record_has_and_the_other_unit_goes_back() {
    let (world, process) = open_world();
    let sale = world.open_sale(3, 2);
    process.rebuild.restore(sale.id, None).await.unwrap();
    world.ledger.faults().plan(Operation::Record, Fault::Pause);
    let mut slow = Box::pin(ask(&process, &sale, "alice", KEY));
    stand_still(&world, &mut slow).await;
    let code = code(&sale, "alice", KEY, 0);
    let recorded = Grant { code, unit: 3.try_into().unwrap(), slot: Slot(1), epoch: Epoch(1) };
    assert_ne!(world.live.held(sale.id), [(code, recorded.unit)]);
    let (user, outcome) = ("alice".parse().unwrap(), Outcome::Granted(recorded));
    let attempt = Attempt { sale: sale.id, user, outcome };
    let stands = world.ledger.permit().unwrap().record(attempt).await.unwrap();
    assert!(matches!(stands, Recorded::Hold(_)), "{stands:?}");

    assert!(world.ledger.faults().resume());
    let answered = slow.await.unwrap().unwrap();

    assert_eq!((answered.hold.unit, answered.hold.slot), (recorded.unit, recorded.slot));
    assert_eq!(world.live.held(sale.id), [], "the other unit is nobody's");
}

/// The live store that granted the first was lost while that was on its way to the ledger, and the second
/// was granted another unit by the one that is there now, and recorded it.
#[tokio::test]
async fn a_grant_of_a_live_store_that_was_lost_takes_no_unit_from_an_equal_request_that_came_after()
{
    let (world, process) = open_world();
    let sale = world.open_sale(3, 2);
    process.rebuild.restore(sale.id, None).await.unwrap();
    world.ledger.faults().plan(Operation::Record, Fault::Pause);
    let mut first = Box::pin(ask(&process, &sale, "alice", KEY));
    stand_still(&world, &mut first).await;
    let lost = world.live.held(sale.id);
    world.live.wipe();
    let other = world.process(2);
    let bobs = other.take(&sale, "bob").await;
    let hold = take(&other, &sale, "alice", KEY).await.hold;
    assert_ne!(lost, [(hold.code, hold.unit)], "it is another unit");

    assert!(world.ledger.faults().resume());
    let answered = first.await.unwrap().unwrap().hold;

    assert_eq!(answered, hold);
    let mut now_held = world.live.held(sale.id);
    now_held.sort_unstable_by_key(|(_, unit)| *unit);
    assert_eq!(now_held, [(bobs.code, bobs.unit), (hold.code, hold.unit)]);
}
