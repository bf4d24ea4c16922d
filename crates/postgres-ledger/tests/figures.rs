//! What a closed sale has sold is written down once. Each test has a database of its own.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod database;
mod gate;

use std::sync::Arc;

use domain::{
    Epoch, NewSale, Origin, Sale, SaleId, Terms, UnixMillis, Window,
    audit::{Findings, Invariant},
    operator::{Acted, Action, Beside, Order},
    ports::{ActReply, AuditedLedger, LedgerStore, Operator, RaiseReply, SaleCopy, SaleRegister},
    sale::SaleState,
};
use postgres_ledger::PostgresLedger;
use store_contract::{
    end,
    fixtures::{WallClock, until},
    grant,
    operator::order,
    record, redemption,
};

use crate::{
    database::{SERVER, fresh_database, ledger_in},
    gate::Gate,
};

/// A sale that is over, of which so many units are sold and none is on hold.
async fn sold(ledger: &PostgresLedger, units: u32) -> Sale {
    let now = ledger.now().await.unwrap();
    let window = Window::new(now + -60_000, now + 60_000).unwrap();
    let terms = Terms::new(100, 1, 60_000).unwrap();
    let sale =
        ledger.schedule(NewSale::unnamed(window, terms, Origin::Operator)).await.unwrap().unwrap();
    let RaiseReply::Raised(snapshot) = ledger.raise_epoch(sale.id, None).await.unwrap() else {
        panic!("the first epoch is raised");
    };
    let sale = snapshot.sale;
    for number in 1..=units {
        let grant = grant(&sale, number, 0);
        record(ledger, &sale, &format!("user-{number}"), grant).await.unwrap();
        ledger.redeem(redemption(grant)).await.unwrap();
    }
    end(ledger, &sale).await;
    sale
}

/// The figure that is written down of a sale.
fn figure(database: &str, sale: SaleId) -> String {
    let sql = format!("SELECT coalesce(sold::text, 'none') FROM sales WHERE id = {sale}");
    SERVER.psql(database, &sql).unwrap().trim().to_owned()
}

