//! What connects to what, and when.

use std::cell::Cell;

use clap::Parser as _;
use dev_servers::PostgresServer;
use domain::ProductId;

use super::*;
use crate::config::Cli;

fn config(arguments: &[&str]) -> Config {
    Cli::try_parse_from([&["flashsale"], arguments].concat()).unwrap().config
}

/// A connection has a deadline of its own, which a process that gives way may miss on a busy machine.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_cores_to_others_has_connected_before() {
    let server = PostgresServer::start().unwrap();
    server.create_database("ledger").unwrap();
    let url = server.url("ledger");
    let database = format!("--database-url={url}?application_name=command");
    let config = config(&[&database, "--redis-url=redis://127.0.0.1:1"]);
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'command'";
    let connections = || server.psql("ledger", ours).unwrap().trim().parse::<u32>().unwrap();
    let had = Cell::new(0);

    audited(&config, || had.set(connections())).await.unwrap();
    assert!(had.get() > 0);

    let ledger = postgres(Access::to_database(url), &config).unwrap();
    ledger.migrate().await.unwrap();
    ledger.connect_for_operators().await;
    let reads = ledger.pools().into_iter().find(|pool| pool.pool == "reads").unwrap();
    assert_eq!(reads.idle, 1);
    had.set(0);
    inspected_giving_way(&config, || had.set(connections())).await.unwrap();
    assert!(had.get() > 0);
}

#[tokio::test]
async fn who_could_not_connect_does_not_give_way_before_it_has_tried_again() {
    let config = config(&["--database-url=postgres://u@127.0.0.1:1/x", "--redis-url=redis://h"]);
    audited(&config, || panic!("nothing is connected")).await.unwrap();
}

/// What readers wait for keeps no sale from being rebuilt.
#[tokio::test(flavor = "multi_thread")]
async fn what_buyers_want_to_know_of_products_takes_no_connection_of_the_upkeep() {
    let server = Arc::new(PostgresServer::start().unwrap());
    server.create_database("ledger").unwrap();
    let database = format!("--database-url={}", server.url("ledger"));
    let config = config(&[&database, "--redis-url=redis://127.0.0.1:1"]);
    migrate(&config).await.unwrap();
    let Shared { services, stores, .. } = compose(&config).unwrap().shared;
    let Stores::Servers { ledger, .. } = stores else { panic!("it is on servers") };
    let lock = "SET application_name = 'in the way'; BEGIN; \
                LOCK TABLE product_versions; SELECT pg_sleep(3600)";
    let in_the_way = std::thread::spawn({
        let server = Arc::clone(&server);
        move || drop(server.psql("ledger", lock))
    });
    let is_so = |what: &str| {
        let count = format!("SELECT count(*) FROM {what}");
        let is_so = || server.psql("ledger", &count).unwrap().trim() != "0";
        assert!((0..1_000).any(|_| is_so()), "{what}");
    };
    is_so("pg_locks WHERE granted AND relation = 'product_versions'::regclass");

    let asked = tokio::spawn(async move {
        let product = ProductId::try_from(1).unwrap();
        services.catalog.products().current(product).await.map(drop)
    });
    is_so("pg_locks WHERE NOT granted");

    let pools = ledger.pools();
    let in_use = |name| pools.iter().find(|it| it.pool == name).unwrap().in_use;
    assert_eq!((in_use("reads"), in_use("upkeep")), (1, 0));
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'in the way'";
    server.psql("postgres", end).unwrap();
    in_the_way.join().unwrap();
    assert!(asked.await.unwrap().is_err(), "there is no such product");
}

/// The work is done by threads that begin as nice as whoever begins them.
#[tokio::test]
async fn the_threads_that_read_a_directory_begin_after_their_process_gave_way() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&["--data-dir", dir.path().to_str().unwrap()]);
    let gave_way = Cell::new(0);

    // There is no ledger, so no thread has begun when that is found.
    assert!(audited(&config, || gave_way.set(gave_way.get() + 1)).await.is_err());
    let looked = inspected_giving_way(&config, || gave_way.set(gave_way.get() + 1)).await;

    assert!(looked.is_err());
    assert_eq!(gave_way.get(), 2);
}
