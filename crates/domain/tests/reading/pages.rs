//! Pages of sales in one state.

use std::sync::Arc;

use domain::{
    Board, Failure, Phase, SaleId, Services,
    board::{Forms, WhichPage},
};
use fakes::World;

use crate::{TestTasks, closed_sale, services};

/// A page is shown by the numbers of its sales, and where the next begins.
type Form = (Vec<i64>, Option<i64>);

fn board(services: &Services) -> Arc<Board<Form>> {
    let forms = Forms {
        sale: |standing, _| (vec![standing.sale.id.get()], None),
        page: |page| {
            let sales = page.standings.iter().map(|standing| standing.sale.id.get());
            (sales.collect(), page.next_below.map(SaleId::get))
        },
    };
    services.board(Arc::new(TestTasks), forms)
}

async fn page(board: &Arc<Board<Form>>, phase: Phase, before: Option<i64>, limit: usize) -> Form {
    let before = before.map(|number| SaleId::try_from(number).unwrap());
    let which = WhichPage { phase: Some(phase), before, limit };
    (*board.page(which).await.unwrap()).clone()
}

/// Every page of a state, followed from the first.
async fn pages(board: &Arc<Board<Form>>, phase: Phase, limit: usize) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let (sales, next) = page(board, phase, before, limit).await;
        pages.push(sales);
        before = next;
        if before.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn each_state_has_its_sales_and_no_others_by_the_page() {
    let world = World::new();
    for _ in 0..3 {
        closed_sale(&world).await;
    }
    let paused = world.sale_in(0, 100, 5, 5);
    world.clock.advance_ms(50);
    let mut to_come = Vec::new();
    for number in 1..=3 {
        to_come.push(world.sale_in(number * 1_000, 100, 5, 5).id.get());
    }
    world.ledger.set_paused(paused.id, true).await.unwrap();
    let services = services(&world);
    services.catalog.refresh().await.unwrap();
    let board = board(&services);

    assert_eq!(pages(&board, Phase::Ended, 2).await, [vec![3, 2], vec![1]]);
    assert_eq!(pages(&board, Phase::Paused, 2).await, [vec![4]]);
    assert_eq!(pages(&board, Phase::Scheduled, 2).await, [vec![7, 6], vec![5]]);
    assert_eq!(pages(&board, Phase::Scheduled, 3).await, [vec![7, 6, 5]]);
    assert_eq!(pages(&board, Phase::Open, 2).await, [vec![0; 0]]);
}

/// The snapshot is a second old: the time goes on between two of them.
#[tokio::test]
async fn a_sale_changes_its_page_with_the_clock() {
    let world = World::new();
    let sale = world.sale_in(500, 1_000, 5, 5).id.get();
    let services = services(&world);
    services.catalog.refresh().await.unwrap();
    let board = board(&services);
    let states = async || {
        let mut states = Vec::new();
        for phase in [Phase::Scheduled, Phase::Open, Phase::Ended] {
            if page(&board, phase, None, 9).await.0 == [sale] {
                states.push(phase);
            }
        }
        states
    };

    let mut seen = vec![states().await];
    for ms in [500, 1_000] {
        world.clock.advance_ms(ms);
        seen.push(states().await);
    }

    assert_eq!(seen, [[Phase::Scheduled], [Phase::Open], [Phase::Ended]]);
}

/// What is to come has the higher numbers, and may be much.
#[tokio::test]
async fn sales_that_are_over_are_found_behind_hundreds_that_are_not() {
    let world = World::new();
    closed_sale(&world).await;
    closed_sale(&world).await;
    for number in 1..=550 {
        let _to_come = world.sale_in(number * 1_000, 100, 5, 5);
    }
    let services = services(&world);
    services.catalog.refresh().await.unwrap();
    let board = board(&services);

    let (first, next) = page(&board, Phase::Ended, None, 20).await;
    let (second, end) = page(&board, Phase::Ended, next, 20).await;

    // The work for one page is bounded, and so the first has none of them.
    assert_eq!((first, next), (vec![], Some(153)));
    assert_eq!((second, end), (vec![2, 1], None));
}

#[tokio::test]
async fn a_process_that_knows_of_no_sale_yet_does_not_say_that_none_is_open() {
    let world = World::new();
    let board = board(&services(&world));

    let which = WhichPage { phase: Some(Phase::Open), before: None, limit: 5 };
    let unknown = board.page(which).await.unwrap_err();

    assert_eq!(unknown.failure(), Failure::NotDone);
}
