//! Which server the ledger is, and what it keeps, as long as that may change.

use std::{num::NonZeroUsize, time::Duration};

use batcher::Limits;
use credentials::Access;
use dev_servers::{Condition, PostgresServer, Proxy};
use domain::{
    audit::Findings,
    ports::{AuditedLedger, Recorded, SaleRegister},
};
use postgres_ledger::{Connections, Durability, PostgresLedger};
use store_contract::fixtures::{WallClock, until};
use tokio::task::block_in_place;

use crate::pair::{DATABASE, Pair, attempts, ledger, make_sale, record};

/// Records until one is granted.
async fn until_granted(ledger: &PostgresLedger, pair: &Pair, first: u32) {
    let mut number = first;
    let granted = until(&WallClock, async || {
        number += 1;
        record(ledger, &pair.sale, number).await.1.ok()
    });
    assert!(matches!(granted.await, Recorded::Hold { .. }));
}

/// Records until that is refused because the server waits for no standby.
async fn until_refused(ledger: &PostgresLedger, pair: &Pair, first: u32) {
    let mut number = first;
    until(&WallClock, async || {
        number += 1;
        let refused = record(ledger, &pair.sale, number).await.1.err()?;
        format!("{refused:?}").contains("synchronous_standby_names is empty").then_some(())
    })
    .await;
}

async fn moves(ledger: &PostgresLedger, pair: &Pair) -> Option<u64> {
    ledger.tally(pair.sale.id).await.ok().flatten().map(|tally| tally.moves)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sold_once_the_server_waits_for_no_standby_until_it_does_again() {
    let pair = Pair::start().await;
    let ledger = pair.ledger();
    record(&ledger, &pair.sale, 1).await.1.unwrap();

    block_in_place(|| pair.first.wait_for_standbys(false)).unwrap();
    until_refused(&ledger, &pair, 100).await;
    let sold = attempts(&pair.first);
    for number in 50_000..50_010 {
        record(&ledger, &pair.sale, number).await.1.unwrap_err();
    }
    assert_eq!(attempts(&pair.first), sold);

    block_in_place(|| pair.first.wait_for_standbys(true)).unwrap();
    until_granted(&ledger, &pair, 60_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_server_that_answers_late_is_found_and_nothing_goes_to_the_one_before() {
    let pair = Pair::start().await;
    block_in_place(|| pair.first.wait_for_standbys(false)).unwrap();
    let far = Proxy::to(pair.second.port()).await.unwrap();
    far.set_condition(Condition::Slow(Duration::from_millis(30)));
    let there = format!("127.0.0.1:{}", pair.second.port());
    let url = PostgresServer::url_of_all(&[&pair.first, &pair.second], DATABASE)
        .replace(&there, &format!("127.0.0.1:{}", far.port()));
    let ledger = ledger(&url, Durability::Single);
    record(&ledger, &pair.sale, 1).await.1.unwrap();
    assert_eq!(moves(&ledger, &pair).await, Some(0));

    block_in_place(|| pair.second.promote()).unwrap();
    until(&WallClock, async || (moves(&ledger, &pair).await == Some(1)).then_some(())).await;

    let before = attempts(&pair.first);
    until_granted(&ledger, &pair, 100).await;
    assert_eq!(attempts(&pair.first), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_promoted_for_a_moment_and_is_of_no_use_leaves_no_trace() {
    let pair = Pair::start().await;
    let ledger = pair.ledger();
    record(&ledger, &pair.sale, 1).await.1.unwrap();

    // By mistake: it waits for no standby, and the first has another one.
    block_in_place(|| pair.second.promote().and_then(|()| pair.second.wait_for_standbys(false)))
        .unwrap();
    let _third = block_in_place(|| pair.first.start_standby()).unwrap();
    until_refused(&ledger, &pair, 100).await;
    block_in_place(|| pair.second.kill()).unwrap();

    until_granted(&ledger, &pair, 50_000).await;
    assert_eq!(moves(&ledger, &pair).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_were_promoted_beside_each_other_are_not_taken_for_one() {
    let (pair, third, ledger) = Pair::start_with_third().await;

    block_in_place(|| pair.first.kill().and_then(|()| pair.second.promote())).unwrap();
    until(&WallClock, async || (moves(&ledger, &pair).await == Some(1)).then_some(())).await;
    block_in_place(|| third.promote()).unwrap();
    says_until(&ledger, &pair, "neither was promoted after the other").await;

    block_in_place(|| pair.second.kill()).unwrap();
    until(&WallClock, async || (moves(&ledger, &pair).await == Some(2)).then_some(())).await;
}

/// Looks until the ledger says this.
async fn says_until(ledger: &PostgresLedger, pair: &Pair, words: &str) {
    until(&WallClock, async || {
        let error = ledger.tally(pair.sale.id).await.err()?;
        let mut text = String::new();
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text.contains(words).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_looks_can_while_the_standby_is_away() {
    let pair = Pair::start().await;
    pair.cut_off();
    let max = NonZeroUsize::new(16).unwrap();
    let (connections, limits) = (Connections::for_threads(1), Limits::patient(max, max));
    let access = Access::to_database(pair.first.url(DATABASE));
    let ledger = PostgresLedger::look_at(access, connections, limits).unwrap();

    let tally = SaleRegister::tally(&ledger, pair.sale.id).await.unwrap().unwrap();

    assert_eq!(tally.sold, 0);
    AuditedLedger::audit(&ledger, None, &mut Findings::default()).await.unwrap();
}

/// As one that is about to run out of transaction numbers does.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_warns_of_what_is_written_is_told_with_its_words() {
    let server = PostgresServer::start().unwrap();
    server.create_database(DATABASE).unwrap();
    let ledger = ledger(&server.url(DATABASE), Durability::Single);
    let sale = make_sale(&ledger).await;
    let warn = "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS \
                $$BEGIN RAISE WARNING E'vacuum\\nERROR now'; RETURN NEW; END$$; \
                CREATE TRIGGER warn BEFORE INSERT ON checkout_attempts \
                FOR EACH ROW EXECUTE FUNCTION warn()";
    block_in_place(|| server.psql(DATABASE, warn)).unwrap();

    let refused = record(&ledger, &sale, 1).await.1.unwrap_err();

    let said = format!("{refused:?}");
    assert!(said.contains("it warns: vacuum") && !said.contains('\n'), "{said}");
    let remedy = refused.remedy().unwrap();
    assert!(remedy.contains("vacuum\\nERROR now"), "{remedy}");
}
