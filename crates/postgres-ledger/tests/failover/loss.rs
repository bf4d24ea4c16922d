//! Answers that a server lacks which is the ledger all the same: nothing is sold until an operator has
//! had a look.

use dev_servers::PostgresServer;
use domain::{
    Sale,
    ports::{
        AnsweredCodes as _, Attempt, LedgerStore, Lookups as _, Outcome, Recorded, SaleRegister,
        UserOfSale,
    },
    sale::SaleState,
};
use postgres_ledger::Durability;
use store_contract::{
    fixtures::{HOUR, WallClock, nth_user, until},
    grant, redemption, set_paused,
};
use tokio::task::block_in_place;

use crate::pair::{
    DATABASE, Pair, ledger, lost, make_sale, open_sale, record, record_until, says_within,
};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sold_on_a_promoted_server_that_lacks_answers_until_an_operator_resumes() {
    let pair = Pair::start().await;
    let ledger = pair.ledger_of_one();
    pair.cut_off();
    for number in 1..=10 {
        record(&ledger, &pair.sale, number).await.1.unwrap();
    }

    let permit = ledger.permit().unwrap();
    let promoted = pair.after_promotion();
    says_within(&ledger, &pair.sale, "has lost answers").await;
    let outcome = Outcome::Granted(grant(&pair.sale, 30, 0));
    let attempt = Attempt { sale: pair.sale.id, user: nth_user(30), outcome };
    let late = permit.record(attempt).await;
    assert!(late.is_err(), "who had a permit before: {late:?}");

    let calendar = promoted.calendar().await.unwrap();
    assert!(calendar.sales.iter().all(|sale| sale.state == SaleState::Paused), "{calendar:?}");
    ledger.calendar().await.unwrap();
    assert!(ledger.permit().is_err(), "a look is no resumption");
    set_paused(&promoted, &pair.sale, false).await.unwrap();
    ledger.calendar().await.unwrap();
    let granted = until(&WallClock, async || record(&ledger, &pair.sale, 20).await.1.ok()).await;
    assert!(matches!(granted, Recorded::Hold { .. }), "{granted:?}");
}

/// The server tells them as done, without a warning. Nobody can know that; but what is lost with the
/// server is missed on the one that takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_were_lost_because_waits_were_let_go_are_missed_on_the_promoted_server() {
    let pair = Pair::start().await;
    let ledger = pair.ledger();
    record(&ledger, &pair.sale, 1).await.1.unwrap();

    pair.cut_off();
    let let_go = async {
        pair.until_somebody_waits().await;
        block_in_place(|| pair.first.wait_for_standbys(false)).unwrap();
        let nobody_waits = || block_in_place(|| pair.first.waits()).unwrap() == 0;
        until(&WallClock, async || nobody_waits().then_some(())).await;
    };
    let (answered, ()) = record_until(&ledger, &pair.sale, let_go).await;
    let promoted = pair.after_promotion();

    let lost = lost(&promoted, &answered).await;
    assert!(lost > 0, "none of {} was lost", answered.len());
    let _third = block_in_place(|| pair.second.start_standby()).unwrap();
    block_in_place(|| pair.second.wait_for_standbys(true)).unwrap();
    says_within(&ledger, &pair.sale, "has lost answers").await;
}

/// An operator who sleeps finds the next sale paused, and not sold.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_sale_is_no_operators_word_that_its_lost_answers_are_right() {
    let pair = Pair::start().await;
    let ledger = pair.ledger_of_one();
    pair.cut_off();
    for number in 1..=10 {
        record(&ledger, &pair.sale, number).await.1.unwrap();
    }
    let promoted = pair.after_promotion();
    says_within(&ledger, &pair.sale, "has lost answers").await;

    let over = format!("UPDATE sales SET ends_at = clock_timestamp() WHERE id = {}", pair.sale.id);
    block_in_place(|| pair.second.psql(DATABASE, &over)).unwrap();
    let next = open_sale(&promoted, 0).await;
    ledger.calendar().await.unwrap();
    let paused = promoted.calendar().await.unwrap();
    promoted.close(pair.sale.id).await.unwrap();
    ledger.calendar().await.unwrap();

    assert!(ledger.permit().is_err(), "the end of a sale resumes nothing");
    let state = |sales: &[Sale]| sales.iter().find(|sale| sale.id == next.id).unwrap().state;
    assert_eq!(state(&paused.sales), SaleState::Paused);
    set_paused(&promoted, &next, false).await.unwrap();
    ledger.calendar().await.unwrap();
    let granted = until(&WallClock, async || record(&ledger, &next, 20).await.1.ok()).await;
    assert!(matches!(granted, Recorded::Hold { .. }), "{granted:?}");
}

