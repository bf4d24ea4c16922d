//! A ledger on a server with a synchronous standby, and what becomes of its answers when the standby
//! takes its place. Each test has servers of its own.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod loss;
mod pair;
mod standing;

use std::sync::Arc;

use dev_servers::PostgresServer;
use domain::ports::{CodeRecord, LedgerStore, RaiseReply, Recorded, SaleRegister};
use postgres_ledger::{Durability, PostgresLedger};
use store_contract::{
    fixtures::{WallClock, all_at_once, until},
    redemption,
};
use tokio::task::block_in_place;

use crate::pair::{DATABASE, Pair, ledger, lost, make_sale, record, record_until, says_within};

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_wait_for_the_standby_is_cancelled_is_not_told_as_done() {
    let pair = Pair::start().await;
    let ledger = pair.ledger();
    let (before, reply) = record(&ledger, &pair.sale, 1).await;
    reply.unwrap();

    pair.cut_off();
    let cancelled = async {
        let mut cancelled = 0;
        for _ in 0..5 {
            pair.until_somebody_waits().await;
            cancelled += block_in_place(|| pair.first.cancel_waits()).unwrap();
        }
        cancelled
    };
    let (mut answered, cancelled) = record_until(&ledger, &pair.sale, cancelled).await;
    answered.push(before.code);

    let ledger = pair.after_promotion();

    assert!(cancelled > 0);
    assert_eq!(lost(&ledger, &answered).await, 0, "of {}", answered.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_shows_after_a_crash_is_not_believed_before_the_standby_has_it() {
    let pair = Pair::start().await;
    let ledger = pair.ledger();
    let mut grants = Vec::new();
    for number in 1..=16 {
        let (grant, reply) = record(&ledger, &pair.sale, number).await;
        reply.unwrap();
        grants.push(grant);
    }
    // The connection is there, or they would wait for its barrier and write nothing.
    ledger.redeem(redemption(grants.remove(0))).await.unwrap();

    pair.cut_off();
    // Each redemption waits for the standby, and is asked for again when the server is back.
    let buyers = grants.into_iter().map(|grant| {
        let ledger = Arc::clone(&ledger);
        async move { ledger.redeem(redemption(grant)).await.ok() }
    });
    let count = |sql: &str| -> usize {
        block_in_place(|| pair.first.psql(DATABASE, sql)).unwrap().trim().parse().unwrap()
    };
    let crash = async {
        let redeems = "SELECT count(*) FROM pg_stat_activity \
                       WHERE wait_event = 'SyncRep' AND query LIKE '-- redeem:%'";
        until(&WallClock, async || (count(redeems) > 0).then_some(())).await;
        // What waited is visible from now on, and the standby has none of it.
        block_in_place(|| pair.first.kill().and_then(|()| pair.first.start_again())).unwrap();
        count("SELECT count(*) FROM checkout_attempts WHERE state = 'sold'") - 1
    };
    let (answers, shown) = tokio::join!(all_at_once(buyers), crash);
    let ledger = pair.after_promotion();

    assert!(shown > 0, "the crash came before there was anything to be shown");
    for answer in answers.into_iter().flatten() {
        let (CodeRecord::SoldNow(receipt) | CodeRecord::Sold(receipt)) = answer else {
            panic!("{answer:?}")
        };
        let found = LedgerStore::find(&ledger, receipt.code).await.unwrap();
        assert_eq!(found, CodeRecord::Sold(receipt));
    }
}

/// As whatever takes the log under a name of its own: an archive, a subscription, a backup that streams.
#[tokio::test(flavor = "multi_thread")]
async fn what_takes_the_log_and_is_no_standby_confirms_no_answer() {
    let pair = Pair::start().await;
    let ledger = pair.ledger();
    record(&ledger, &pair.sale, 1).await.1.unwrap();
    let archive = tempfile::tempdir().unwrap();

    pair.cut_off();
    let _taker = block_in_place(|| pair.first.archive_log(archive.path())).unwrap();
    let takes = "SELECT count(*) FROM pg_stat_replication WHERE flush_lsn IS NOT NULL";
    let takes = || block_in_place(|| pair.first.psql("postgres", takes)).unwrap().trim() == "1";
    until(&WallClock, async || takes().then_some(())).await;
    let (_, reply) = record(&ledger, &pair.sale, 2).await;

    assert!(reply.is_err(), "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_left_once_its_standby_is_promoted() {
    let pair = Pair::start().await;
    let ledger = pair.ledger();
    record(&ledger, &pair.sale, 1).await.1.unwrap();

    block_in_place(|| pair.first.pause().and_then(|()| pair.second.promote())).unwrap();
    block_in_place(|| pair.second.wait_for_standbys(false)).unwrap();
    let single = PostgresServer::url_of_all(&[&pair.first, &pair.second], DATABASE);
    let ledger_of_one = self::ledger(&single, Durability::Single);
    let until_granted = async |ledger: &PostgresLedger, number| {
        until(&WallClock, async || record(ledger, &pair.sale, number).await.1.ok()).await
    };
    let granted = until_granted(&ledger_of_one, 2).await;
    assert!(matches!(granted, Recorded::Hold { .. }));

    // A ledger that is to be on a standby has none here, and says so.
    says_within(&ledger, &pair.sale, "synchronous_standby_names is empty").await;

    block_in_place(|| pair.first.resume()).unwrap();
    let granted = until_granted(&ledger_of_one, 4).await;
    assert!(matches!(granted, Recorded::Hold { .. }));
    let there = "SELECT count(*) FROM checkout_attempts";
    assert_eq!(pair.first.psql(DATABASE, there).unwrap().trim(), "1", "the old one is not written");
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_that_wait_for_ever_do_not_use_up_the_connections_of_the_server() {
    let pair = Pair::start().await;
    let ledger = pair.ledger();
    record(&ledger, &pair.sale, 1).await.1.unwrap();

    pair.cut_off();
    let a_while = async {
        for _ in 0..3 {
            assert!(record(&ledger, &pair.sale, 2).await.1.is_err());
        }
    };
    let (answered, ()) = record_until(&ledger, &pair.sale, a_while).await;
    let waits = block_in_place(|| pair.first.waits()).unwrap();

    assert!(answered.is_empty());
    assert!(waits <= 16, "{waits} sessions wait");
    block_in_place(|| pair.second.start_again()).unwrap();
    let granted = until(&WallClock, async || record(&ledger, &pair.sale, 3).await.1.ok()).await;
    assert!(matches!(granted, Recorded::Hold { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_commit_wrote_that_was_given_up_is_not_read_on_a_connection_of_before() {
    let pair = Pair::start().await;
    let ledger = pair.ledger();
    let other = ledger.on_this_thread(None);
    let mut grants = Vec::new();
    for number in 1..=3 {
        let (grant, reply) = record(&ledger, &pair.sale, number).await;
        reply.unwrap();
        grants.push(grant);
    }
    let [grant, first, second] = grants.try_into().unwrap();
    // The connections that both have from now on.
    ledger.redeem(redemption(first)).await.unwrap();
    other.redeem(redemption(second)).await.unwrap();
    LedgerStore::find(&other, second.code).await.unwrap();

    pair.cut_off();
    ledger.redeem(redemption(grant)).await.unwrap_err();
    block_in_place(|| pair.first.cancel_waits()).unwrap();
    let sees = || {
        let sql = format!("SELECT state FROM checkout_attempts WHERE code = '{}'", grant.code);
        block_in_place(|| pair.first.psql(DATABASE, &sql)).unwrap().trim() == "sold"
    };
    until(&WallClock, async || sees().then_some(())).await;
    let found = LedgerStore::find(&other, grant.code).await;
    let redeemed = other.redeem(redemption(grant)).await;

    assert!(found.is_err() && redeemed.is_err(), "{found:?}, {redeemed:?}");
}

/// A connection looks when it begins, and these have begun.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sold_any_more_soon_after_a_server_waits_for_no_standby() {
    let pair = Pair::start().await;
    let of_both = pair.ledger();
    let of_one = self::ledger(&pair.first.url(DATABASE), Durability::Standby);
    for (number, ledger) in (1..).zip([&of_both, &of_one]) {
        record(ledger, &pair.sale, number).await.1.unwrap();
    }

    block_in_place(|| pair.first.wait_for_standbys(false)).unwrap();

    let mut number = 100;
    for ledger in [&of_both, &of_one] {
        let refused = async || {
            number += 1;
            let (_, reply) = record(ledger, &pair.sale, number).await;
            let refused = reply.err().map(|error| format!("{error:?}"))?;
            refused.contains("synchronous_standby_names is empty").then_some(())
        };
        until(&WallClock, refused).await;
    }
    block_in_place(|| pair.first.wait_for_standbys(true)).unwrap();
    let granted = until(&WallClock, async || record(&of_one, &pair.sale, 99).await.1.ok()).await;
    assert!(matches!(granted, Recorded::Hold { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_only_reads_leaves_the_server_before_once_its_standby_is_promoted() {
    let pair = Pair::start().await;
    let url = PostgresServer::url_of_all(&[&pair.first, &pair.second], DATABASE);
    let ledger = ledger(&url, Durability::Single);
    let moves = async || ledger.tally(pair.sale.id).await.ok().flatten().map(|tally| tally.moves);
    assert_eq!(moves().await, Some(0));

    // The one before lives on, and answers whoever only reads.
    block_in_place(|| pair.second.promote()).unwrap();
    block_in_place(|| pair.second.wait_for_standbys(false)).unwrap();

    until(&WallClock, async || (moves().await == Some(1)).then_some(())).await;
}

/// So that of several processes which find that the ledger has moved one loads a sale anew.
#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_is_of_the_promoted_server_once_it_is_raised_there() {
    let pair = Pair::start().await;
    let raised = async |ledger: &PostgresLedger| {
        let reply = ledger.raise_epoch(pair.sale.id, None).await.unwrap();
        matches!(reply, RaiseReply::Raised(_)).then_some(())
    };
    let ledger = pair.ledger();
    until(&WallClock, async || raised(&ledger).await).await;
    let promoted = pair.after_promotion();
    let is_of_server =
        async || promoted.tally(pair.sale.id).await.unwrap().unwrap().is_epoch_of_server;

    assert!(!is_of_server().await, "it came with the log");
    until(&WallClock, async || raised(&promoted).await).await;
    assert!(is_of_server().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_cluster_is_not_taken_for_the_ledger() {
    let pair = Pair::start().await;
    let other = PostgresServer::start().unwrap();
    other.create_database(DATABASE).unwrap();
    make_sale(&ledger(&other.url(DATABASE), Durability::Single)).await;
    block_in_place(|| other.stop()).unwrap();
    let url = PostgresServer::url_of_all(&[&pair.first, &other], DATABASE);
    let ledger = ledger(&url, Durability::Single);
    record(&ledger, &pair.sale, 1).await.1.unwrap();

    block_in_place(|| pair.first.kill().and_then(|()| other.start_again())).unwrap();
    says_within(&ledger, &pair.sale, "another cluster").await;

    block_in_place(|| pair.first.start_again()).unwrap();
    let granted = until(&WallClock, async || record(&ledger, &pair.sale, 2).await.1.ok()).await;
    assert!(matches!(granted, Recorded::Hold { .. }), "{granted:?}");
}
