//! What a server is to the ledger, by what is known of it.

use std::num::NonZeroUsize;

use credentials::Access;
use dev_servers::PostgresServer;
use domain::{Code, SaleId};

use super::*;
use crate::{Connections, PostgresLedger};

fn servers() -> Servers {
    let source = Source::new(Access::to_database("host=a user=x")).unwrap();
    Servers::of(source, Durability::Single, 9)
}

fn host(nth: usize) -> Arc<Host> {
    let config = "host=a,b user=x".parse().unwrap();
    Arc::clone(&hosts::each(&config, &[])[nth])
}

fn on(timeline: Option<u32>, started: &str) -> Identity {
    let (system, started) = (Some("7".to_owned()), Some(started.to_owned()));
    Identity { system, timeline, started, may_not_wait: false }
}

/// A connection was made to this server, and it is of use.
fn used(
    servers: &Servers,
    host: &Arc<Host>,
    identity: &Identity,
) -> Result<Accepted, ConnectError> {
    servers.accept(servers.judge(host, identity)?)
}

#[test]
fn two_names_of_one_server_are_one_ledger() {
    for timeline in [Some(3), None] {
        let servers = servers();
        let trust = used(&servers, &host(0), &on(timeline, "1")).unwrap().trust;

        used(&servers, &host(1), &on(timeline, "1")).unwrap();

        assert!(!trust.is_cancelled());
        assert_eq!(servers.moves(), 0);
    }
}

/// It may have been put back to what it had once.
#[test]
fn a_server_that_was_started_again_is_the_ledger_but_no_answer_of_before_is_taken_for_granted() {
    for timeline in [Some(3), None] {
        let servers = servers();
        let before = used(&servers, &host(0), &on(timeline, "1")).unwrap();
        let begun = [(); 2].map(|()| servers.judge(&host(0), &on(timeline, "2")).unwrap());
        assert!(!before.trust.is_cancelled(), "nobody has used it yet");

        let after = begun.map(|candidate| servers.accept(candidate).unwrap());

        assert!(before.trust.is_cancelled());
        assert!(after.iter().all(|after| !after.trust.is_cancelled() && after.doubts == 1));
        assert_eq!(servers.moves(), 0);
    }
}

#[test]
fn only_a_server_that_has_certainly_run_since_is_not_asked_for_what_was_answered() {
    let unknown = |timeline| Identity { started: None, ..on(timeline, "") };
    for (before, now, name, is_doubted) in [
        (on(Some(3), "1"), on(Some(3), "1"), 0, false),
        (on(None, "1"), on(None, "1"), 0, false),
        (on(Some(3), "1"), on(Some(3), "1"), 1, true),
        (on(Some(3), "1"), on(Some(3), "2"), 0, true),
        (on(Some(3), "1"), on(Some(4), "1"), 0, true),
        (on(None, "1"), on(None, "2"), 0, true),
        (unknown(Some(3)), unknown(Some(3)), 0, true),
    ] {
        let servers = servers();
        assert_eq!(used(&servers, &host(0), &before).unwrap().doubts, 0);

        let doubts = used(&servers, &host(name), &now).unwrap().doubts;

        assert_eq!(doubts, u64::from(is_doubted), "{before:?} {now:?} {name}");
    }
}

#[test]
fn another_server_ends_the_trust_in_all_connections_that_were_made_before() {
    for (before, after) in [(Some(3), Some(4)), (None, None), (Some(3), Some(3))] {
        let servers = servers();
        let trust = used(&servers, &host(0), &on(before, "1"));

        let after = used(&servers, &host(1), &on(after, "2")).unwrap();

        assert!(trust.unwrap().trust.is_cancelled() && !after.trust.is_cancelled());
        assert_eq!((after.moves, servers.moves()), (1, 1));
    }
}

#[test]
fn a_server_that_nobody_has_used_leaves_no_trace() {
    let servers = servers();
    let trust = used(&servers, &host(0), &on(Some(3), "1")).unwrap().trust;

    let promoted = servers.judge(&host(1), &on(Some(4), "2")).unwrap();
    assert_eq!(promoted.standing, Standing::Other);
    let again = used(&servers, &host(0), &on(Some(3), "1"));

    assert!(again.is_ok() && !trust.is_cancelled());
}

