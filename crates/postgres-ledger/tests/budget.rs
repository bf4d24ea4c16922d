//! A ledger that may have no more than so many connections, on a server that gives no more.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod database;

use std::sync::Arc;

use credentials::Access;
use dev_servers::PostgresServer;
use domain::{
    NewSale, Origin, Sale, Terms, Window,
    ports::{Attempt, CodeRecord, LedgerStore, Outcome, RaiseReply, Recorded, SaleRegister},
};
use postgres_ledger::{Connections, Durability, PostgresLedger};
use store_contract::{
    fixtures::{HOUR, all_at_once, nth_user},
    grant, redemption,
};

use crate::database::{SERVER, fresh_database};

/// The least that one thread can do with.
const FEW: usize = 7;

/// A role that may read and write rows, and to which the server gives so many connections.
fn role_with(database: &str, connections: usize) -> String {
    let role = format!("limited_{database}");
    let sql = format!(
        "CREATE ROLE {role} LOGIN CONNECTION LIMIT {connections}; \
         GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}"
    );
    SERVER.psql(database, &sql).unwrap();
    role
}

fn url_of(server: &PostgresServer, database: &str, role: &str) -> String {
    server.url(database).replace("postgres@", &format!("{role}@"))
}

fn ledger(url: &str, connections: Connections) -> PostgresLedger {
    let limits = batcher::Limits::patient(4_096.try_into().unwrap(), 16.try_into().unwrap());
    let access = Access::to_database(url);
    PostgresLedger::new(access, Durability::Single, connections, limits).unwrap()
}

async fn open_sale(ledger: &PostgresLedger) -> Sale {
    let now = ledger.now().await.unwrap();
    let window = Window::new(now + -60_000, now + HOUR).unwrap();
    let terms = Terms::new(1_000, 5, HOUR).unwrap();
    let sale =
        ledger.schedule(NewSale::unnamed(window, terms, Origin::Operator)).await.unwrap().unwrap();
    let RaiseReply::Raised(snapshot) = ledger.raise_epoch(sale.id, None).await.unwrap() else {
        panic!("the first epoch is raised");
    };
    snapshot.sale
}

/// All that a buyer may ask for, one thing after the other.
async fn buy(ledger: Arc<PostgresLedger>, sale: Sale, number: u32) {
    let (bought, returned) = (grant(&sale, 2 * number, 0), grant(&sale, 2 * number + 1, 1));
    for grant in [bought, returned] {
        let attempt =
            Attempt { sale: sale.id, user: nth_user(number), outcome: Outcome::Granted(grant) };
        let recorded = ledger.permit().unwrap().record(attempt).await.unwrap();
        assert!(matches!(recorded, Recorded::Hold { .. }), "{recorded:?}");
    }
    let sold = ledger.redeem(redemption(bought)).await.unwrap();
    assert!(matches!(sold, CodeRecord::SoldNow(_)), "{sold:?}");
    ledger.release(returned.code).await.unwrap();
    let found = LedgerStore::find(&*ledger, bought.code).await.unwrap();
    assert!(matches!(found, CodeRecord::Sold(_)), "{found:?}");
    SaleRegister::find(&*ledger, sale.id).await.unwrap().unwrap();
    ledger.tally(sale.id).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_done_is_done_on_the_connections_there_may_be() {
    let database = fresh_database().await;
    let url = url_of(&SERVER, &database, &role_with(&database, FEW));
    let ledger = ledger(&url, Connections::of(FEW, 1).unwrap());
    let sale = open_sale(&ledger).await;
    let thread = Arc::new(ledger.on_this_thread(None));

    let buyers = (1..100).map(|number| buy(Arc::clone(&thread), sale, number));
    let upkeep = async {
        for _ in 0..20 {
            ledger.calendar().await.unwrap();
            ledger.tally(sale.id).await.unwrap();
        }
    };
    tokio::join!(all_at_once(buyers), upkeep);

    assert_eq!(ledger.tally(sale.id).await.unwrap().unwrap().sold, 99);
}

/// A connection that broke makes room for the one that takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_first_request_of_each_kind_is_answered() {
    let server = PostgresServer::start().unwrap();
    server.create_database("ledger").unwrap();
    let ledger = ledger(&server.url("ledger"), Connections::of(FEW, 1).unwrap());
    ledger.migrate().await.unwrap();
    let sale = open_sale(&ledger).await;
    let thread = Arc::new(ledger.on_this_thread(None));
    buy(Arc::clone(&thread), sale, 1).await;

    tokio::task::block_in_place(|| server.restart()).unwrap();

    buy(thread, sale, 2).await;
}

/// Whoever gets no connection is told what limits them, and has one as soon as there is.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_full_is_told_from_one_that_is_down() {
    let database = fresh_database().await;
    let role = role_with(&database, 1);
    let url = url_of(&SERVER, &database, &role);
    let few = Connections::of(FEW, 1).unwrap();
    let (first, second) = (ledger(&url, few), ledger(&url, few));
    first.now().await.unwrap();

    let refused = second.migrate().await.unwrap_err();

    let said = format!("{refused:?}");
    assert!(!refused.is_final() && said.contains("Full("), "{said}");
    let mut cause = std::error::Error::source(&refused);
    let mut text = String::new();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    assert!(text.contains("DATABASE_CONNECTIONS"), "{text}");
    SERVER.psql("postgres", &format!("ALTER ROLE {role} CONNECTION LIMIT 2")).unwrap();
    assert_eq!(second.migrate().await.unwrap(), 0);
}
