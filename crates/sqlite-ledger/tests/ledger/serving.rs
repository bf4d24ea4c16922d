//! One process serves from a directory; what it knew comes back with the next.

use domain::{
    Code, Failure, Origin, Sale, Terms, Window,
    ports::{
        Attempt, CodeRecord, Grant, LedgerStore, Outcome, RaiseReply, Recorded, SaleRegister,
        Verdict,
    },
};
use sqlite_ledger::{Database, ServiceError, SqliteLedger};
use store_contract::{
    fixtures::{HOUR, WallClock, nth_user, unit, until, user},
    grant, redemption,
};

use crate::shop::{Shop, limits, wall_clock};

/// A sale that is on, with holds that last, at epoch 1.
async fn a_sale(ledger: &SqliteLedger) -> Sale {
    a_sale_of(ledger, HOUR, HOUR).await
}

/// A sale that began a second ago and lasts so long, at epoch 1.
async fn a_sale_of(ledger: &SqliteLedger, length_ms: i64, hold_ms: i64) -> Sale {
    let sale = schedule(ledger, length_ms, hold_ms).await;
    raise(ledger, sale).await
}

async fn schedule(ledger: &SqliteLedger, length_ms: i64, hold_ms: i64) -> Sale {
    let starts_at = ledger.now().await.unwrap() + -1_000;
    let window = Window::new(starts_at, starts_at + length_ms).unwrap();
    let terms = Terms::new(10_000, 5, hold_ms).unwrap();
    ledger.schedule(window, terms, Origin::Timetable).await.unwrap().unwrap()
}

async fn raise(ledger: &SqliteLedger, sale: Sale) -> Sale {
    let raised =
        until(&WallClock, async || match ledger.raise_epoch(sale.id, None).await.unwrap() {
            RaiseReply::Raised(snapshot) => Some(snapshot.sale),
            RaiseReply::TooSoon => None,
            other => panic!("{other:?}"),
        });
    raised.await
}

async fn record(ledger: &SqliteLedger, sale: &Sale, name: &str, grant: Grant) -> Recorded {
    let attempt = Attempt { sale: sale.id, user: user(name), outcome: Outcome::Granted(grant) };
    ledger.permit().unwrap().record(attempt).await.unwrap()
}