#[test]
fn all_connections_that_were_begun_to_the_promoted_server_are_of_use() {
    let servers = servers();
    used(&servers, &host(0), &on(Some(3), "1")).unwrap();
    let begun = [(); 3].map(|()| servers.judge(&host(1), &on(Some(4), "2")).unwrap());
    let late = servers.judge(&host(0), &on(Some(3), "1")).unwrap();

    let accepted = begun.map(|candidate| servers.accept(candidate).unwrap());

    assert!(accepted.iter().all(|accepted| !accepted.trust.is_cancelled()));
    assert_eq!(servers.moves(), 1);
    assert!(matches!(servers.accept(late), Err(ConnectError::Past { .. })));
}

#[test]
fn a_connection_that_was_begun_before_the_others_lost_their_trust_is_not_used() {
    let servers = servers();
    used(&servers, &host(0), &on(Some(3), "1")).unwrap();
    let promoted = on(Some(4), "2");
    let [first, second] = [(); 2].map(|()| servers.judge(&host(1), &promoted).unwrap());

    let trust = servers.accept(first).unwrap().trust;
    servers.distrust(&trust);

    assert!(matches!(servers.accept(second), Err(ConnectError::Outlived)));
    assert!(used(&servers, &host(1), &promoted).is_ok());
}

#[test]
fn a_server_of_the_past_is_refused_and_changes_nothing() {
    let servers = servers();
    let trust = used(&servers, &host(1), &on(Some(4), "2")).unwrap().trust;

    let past = used(&servers, &host(0), &on(Some(3), "1"));
    let other = Identity { system: Some("8".to_owned()), ..on(Some(9), "3") };
    let other = used(&servers, &host(0), &other);

    assert!(matches!(past, Err(ConnectError::Past { timeline: 3, known: 4, .. })));
    assert!(matches!(other, Err(ConnectError::OtherCluster { .. })));
    assert!(!trust.is_cancelled());
}

#[test]
fn hosts_are_waited_for_until_it_is_known_which_is_the_ledger() {
    let servers = servers();
    assert_eq!(servers.patience(), Patience::Whole);
    let trust = used(&servers, &host(0), &on(Some(3), "1")).unwrap().trust;
    assert_eq!(servers.patience(), Patience::Brief);

    servers.contest(true);

    assert!(trust.is_cancelled());
    assert_eq!(servers.patience(), Patience::Whole);
    servers.contest(false);
    assert_eq!(servers.patience(), Patience::Brief);
}

#[tokio::test]
async fn what_the_server_before_has_says_nothing_of_the_promoted_one() {
    let server = PostgresServer::start().unwrap();
    server.create_database("ledger").unwrap();
    let max = NonZeroUsize::new(8).unwrap();
    let limits = batcher::Limits::patient(max, max);
    let url = server.url("ledger");
    let access = Access::to_database(&*url);
    let ledger =
        PostgresLedger::new(access, Durability::Single, Connections::for_threads(1), limits);
    ledger.unwrap().migrate().await.unwrap();
    let servers = servers();
    let key = servers.source.entry().await.unwrap().key;
    let permit = Arc::new(servers.permits.clone().acquire_owned().await.unwrap());
    let line = connection::open(&url.parse().unwrap(), &key, permit).await.unwrap();
    let code = Code::new(SaleId::try_from(1).unwrap(), 7);
    servers.witness().saw(By::Writing, [Answer { code, is_sold: false }].into_iter());
    let before = used(&servers, &host(0), &on(Some(1), "1")).unwrap().doubts;
    let after = used(&servers, &host(1), &on(Some(2), "2")).unwrap().doubts;

    let by_one_of_before = servers.look_back(&line.client, before).await;
    let look = || servers.look_back(&line.client, after);
    let (by_one_of_now, by_another) = tokio::join!(look(), look());

    assert!(by_one_of_before.is_ok(), "{by_one_of_before:?}");
    assert!(matches!(by_one_of_now, Err(ConnectError::AnswersLost)), "{by_one_of_now:?}");
    assert!(by_another.is_ok(), "what is lost is counted once: {by_another:?}");
    assert!(servers.witness().has_lost());
}

#[test]
fn who_distrusts_what_nobody_trusts_any_more_changes_nothing() {
    let servers = servers();
    let before = used(&servers, &host(0), &on(Some(1), "1")).unwrap().trust;

    servers.distrust(&before);
    let after = used(&servers, &host(0), &on(Some(1), "1")).unwrap().trust;
    servers.distrust(&before);

    assert!(before.is_cancelled() && !after.is_cancelled());
}
