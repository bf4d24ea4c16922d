//! How sales stand, for crowds.

use std::sync::Arc;

use domain::{
    Board, CheckoutRequest, Failure, Hold, Phase, Sale, SaleId, Services, Standing,
    board::{Forms, WhichPage},
    operator::{Action, ActionId, Beside, Order},
    ports::{Operator, SaleRegister},
    sale::SaleState,
};
use fakes::{Fault, Operation, World};

use crate::{TestTasks, closed_sale, services, settle_down};

/// A page is shown by the numbers of its sales.
type Form = Vec<i64>;

/// The newest sales, at most so many.
const fn all(limit: usize) -> WhichPage {
    WhichPage { phase: None, before: None, limit }
}

fn board(services: &Services) -> Arc<Board<Form>> {
    let forms = Forms {
        sale: |standing: &Standing, _| vec![standing.sale.id.get()],
        page: |page| page.standings.iter().map(|standing| standing.sale.id.get()).collect(),
    };
    services.board(Arc::new(TestTasks), forms)
}

/// An open sale that is served, and its services.
async fn open_sale(world: &World) -> (Sale, Services) {
    let sale = world.open_sale(5, 5);
    let services = services(world);
    services.catalog.refresh().await.unwrap();
    services.rebuild.restore(sale.id, None).await.unwrap();
    (sale, services)
}