async fn find(ledger: &SqliteLedger, code: Code) -> CodeRecord {
    LedgerStore::find(ledger, code).await.unwrap()
}

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
async fn what_a_process_knew_of_its_codes_the_next_one_knows() {
    let shop = Shop::new();
    let ledger = shop.ledger();
    let sale = a_sale(&ledger).await;
    let [held, sold, released, judged] = [1, 2, 3, 4].map(|number| grant(&sale, number, 0));
    for (name, grant) in [("ann", held), ("bob", sold), ("cid", released)] {
        record(&ledger, &sale, name, grant).await;
    }
    let CodeRecord::SoldNow(receipt) = ledger.redeem(redemption(sold)).await.unwrap() else {
        panic!("the hold stands");
    };
    ledger.release(released.code).await.unwrap();
    ledger.judge(sale.id, &[judged.code]).await.unwrap();
    drop(ledger);

    let ledger = shop.ledger();

    assert_eq!(find(&ledger, held.code).await, CodeRecord::Held { unit: unit(1) });
    assert_eq!(find(&ledger, sold.code).await, CodeRecord::Sold(receipt));
    assert_eq!(find(&ledger, released.code).await, CodeRecord::Released);
    assert_eq!(record(&ledger, &sale, "dan", judged).await, Recorded::TooLate);
    // Units and slots that were taken are taken; those given back can be had.
    for (name, number, slot) in [("eve", 1, 0), ("eve", 2, 0), ("ann", 5, 0), ("bob", 6, 0)] {
        let rival = grant(&sale, number, slot);
        assert_eq!(record(&ledger, &sale, name, rival).await, Recorded::Stale, "{name} {number}");
    }
    let again = record(&ledger, &sale, "cid", grant(&sale, 3, 0)).await;
    assert!(matches!(again, Recorded::Hold { .. }), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_codes_of_a_closed_sale_are_filed_and_found_without_the_guard() {
    let shop = Shop::new();
    let ledger = shop.ledger();
    let sale = a_sale_of(&ledger, 2_500, 1).await;
    let mut grants = Vec::new();
    // More than are filed at once.
    for number in 1..=4_500 {
        let grant = grant(&sale, number, 0);
        let outcome = Outcome::Granted(grant);
        let attempt = Attempt { sale: sale.id, user: nth_user(number), outcome };
        let permit = ledger.permit().unwrap();
        grants.push((grant, tokio::spawn(permit.record(attempt))));
    }
    let mut codes = Vec::new();
    for (grant, recorded) in grants {
        assert!(matches!(recorded.await.unwrap().unwrap(), Recorded::Hold { .. }));
        codes.push(grant);
    }
    let sold = ledger.redeem(redemption(codes[0])).await.unwrap();
    let CodeRecord::SoldNow(receipt) = sold else { panic!("{sold:?}") };
    until(&WallClock, async || {
        let expired = ledger.expire_overdue(0, 1_000).await.unwrap();
        expired.is_empty().then_some(())
    })
    .await;

    until(&WallClock, async || ledger.close(sale.id).await.unwrap().then_some(())).await;

    for _ in 0..2 {
        assert_eq!(find(&ledger, codes[0].code).await, CodeRecord::Sold(receipt.clone()));
        assert_eq!(find(&ledger, codes[4_499].code).await, CodeRecord::Expired);
        let redeemed = ledger.redeem(redemption(codes[0])).await.unwrap();
        assert_eq!(redeemed, CodeRecord::Sold(receipt.clone()));
        let verdicts = ledger.judge(sale.id, &[codes[0].code, codes[1].code]).await.unwrap();
        let expected = [(codes[0].code, Verdict::Sold), (codes[1].code, Verdict::Free)];
        assert_eq!(verdicts, expected);
    }
    let database = shop.database();
    let filed = "SELECT count(*), (SELECT filed FROM sales) FROM codes";
    let filed: (i64, bool) =
        database.connection().query_row(filed, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(filed, (4_500, true));
    drop(ledger);
    // Whoever comes next has them from the disk alone.
    assert_eq!(find(&shop.ledger(), codes[0].code).await, CodeRecord::Sold(receipt));
}

#[tokio::test(flavor = "multi_thread")]
async fn filing_that_was_broken_off_is_finished_before_the_next_process_serves() {
    let shop = Shop::new();
    let ledger = shop.ledger();
    let sale = a_sale(&ledger).await;
    let grants = [1, 2, 3].map(|number| grant(&sale, number, 0));
    for (name, grant) in ["ann", "bob", "cid"].into_iter().zip(grants) {
        record(&ledger, &sale, name, grant).await;
        ledger.release(grant.code).await.unwrap();
    }
    drop(ledger);
    // A process has closed the sale, filed one code, and died.
    let database = shop.database();
    database
        .connection()
        .execute_batch(
            "UPDATE sales SET state = 'closed', closed_at = 1, epoch = epoch + 1;
             INSERT INTO codes SELECT code, id, NULL FROM checkout_attempts WHERE unit = 2;",
        )
        .unwrap();

    let ledger = shop.ledger();

    for grant in grants {
        assert_eq!(find(&ledger, grant.code).await, CodeRecord::Released);
    }
    let filed = "SELECT (SELECT count(*) FROM codes), filed FROM sales";
    let filed: (i64, bool) =
        database.connection().query_row(filed, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(filed, (3, true));
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
async fn a_visitor_makes_and_pauses_sales_beside_the_process_that_serves_but_records_nothing() {
    let shop = Shop::new();
    let ledger = shop.ledger();
    let visitor = SqliteLedger::visit(shop.dir(), &wall_clock(), limits()).unwrap();

    let made = schedule(&visitor, HOUR, HOUR).await;
    let sale = raise(&ledger, made).await;
    let granted = grant(&sale, 1, 0);
    let paused = visitor.set_paused(sale.id, true).await.unwrap().unwrap();

    let listed = SaleRegister::find(&ledger, sale.id).await.unwrap().unwrap();
    assert_eq!(listed.sale, paused);
    let attempt = Attempt { sale: sale.id, user: user("ann"), outcome: Outcome::Granted(granted) };
    let error = visitor.permit().unwrap().record(attempt).await.unwrap_err();
    assert_eq!(error.failure(), Failure::NotDone);
    assert_eq!(find(&ledger, granted.code).await, CodeRecord::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_have_ended_leave_the_guard_and_are_found_on_the_disk() {
    let shop = Shop::new();
    let ledger = shop.ledger();
    let sale = a_sale(&ledger).await;
    // One client asks for a unit and gives it back, again and again.
    let mut codes = Vec::new();
    for number in (1..=4_000).cycle().take(20_000) {
        let granted = grant(&sale, number, 0);
        let outcome = Outcome::Granted(granted);
        let attempt = Attempt { sale: sale.id, user: nth_user(number), outcome };
        codes.push((attempt, granted.code));
    }
    for part in codes.chunks(2_000) {
        let recorded = part
            .iter()
            .map(|(attempt, _)| tokio::spawn(ledger.permit().unwrap().record(attempt.clone())));
        for recorded in recorded.collect::<Vec<_>>() {
            assert!(matches!(recorded.await.unwrap().unwrap(), Recorded::Hold { .. }));
        }
        let released = part.iter().map(|&(_, code)| ledger.release(code));
        for released in futures_util::future::join_all(released).await {
            assert_eq!(released.unwrap(), CodeRecord::Released);
        }
    }
    let in_the_guard = |database: &Database| -> i64 {
        let unfiled = "SELECT count(*) FROM checkout_attempts AS attempt WHERE code IS NOT NULL \
                       AND NOT EXISTS (SELECT 1 FROM codes WHERE codes.code = attempt.code)";
        database.connection().query_row(unfiled, [], |row| row.get(0)).unwrap()
    };

    let kept = in_the_guard(&shop.database());

    assert!(kept <= 16_384, "{kept} of 20,000");
    let check = async |ledger: &SqliteLedger| {
        for (attempt, code) in codes.iter().step_by(997) {
            assert_eq!(find(ledger, *code).await, CodeRecord::Released);
            // Neither a record that comes late nor a sweep takes it for a new one.
            let again = ledger.permit().unwrap().record(attempt.clone()).await.unwrap();
            assert_eq!(again, Recorded::TooLate);
            let verdicts = ledger.judge(sale.id, &[*code]).await.unwrap();
            assert_eq!(verdicts, [(*code, Verdict::Free)]);
        }
    };
    check(&ledger).await;
    drop(ledger);
    let ledger = shop.ledger();
    check(&ledger).await;
    let mut findings = domain::audit::Findings::default();
    domain::ports::AuditedLedger::audit(&ledger, None, &mut findings).await.unwrap();
    assert_ne!(findings.conclusion(), domain::audit::Conclusion::Broken, "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_was_made_long_before_it_begins_is_looked_for_from_its_beginning() {
    let shop = Shop::new();
    let ledger = shop.ledger();
    let ahead = schedule(&ledger, HOUR, HOUR).await;
    let first_attempt = || -> i64 {
        let first = "SELECT first_attempt FROM sales WHERE id = ?1";
        shop.database().connection().query_row(first, [ahead.id.get()], |row| row.get(0)).unwrap()
    };
    let refused = Outcome::Refused(domain::CheckoutRefusal::UnknownSale);
    for number in 1..=100 {
        let attempt = Attempt { sale: ahead.id, user: nth_user(number), outcome: refused };
        ledger.permit().unwrap().record(attempt).await.unwrap();
    }
    let before = first_attempt();

    let sale = raise(&ledger, ahead).await;

    assert_eq!((before, first_attempt()), (1, 101));
    let held = grant(&sale, 1, 0);
    record(&ledger, &sale, "ann", held).await;
    let raised = raise(&ledger, sale).await;
    assert_eq!((raised.epoch.0, first_attempt()), (2, 101));
    drop(ledger);
    assert_eq!(find(&shop.ledger(), held.code).await, CodeRecord::Held { unit: unit(1) });
}
