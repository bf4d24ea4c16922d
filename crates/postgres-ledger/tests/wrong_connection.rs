//! A connection that says it is the wrong one is not kept. Each test has a database of its own.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod database;

use credentials::Access;
use domain::{
    Failure, NewSale, Sale,
    audit::Findings,
    ports::{
        Attempt, AuditedLedger, CodeRecord, LedgerIdentity, LedgerStore, Outcome, RaiseReply,
        Recorded, SaleRegister,
    },
};
use postgres_ledger::{Connections, Durability, PostgresLedger, Schema};
use store_contract::{
    fixtures::{WallClock, until, user},
    grant, record, redemption, set_paused,
};

use crate::database::{SERVER, fresh_database, ledger_in};

/// A ledger in a database of its own, with a sale that is open, and the database's name.
async fn a_ledger() -> (String, PostgresLedger, Sale) {
    let database = fresh_database().await;
    let ledger = ledger_in(&database);
    let now = ledger.now().await.unwrap();
    let window = domain::Window::new(now + -60_000, now + 3_600_000).unwrap();
    let terms = domain::Terms::new(100, 50, 60_000).unwrap();
    let sale = ledger
        .schedule(NewSale::unnamed(window, terms, domain::Origin::Operator))
        .await
        .unwrap()
        .unwrap();
    let RaiseReply::Raised(snapshot) = ledger.raise_epoch(sale.id, None).await.unwrap() else {
        panic!("the first epoch is raised");
    };
    (database, ledger, snapshot.sale)
}

