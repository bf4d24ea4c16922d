//! One process serves from a directory; others may look and make sales.

use domain::{
    Failure,
    ports::{Attempt, CodeRecord, LedgerStore, Outcome, Recorded, SaleRegister},
};
use sqlite_ledger::{Database, OpenError, ServiceError, SqliteLedger};
use store_contract::{
    fixtures::{HOUR, user},
    grant, redemption,
};

use crate::shop::{Shop, a_sale, find, limits, raise, record, schedule, wall_clock};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_refused_while_the_first_serves_and_told_which_it_is() {
    let shop = Shop::new();
    let first = shop.dir().serve().unwrap();

    let refused = shop.dir().serve().unwrap_err();

    assert!(
        matches!(refused, ServiceError::InUse { pid: Some(pid), .. } if pid == std::process::id())
    );
    let said = refused.to_string();
    assert!(said.contains("data is in use by another process (") && said.contains("DATA_DIR"));
    assert!(shop.dir().is_in_service());
    drop(first);
    assert!(!shop.dir().is_in_service());
    shop.dir().serve().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_was_removed_locks_all_the_same() {
    let shop = Shop::new();
    let first = shop.dir().serve().unwrap();
    let ledger = shop.ledger();
    for entry in std::fs::read_dir(shop.dir().path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "lock") {
            std::fs::remove_file(path).unwrap();
        }
    }

    let refused = shop.dir().serve().unwrap_err();

    assert!(matches!(refused, ServiceError::InUse { .. }), "{refused:?}");
    assert!(shop.dir().is_in_service());
    drop((ledger, first));
    shop.dir().serve().unwrap();
}

/// On a file system that keeps no lock, say.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_writes_nothing_more_when_another_has_begun_to_serve() {
    let shop = Shop::new();
    let first = shop.ledger();
    let sale = a_sale(&first).await;
    let bought = grant(&sale, 1, 0);
    record(&first, &sale, "ann", bought).await;

    let second = shop.ledger();

    let rival = grant(&sale, 2, 0);
    let attempt =
        |name, grant| Attempt { sale: sale.id, user: user(name), outcome: Outcome::Granted(grant) };
    let late = first.permit().unwrap().record(attempt("bob", rival)).await.unwrap_err();
    assert_eq!(late.failure(), Failure::NotDone);
    assert!(format!("{late:?}").contains("another process has begun to serve"), "{late:?}");
    assert!(first.redeem(redemption(bought)).await.is_err());
    let recorded = record(&second, &sale, "cid", grant(&sale, 2, 0)).await;
    assert!(matches!(recorded, Recorded::Hold { .. }), "{recorded:?}");
    assert!(matches!(second.redeem(redemption(bought)).await.unwrap(), CodeRecord::SoldNow(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_of_a_ledger_whose_file_is_not_where_it_was() {
    let shop = Shop::new();
    let ledger = shop.ledger();
    let sale = a_sale(&ledger).await;
    let bought = grant(&sale, 1, 0);
    record(&ledger, &sale, "ann", bought).await;
    let [here, there] = ["ledger.sqlite", "gone"].map(|name| shop.dir().path().join(name));

    std::fs::rename(&here, &there).unwrap();
    let gone = ledger.redeem(redemption(bought)).await.unwrap_err();
    std::fs::write(&here, "another").unwrap();
    let replaced = ledger.redeem(redemption(bought)).await.unwrap_err();

    for error in [gone, replaced] {
        assert_eq!(error.failure(), Failure::NotDone);
        assert!(format!("{error:?}").contains("was moved or removed"), "{error:?}");
    }
    std::fs::rename(&there, &here).unwrap();
    assert!(matches!(ledger.redeem(redemption(bought)).await.unwrap(), CodeRecord::SoldNow(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_its_owner_reads_a_ledger_in_a_directory_that_all_may_enter() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let shop = Shop::new();
    fs::create_dir(shop.dir().path()).unwrap();
    fs::set_permissions(shop.dir().path(), fs::Permissions::from_mode(0o755)).unwrap();
    let modes = || {
        let entries = fs::read_dir(shop.dir().path()).unwrap();
        let mode = |entry: fs::DirEntry| {
            let mode = entry.metadata().unwrap().permissions().mode();
            (entry.file_name().into_string().unwrap(), mode & 0o777)
        };
        entries.map(|entry| mode(entry.unwrap())).collect::<Vec<_>>()
    };
    let in_service = shop.dir().serve().unwrap();
    let ledger = shop.ledger();
    a_sale(&ledger).await;

    assert!(modes().len() >= 4, "{:?}", modes());
    assert!(modes().iter().all(|(_, mode)| *mode == 0o600), "{:?}", modes());

    // One that a version before this made.
    for (name, _) in modes() {
        let path = shop.dir().path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    drop((ledger, in_service));
    let (_in_service, _ledger) = (shop.dir().serve().unwrap(), shop.ledger());
    let ledgers = modes().into_iter().filter(|(name, _)| name.starts_with("ledger"));
    assert!(ledgers.clone().count() > 0);
    assert!(ledgers.clone().all(|(_, mode)| mode == 0o600), "{:?}", modes());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_serves_from_a_ledger_that_has_something_twice() {
    let shop = Shop::new();
    let ledger = shop.ledger();
    let sale = a_sale(&ledger).await;
    record(&ledger, &sale, "ann", grant(&sale, 1, 0)).await;
    drop(ledger);
    let twin = |unit: u32, user: &str| {
        format!(
            "INSERT INTO checkout_attempts
             (sale_id, outcome, state, unit, slot, epoch, attempted_at, expires_at, changed_at,
              code, user_id)
             VALUES (1, 'granted', 'held', {unit}, 0, 1, 1, 9, 1,
             x'00000000010080008000000000000009', '{user}')"
        )
    };

    for twin in [twin(1, "bob"), twin(2, "ann")] {
        let broken = Shop::new();
        copy(&shop, &broken);
        broken.database().connection().execute_batch(&twin).unwrap();

        let error = Database::open_to_serve(&broken.dir()).unwrap_err();

        assert!(error.to_string().contains("`flashsale audit` says what is wrong"), "{error}");
    }
    Database::open_to_serve(&shop.dir()).unwrap();
}

/// Copies a ledger that nobody has open.
fn copy(from: &Shop, to: &Shop) {
    std::fs::create_dir(to.dir().path()).unwrap();
    for entry in std::fs::read_dir(from.dir().path()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.dir().path().join(path.file_name().unwrap())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_makes_sales_beside_the_process_that_serves_but_records_nothing() {
    let shop = Shop::new();
    let ledger = shop.ledger();
    let visitor = SqliteLedger::visit(shop.dir(), &wall_clock(), limits()).unwrap();

    let made = schedule(&visitor, HOUR, HOUR).await;
    let sale = raise(&ledger, made).await;
    let granted = grant(&sale, 1, 0);

    let listed = SaleRegister::find(&visitor, sale.id).await.unwrap().unwrap();
    assert_eq!(listed.sale, sale);
    let attempt = Attempt { sale: sale.id, user: user("ann"), outcome: Outcome::Granted(granted) };
    let error = visitor.permit().unwrap().record(attempt).await.unwrap_err();
    assert_eq!(error.failure(), Failure::NotDone);
    assert_eq!(find(&ledger, granted.code).await, CodeRecord::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_makes_no_ledger() {
    let shop = Shop::new();

    let missing = SqliteLedger::visit(shop.dir(), &wall_clock(), limits()).err().unwrap();

    assert!(matches!(missing, OpenError::Missing { .. }), "{missing:?}");
    assert!(!shop.dir().path().exists());
}