/// None that is open, when the loss is noticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_loss_between_two_sales_stops_the_next() {
    let pair = Pair::start().await;
    let ledger = pair.ledger_of_one();
    let over = format!("UPDATE sales SET ends_at = clock_timestamp() WHERE id = {}", pair.sale.id);
    pair.first.psql(DATABASE, &over).unwrap();
    let next = open_sale(&ledger, HOUR).await;
    let standby = format!("SELECT count(*) FROM sales WHERE id = {}", next.id);
    let is_there = || block_in_place(|| pair.second.psql(DATABASE, &standby)).unwrap();
    until(&WallClock, async || (is_there().trim() == "1").then_some(())).await;
    pair.cut_off();
    // A sale that is over takes no grant: as far as the standby is left behind, it is.
    let on =
        format!("UPDATE sales SET ends_at = starts_at + interval '1h' WHERE id = {}", pair.sale.id);
    block_in_place(|| pair.first.psql(DATABASE, &on)).unwrap();
    let (_, recorded) = record(&ledger, &pair.sale, 1).await;
    assert!(matches!(recorded, Ok(Recorded::Hold(_))), "{recorded:?}");

    let promoted = pair.after_promotion();
    says_within(&ledger, &pair.sale, "has lost answers").await;
    ledger.calendar().await.unwrap();

    assert!(ledger.permit().is_err());
    let calendar = promoted.calendar().await.unwrap();
    let found = calendar.sales.iter().find(|sale| sale.id == next.id).unwrap();
    assert_eq!(found.state, SaleState::Paused);
}

/// The process that recorded them may be gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_because_it_was_there_is_looked_for_on_a_promoted_server() {
    let pair = Pair::start().await;
    let writer = pair.ledger_of_one();
    let [again, receipt, hold, key, life, units] = [(); 6].map(|()| pair.ledger_of_one());
    pair.cut_off();
    let (sold, reply) = record(&writer, &pair.sale, 1).await;
    reply.unwrap();
    let (second, reply) = record(&writer, &pair.sale, 2).await;
    reply.unwrap();
    writer.redeem(redemption(sold)).await.unwrap();

    again.redeem(redemption(sold)).await.unwrap();
    LedgerStore::find(&*receipt, sold.code).await.unwrap();
    let attempt =
        Attempt { sale: pair.sale.id, user: nth_user(2), outcome: Outcome::Granted(second) };
    hold.permit().unwrap().record(attempt).await.unwrap();
    key.answered(second.code).await.unwrap();
    life.code(sold.code).await.unwrap().unwrap();
    let units_of_first = UserOfSale { sale: pair.sale.id, user: nth_user(1) };
    assert_eq!(units.units(units_of_first).await.unwrap().bought.len(), 1);
    pair.after_promotion();

    for process in [again, receipt, hold, key, life, units] {
        says_within(&process, &pair.sale, "has lost answers").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_which_another_process_made_a_tombstone_is_still_lost() {
    let pair = Pair::start().await;
    let ledger = pair.ledger_of_one();
    pair.cut_off();
    let (grant, reply) = record(&ledger, &pair.sale, 1).await;
    reply.unwrap();

    let promoted = pair.after_promotion();
    promoted.judge(pair.sale.id, &[grant.code]).await.unwrap();

    says_within(&ledger, &pair.sale, "has lost answers").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_put_back_to_an_older_copy_sells_nothing_until_an_operator_resumes() {
    let server = PostgresServer::start().unwrap();
    server.create_database(DATABASE).unwrap();
    let ledger = ledger(&server.url(DATABASE), Durability::Single);
    let sale = make_sale(&ledger).await;
    block_in_place(|| server.keep_copy()).unwrap();
    for number in 1..=10 {
        until(&WallClock, async || record(&ledger, &sale, number).await.1.ok()).await;
    }

    block_in_place(|| server.put_back()).unwrap();
    says_within(&ledger, &sale, "has lost answers").await;

    let refused = ledger.permit().map(drop).unwrap_err();
    assert!(refused.remedy().unwrap().contains("flashsale sales resume"), "{refused:?}");
    let look = self::ledger(&server.url(DATABASE), Durability::Single);
    let calendar = look.calendar().await.unwrap();
    assert!(calendar.sales.iter().all(|sale| sale.state == SaleState::Paused), "{calendar:?}");
    assert_eq!(ledger.tally(sale.id).await.unwrap().unwrap().moves, 0, "no epoch is raised for it");
    set_paused(&*look, &sale, false).await.unwrap();
    ledger.calendar().await.unwrap();
    let granted = until(&WallClock, async || record(&ledger, &sale, 20).await.1.ok()).await;
    assert!(matches!(granted, Recorded::Hold { .. }), "{granted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_with_all_it_had_goes_on_selling() {
    let server = PostgresServer::start().unwrap();
    server.create_database(DATABASE).unwrap();
    let ledger = ledger(&server.url(DATABASE), Durability::Single);
    let sale = make_sale(&ledger).await;
    for number in 1..=10 {
        record(&ledger, &sale, number).await.1.unwrap();
    }

    block_in_place(|| server.kill().and_then(|()| server.start_again())).unwrap();

    let granted = until(&WallClock, async || record(&ledger, &sale, 20).await.1.ok()).await;
    assert!(matches!(granted, Recorded::Hold { .. }), "{granted:?}");
    let calendar = ledger.calendar().await.unwrap();
    assert!(calendar.sales.iter().all(|sale| sale.state == SaleState::Active), "{calendar:?}");
    assert!(ledger.permit().is_ok());
}

/// It is on the timeline of the one that answered.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_missed_on_a_server_that_was_promoted_beside_the_one_that_gave_them() {
    let (pair, third, ledger) = Box::pin(Pair::start_with_third()).await;
    block_in_place(|| pair.first.kill().and_then(|()| pair.second.promote())).unwrap();
    until(&WallClock, async || record(&ledger, &pair.sale, 2).await.1.ok()).await;

    block_in_place(|| pair.second.kill().and_then(|()| third.promote())).unwrap();

    says_within(&ledger, &pair.sale, "has lost answers").await;
}