async fn buy(services: &Services, sale: &Sale) -> Hold {
    let asked = CheckoutRequest { sale: sale.id, user: "ann".parse().unwrap() };
    services.checkout.attempt(asked).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_reader_sees_what_happened_before_and_the_sale_of_the_shop_is_the_same() {
    let world = World::new();
    let (sale, services) = open_sale(&world).await;
    let board = board(&services);
    let bought = buy(&services, &sale).await;
    buy(&services, &sale).await;
    services.purchase.redeem(bought.code).await.unwrap().unwrap();

    let shown = board.of(sale.id).await.unwrap().unwrap();
    let current = board.current().await.unwrap().unwrap();

    assert_eq!((shown.standing.sold, shown.standing.held), (1, 1));
    assert_eq!((shown.standing.phase(), shown.form.as_slice()), (Phase::Open, &[1][..]));
    assert_eq!(current.standing, shown.standing);
}

#[tokio::test]
async fn that_the_sales_are_not_known_yet_does_not_mean_that_there_is_none() {
    let world = World::new();
    let sale = world.open_sale(5, 5);
    let services = services(&world);
    let board = board(&services);

    let before = board.current().await;
    services.catalog.refresh().await.unwrap();
    let after = board.current().await;

    assert_eq!(before.unwrap_err().failure(), Failure::NotDone);
    assert_eq!(after.unwrap().unwrap().standing.sale.id, sale.id);
}

#[tokio::test]
async fn an_answer_is_at_most_200_ms_old() {
    let world = World::new();
    let (sale, services) = open_sale(&world).await;
    let board = board(&services);
    assert_eq!(board.of(sale.id).await.unwrap().unwrap().standing.held, 0);
    buy(&services, &sale).await;

    world.clock.advance_ms(200);
    let shown = board.of(sale.id).await.unwrap().unwrap();

    assert_eq!((shown.standing.held, shown.standing.at), (1, world.clock.now()));
}

#[tokio::test]
async fn nothing_is_shown_beyond_the_opening_and_the_end() {
    let world = World::new();
    let sale = world.sale_in(10, 30, 1, 1);
    let services = services(&world);
    services.catalog.refresh().await.unwrap();
    services.rebuild.restore(sale.id, None).await.unwrap();
    let board = board(&services);
    let phase = async || board.of(sale.id).await.unwrap().unwrap().standing.phase();

    assert_eq!(phase().await, Phase::Scheduled);
    world.clock.advance_ms(10);
    assert_eq!(phase().await, Phase::Open);
    world.clock.advance_ms(30);
    assert_eq!(phase().await, Phase::Ended);
    assert!(board.current().await.unwrap().is_none());
}

#[tokio::test]
async fn a_sale_is_asked_for_only_while_somebody_reads() {
    let world = World::new();
    let (sale, services) = open_sale(&world).await;
    let board = board(&services);
    board.of(sale.id).await.unwrap();
    for _ in 0..50 {
        world.clock.advance_ms(50);
        settle_down().await;
    }
    world.live.faults().plan(Operation::Status, Fault::Pause);

    for _ in 0..50 {
        world.clock.advance_ms(50);
        settle_down().await;
        assert_eq!(world.live.faults().paused(), 0);
    }
}

#[tokio::test]
async fn all_who_ask_for_a_closed_sale_wait_for_one_question_and_it_is_asked_once() {
    let world = World::new();
    let sale = closed_sale(&world).await;
    let services = services(&world);
    services.catalog.refresh().await.unwrap();
    let board = board(&services);
    world.ledger.faults().plan(Operation::Tally, Fault::Pause);

    let readers: Vec<_> = (0..100)
        .map(|_| {
            let board = Arc::clone(&board);
            tokio::spawn(async move { board.of(sale.id).await.unwrap().unwrap().standing })
        })
        .collect();
    settle_down().await;
    assert!(readers.iter().all(|reader| !reader.is_finished()));
    assert_eq!(world.ledger.faults().paused(), 1);
    // Whoever came first goes away; the others get their answer all the same.
    readers[0].abort();
    assert!(world.ledger.faults().resume());

    for reader in readers.into_iter().skip(1) {
        assert_eq!(reader.await.unwrap().sale.state, SaleState::Closed);
    }
    world.ledger.faults().set_down(true);
    // A purchase may be cancelled still, so not for ever.
    world.clock.advance_ms(59_000);
    let later = board.of(sale.id).await.unwrap().unwrap().standing;
    assert_eq!((later.sale.state, later.at), (SaleState::Closed, world.clock.now()));
}

#[tokio::test]
async fn a_number_that_no_sale_has_is_asked_for_once_a_second() {
    let world = World::new();
    let services = services(&world);
    services.catalog.refresh().await.unwrap();
    let board = board(&services);
    let unknown = SaleId::try_from(99).unwrap();
    assert!(board.of(unknown).await.unwrap().is_none());
    world.ledger.faults().set_down(true);

    world.clock.advance_ms(999);
    assert!(board.of(unknown).await.unwrap().is_none());
    world.clock.advance_ms(1);

    assert_eq!(board.of(unknown).await.unwrap_err().failure(), Failure::NotDone);
}

#[tokio::test]
async fn one_question_more_than_may_be_asked_at_a_time_is_refused() {
    let world = World::new();
    let services = services(&world);
    services.catalog.refresh().await.unwrap();
    let board = board(&services);
    let numbers = (1_000..1_256).map(|number| SaleId::try_from(number).unwrap());
    let readers: Vec<_> = numbers
        .map(|number| {
            world.ledger.faults().plan(Operation::FindSale, Fault::Pause);
            let board = Arc::clone(&board);
            tokio::spawn(async move { board.of(number).await.unwrap() })
        })
        .collect();
    settle_down().await;

    let one_more = board.of(SaleId::try_from(2_000).unwrap()).await.unwrap_err();

    assert_eq!(one_more.failure(), Failure::Overloaded);
    while world.ledger.faults().resume() {}
    for reader in readers {
        assert!(reader.await.unwrap().is_none());
    }
}

#[tokio::test]
async fn with_the_live_store_lost_a_sale_is_counted_once_in_two_seconds() {
    let world = World::new();
    let (sale, services) = open_sale(&world).await;
    let board = board(&services);
    let held = buy(&services, &sale).await;
    world.live.faults().set_down(true);
    let sold = async || board.of(sale.id).await.unwrap().unwrap().standing.sold;
    let page = async || board.page(all(5)).await.unwrap();

    assert_eq!(sold().await, 0);
    services.purchase.redeem(held.code).await.unwrap().unwrap();
    for _ in 0..19 {
        world.clock.advance_ms(100);
        assert_eq!((sold().await, page().await.as_slice()), (0, &[1][..]));
    }
    world.clock.advance_ms(1_100);

    assert_eq!(sold().await, 1);
}

#[tokio::test]
async fn a_page_is_asked_for_once_for_all_who_want_it() {
    let world = World::new();
    closed_sale(&world).await;
    closed_sale(&world).await;
    let services = services(&world);
    services.catalog.refresh().await.unwrap();
    let board = board(&services);
    world.ledger.faults().plan(Operation::Page, Fault::Pause);

    let readers: Vec<_> = (0..100)
        .map(|_| {
            let board = Arc::clone(&board);
            tokio::spawn(async move { board.page(all(2)).await.unwrap() })
        })
        .collect();
    settle_down().await;
    assert_eq!(world.ledger.faults().paused(), 1);
    assert!(world.ledger.faults().resume());

    for reader in readers {
        assert_eq!(*reader.await.unwrap(), [2, 1]);
    }
    // The sales of it are closed, and were counted: no other page needs them counted again.
    world.ledger.faults().plan(Operation::Tally, Fault::Refuse);
    assert_eq!(*board.page(all(1)).await.unwrap(), [2]);
}

#[tokio::test]
async fn that_neither_store_answers_is_said() {
    let world = World::new();
    let (sale, services) = open_sale(&world).await;
    let board = board(&services);
    world.live.faults().set_down(true);
    world.ledger.faults().set_down(true);

    assert_eq!(board.of(sale.id).await.unwrap_err().failure(), Failure::NotDone);
    assert_eq!(board.current().await.unwrap_err().failure(), Failure::NotDone);

    world.live.faults().set_down(false);
    world.clock.advance_ms(100);
    assert!(board.current().await.unwrap().is_some());
}

#[tokio::test]
async fn a_purchase_of_a_closed_sale_that_is_cancelled_is_seen_within_a_minute() {
    let world = World::new();
    let (sale, services) = open_sale(&world).await;
    let held = buy(&services, &sale).await;
    services.purchase.redeem(held.code).await.unwrap().unwrap();
    world.clock.advance_ms(sale.window.ends_at() - world.clock.now() + 1);
    assert!(world.ledger.close(sale.id).await.unwrap());
    services.catalog.refresh().await.unwrap();
    let board = board(&services);
    let sold = async || board.of(sale.id).await.unwrap().unwrap().standing.sold;
    assert_eq!(sold().await, 1);

    let (id, by) = (ActionId::drawn(1), "ann".parse().unwrap());
    let action = Action::CancelPurchase(held.code);
    let why = Some("it came back".parse().unwrap());
    let order = Order { id, by, why, request_id: None, action, if_at: None };
    world.ledger.act(&order, &Beside::default()).await.unwrap();

    world.clock.advance_ms(59_000);
    assert_eq!(sold().await, 1);
    world.clock.advance_ms(1_000);
    assert_eq!(sold().await, 0);
}