/// Ends every other session of a database, as an operator does who wants a setting in force.
fn end_sessions(database: &str) {
    let end = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    );
    SERVER.psql("postgres", &end).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_spell_in_which_nobody_may_write_everything_works_again() {
    let (database, ledger, sale) = a_ledger().await;
    let bought = grant(&sale, 1, 0);
    record(&ledger, &sale, "ann", bought).await.unwrap();
    let read_only = |word: &str| {
        let sql = format!("ALTER DATABASE {database} SET default_transaction_read_only = {word}");
        SERVER.psql("postgres", &sql).unwrap();
    };
    read_only("on");
    end_sessions(&database);
    // Until connections are made that may only read.
    let refused = until(&WallClock, async || {
        let error = record(&ledger, &sale, "ann", grant(&sale, 2, 1)).await.err()?;
        format!("{:?}", std::error::Error::source(&error))
            .contains("may only read")
            .then_some(error)
    });
    assert_eq!(refused.await.failure(), Failure::NotDone);
    let refused = ledger.redeem(redemption(bought)).await.unwrap_err();
    assert_eq!(refused.failure(), Failure::NotDone, "{refused:?}");
    let refused = set_paused(&ledger, &sale, true).await.unwrap_err();
    assert_eq!(refused.failure(), Failure::NotDone);
    assert_eq!(ledger.raise_epoch(sale.id, None).await.unwrap_err().failure(), Failure::NotDone);

    read_only("off");

    let recorded = record(&ledger, &sale, "ann", grant(&sale, 3, 1)).await.unwrap();
    assert!(matches!(recorded, Recorded::Hold { .. }), "{recorded:?}");
    let sold = ledger.redeem(redemption(bought)).await.unwrap();
    assert!(matches!(sold, CodeRecord::SoldNow(_)), "{sold:?}");
    set_paused(&ledger, &sale, true).await.unwrap();
    until(&WallClock, async || match ledger.raise_epoch(sale.id, None).await.unwrap() {
        RaiseReply::Raised(snapshot) => Some(snapshot),
        _ => None,
    })
    .await;
    assert!(!ledger.close(sale.id).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_is_retyped_beside_a_process_ends_nothing() {
    let (database, ledger, sale) = a_ledger().await;
    let bought = grant(&sale, 1, 0);
    record(&ledger, &sale, "ann", bought).await.unwrap();
    ledger.redeem(redemption(bought)).await.unwrap();
    LedgerStore::find(&ledger, bought.code).await.unwrap();
    ledger.calendar().await.unwrap();

    let retype = "DROP TRIGGER purchases_are_cancelled_once ON purchases; \
                  ALTER TABLE purchases ALTER COLUMN item_name TYPE varchar(200); \
                  ALTER TABLE purchases ALTER COLUMN item_image TYPE varchar(200)";
    SERVER.psql(&database, retype).unwrap();

    let found = LedgerStore::find(&ledger, bought.code).await.unwrap();
    assert!(matches!(found, CodeRecord::Sold(_)), "{found:?}");
    let next = grant(&sale, 2, 1);
    record(&ledger, &sale, "ann", next).await.unwrap();
    let sold = ledger.redeem(redemption(next)).await.unwrap();
    assert!(matches!(sold, CodeRecord::SoldNow(_)), "{sold:?}");
    let raised =
        until(&WallClock, async || match ledger.raise_epoch(sale.id, None).await.unwrap() {
            RaiseReply::Raised(snapshot) => Some(snapshot),
            _ => None,
        });
    assert_eq!(raised.await.live.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_forgot_what_it_prepared_is_not_kept() {
    let (database, ledger, sale) = a_ledger().await;
    record(&ledger, &sale, "ann", grant(&sale, 1, 0)).await.unwrap();
    // What a pooler does: the next statement meets a session that never heard of it.
    let forget = "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS \
                  $$BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN NULL; END$$; \
                  CREATE TRIGGER forget AFTER INSERT ON checkout_attempts EXECUTE FUNCTION forget()";
    SERVER.psql(&database, forget).unwrap();

    for number in 2..=5 {
        let slot = u16::try_from(number - 1).unwrap();
        let recorded = record(&ledger, &sale, "ann", grant(&sale, number, slot)).await.unwrap();
        assert!(matches!(recorded, Recorded::Hold { .. }), "{recorded:?}");
    }

    assert_eq!(ledger.tally(sale.id).await.unwrap().unwrap().held, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_lacks_a_right_is_told_which_and_works_when_it_has_it() {
    let (database, _, sale) = a_ledger().await;
    let role = format!("poor_{database}");
    SERVER.psql(&database, &format!("CREATE ROLE {role} LOGIN")).unwrap();
    let grant_to = |what: &str| SERVER.psql(&database, &format!("GRANT {what} TO {role}")).unwrap();
    let url = SERVER.url(&database).replace("postgres@", &format!("{role}@"));
    let limits = batcher::Limits::patient(9.try_into().unwrap(), 9.try_into().unwrap());
    let (access, connections) = (Access::to_database(url), Connections::for_threads(16));
    let ledger = PostgresLedger::new(access, Durability::Single, connections, limits).unwrap();
    grant_to("SELECT ON ALL TABLES IN SCHEMA public");

    let error = record(&ledger, &sale, "ann", grant(&sale, 1, 0)).await.unwrap_err();

    let said = format!("{error:?}");
    assert_eq!(error.failure(), Failure::NotDone);
    assert!(
        said.contains("docs/rights.md") && said.contains("for table checkout_attempts (42501)"),
        "{said}"
    );
    grant_to("INSERT, UPDATE ON ALL TABLES IN SCHEMA public");
    record(&ledger, &sale, "ann", grant(&sale, 1, 0)).await.unwrap();
}

/// What a role may do that serves, and no more.
fn rights_to_serve(role: &str) -> String {
    let rights = dev_servers::block(include_str!("../../../docs/rights.md"), "sql after migrating");
    let serving = rights.lines().filter(|line| line.ends_with("TO flashsale_app;"));
    serving.map(|line| line.replace("flashsale_app", role)).collect()
}

/// All that is bought, looked at and kept up, by a role that may do nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_with_the_rights_that_are_listed_does_all_that_a_process_does() {
    let (database, _, sale) = a_ledger().await;
    let role = format!("clerk_{database}");
    let rights = rights_to_serve(&role);
    SERVER.psql(&database, &format!("CREATE ROLE {role} LOGIN; {rights}")).unwrap();
    let url = SERVER.url(&database).replace("postgres@", &format!("{role}@"));
    let limits = batcher::Limits::patient(9.try_into().unwrap(), 9.try_into().unwrap());
    let (access, connections) = (Access::to_database(url), Connections::for_threads(16));
    let ledger = PostgresLedger::serve(access, Durability::Single, connections, limits).unwrap();

    assert_eq!(ledger.migrate().await.unwrap(), 0);
    assert_eq!(ledger.schema().await.unwrap(), Schema::Current);
    ledger.identity().await.unwrap();

    let now = ledger.now().await.unwrap();
    let (on, past, brief) = (
        domain::Window::new(now + -9_000, now + 3_600_000).unwrap(),
        domain::Window::new(now + -9_000, now + -1_000).unwrap(),
        domain::Terms::new(9, 9, 1).unwrap(),
    );
    let over = ledger
        .schedule(NewSale::unnamed(on, brief, domain::Origin::Operator))
        .await
        .unwrap()
        .unwrap();
    let RaiseReply::Raised(snapshot) = ledger.raise_epoch(over.id, None).await.unwrap() else {
        panic!("the first epoch is raised");
    };
    let over = snapshot.sale;
    let (forgotten, due) = (grant(&over, 1, 0), grant(&over, 2, 1));
    record(&ledger, &over, "ann", forgotten).await.unwrap();
    record(&ledger, &over, "ann", due).await.unwrap();
    let sold = grant(&sale, 1, 0);
    record(&ledger, &sale, "ann", sold).await.unwrap();
    ledger.redeem(redemption(sold)).await.unwrap();
    until(&WallClock, async || {
        let judged = ledger.judge(over.id, &[due.code]).await.unwrap();
        (judged[0].1 == domain::ports::Verdict::Free).then_some(())
    })
    .await;
    until(&WallClock, async || {
        let expired = ledger.expire_overdue(&[over], 0, 9).await.unwrap();
        (expired == [forgotten.code]).then_some(())
    })
    .await;
    // As if a version before had closed it.
    let forget = "UPDATE sales SET state = 'closed', ends_at = clock_timestamp(), \
                  closed_at = now(), sold = NULL WHERE id = 2";
    SERVER.psql(&database, forget).unwrap();
    let next = ledger
        .schedule(NewSale::unnamed(past, brief, domain::Origin::Operator))
        .await
        .unwrap()
        .unwrap();
    assert!(ledger.close(next.id).await.unwrap());
    let without = "SELECT count(*) FROM sales WHERE closed_at IS NOT NULL AND sold IS NULL";
    assert_eq!(SERVER.psql(&database, without).unwrap().trim(), "0");
    let refused = Outcome::Refused(domain::CheckoutRefusal::NotOpen { starts_at: now });
    let attempt = Attempt { sale: sale.id, user: user("ann"), outcome: refused };
    ledger.permit().unwrap().record(attempt).await.unwrap();
    let back = grant(&sale, 3, 2);
    record(&ledger, &sale, "ann", back).await.unwrap();
    assert_eq!(ledger.release(back.code).await.unwrap(), CodeRecord::Released);
    for is_paused in [true, false] {
        set_paused(&ledger, &sale, is_paused).await.unwrap();
    }
    ledger.page(None, 9).await.unwrap();
    SaleRegister::find(&ledger, sale.id).await.unwrap();
    let mut findings = Findings::default();
    ledger.audit(None, &mut findings).await.unwrap();
    ledger.late_holds(None, 0).await.unwrap();
    AuditedLedger::snapshot(&ledger, sale.id).await.unwrap();
    assert_eq!(ledger.tally(sale.id).await.unwrap().unwrap().sold, 1);
    assert_eq!(ledger.calendar().await.unwrap().sales, [sale]);
}