async fn tally(ledger: &PostgresLedger, sale: SaleId) -> (u32, u32) {
    let tally = ledger.tally(sale).await.unwrap().unwrap();
    (tally.held, tally.sold)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sale_has_sold_is_written_down_when_it_is_closed_and_counted_no_more() {
    let database = fresh_database().await;
    let ledger = ledger_in(&database);
    let sale = sold(&ledger, 3).await;
    assert_eq!(figure(&database, sale.id), "none");
    // By the transaction that closes it, or never.
    let closed_stay = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                       $$BEGIN RAISE EXCEPTION 'closed'; END$$; CREATE TRIGGER closed_stay \
                       BEFORE UPDATE ON sales FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) \
                       EXECUTE FUNCTION refuse()";
    SERVER.psql(&database, closed_stay).unwrap();

    assert!(ledger.close(sale.id).await.unwrap());

    assert_eq!(figure(&database, sale.id), "3");
    SERVER.psql(&database, "DELETE FROM sold_counts").unwrap();
    assert_eq!(tally(&ledger, sale.id).await, (0, 3), "it was counted again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_a_version_before_closed_is_counted_until_its_figure_is_written_down() {
    let database = fresh_database().await;
    let ledger = ledger_in(&database);
    let (old, none) = (sold(&ledger, 2).await, sold(&ledger, 0).await);
    let close = "UPDATE sales SET state = 'closed', closed_at = now(), epoch = epoch + 1";
    SERVER.psql(&database, close).unwrap();
    assert_eq!(tally(&ledger, old.id).await, (0, 2));
    assert_eq!(tally(&ledger, none.id).await, (0, 0));

    let next = sold(&ledger, 1).await;
    assert_eq!(figure(&database, old.id), "none");
    assert!(ledger.close(next.id).await.unwrap());

    let figures = [old.id, none.id, next.id].map(|sale| figure(&database, sale));
    assert_eq!(figures, ["2", "0", "1"]);
    assert_eq!(tally(&ledger, old.id).await, (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_figure_that_is_wrong_is_a_breach() {
    let database = fresh_database().await;
    let ledger = ledger_in(&database);
    let (sale, empty) = (sold(&ledger, 2).await, sold(&ledger, 0).await);
    for sale in [sale, empty] {
        assert!(ledger.close(sale.id).await.unwrap());
    }
    let breaches = async || {
        let mut findings = Findings::default();
        ledger.audit(None, &mut findings).await.unwrap();
        findings.of(Invariant::SoldCounted).unwrap().rows().to_vec()
    };
    assert_eq!(breaches().await, [""; 0]);

    SERVER.psql(&database, "UPDATE sales SET sold = sold + 1").unwrap();

    let found = breaches().await;
    let said = |sale: Sale, what: &str| format!("sale {}: closed with {what} purchases", sale.id);
    assert_eq!(found, [said(sale, "3 sold, 2"), said(empty, "1 sold, 0")]);
}

/// Whoever writes them down has counted one sale when a purchase of the next is cancelled.
#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_is_cancelled_beside_is_not_counted_in_a_figure_that_is_written_down() {
    let database = fresh_database().await;
    let ledger = Arc::new(ledger_in(&database));
    let (first, next, last) =
        (sold(&ledger, 1).await, sold(&ledger, 2).await, sold(&ledger, 0).await);
    let code = SERVER.psql(
        &database,
        &format!("SELECT code FROM purchases WHERE sale_id = {} ORDER BY unit LIMIT 1", next.id),
    );
    let code = code.unwrap().trim().parse().unwrap();
    let close = format!(
        "UPDATE sales SET state = 'closed', closed_at = now(), epoch = epoch + 1 WHERE id < {}",
        last.id
    );
    SERVER.psql(&database, &close).unwrap();
    let trigger = format!(
        "TRIGGER gate BEFORE UPDATE ON sales FOR EACH ROW \
         WHEN (OLD.id = {} AND OLD.sold IS NULL AND NEW.sold IS NOT NULL)",
        first.id
    );
    let gate = Gate::at(&database, &trigger).await;
    let closing = tokio::spawn({
        let ledger = Arc::clone(&ledger);
        async move { ledger.close(last.id).await.unwrap() }
    });
    gate.until_waiting(1).await;

    let why = Some("it came back".parse().unwrap());
    let cancel = Order { why, ..order(Action::CancelPurchase(code)) };
    let cancelling = tokio::spawn({
        let ledger = Arc::clone(&ledger);
        async move { ledger.act(&cancel, &Beside::default()).await.unwrap() }
    });
    // It is done, or waits for whoever counts.
    let is_at_it = async || cancelling.is_finished() || gate.waiting().await == 2;
    until(&WallClock, async || is_at_it().await.then_some(())).await;
    gate.open().await;

    assert!(closing.await.unwrap());
    let ActReply::Now { record, .. } = cancelling.await.unwrap() else { panic!("it is new") };
    assert!(matches!(record.outcome, Acted::Done(_)), "{record:?}");
    assert_eq!((figure(&database, first.id), figure(&database, next.id)), ("1".into(), "1".into()));
    assert_eq!(tally(&ledger, next.id).await, (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_brings_the_figures_of_closed_sales_along() {
    let database = fresh_database().await;
    let ledger = ledger_in(&database);
    let copy = |number: i64, closed_at: Option<UnixMillis>| SaleCopy {
        sale: Sale {
            id: SaleId::try_from(number).unwrap(),
            window: Window::new(UnixMillis(0), UnixMillis(1)).unwrap(),
            terms: Terms::new(9, 1, 1).unwrap(),
            origin: Origin::Operator,
            product: None,
            state: closed_at.map_or(SaleState::Active, |_| SaleState::Closed),
            epoch: Epoch(1),
            salt: domain::Salt::new([7; 32]),
        },
        epoch_at: None,
        closed_at,
        sold: 3,
    };
    let sales = [copy(1, Some(UnixMillis(2))), copy(2, None)];
    let mut connection = ledger.connect_to_import().await.unwrap();

    let import = connection.begin().await.unwrap();
    import.sales(&sales).await.unwrap();
    import.finish().await.unwrap();

    assert_eq!(sales.map(|copy| figure(&database, copy.sale.id)), ["3", "none"]);
}
