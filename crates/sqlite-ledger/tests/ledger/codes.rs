//! What a process knew of its codes, the next one knows; where they are kept meanwhile.

use domain::ports::{Attempt, CodeRecord, LedgerStore, Outcome, Recorded, SaleRegister, Verdict};
use sqlite_ledger::{Database, SqliteLedger};
use store_contract::{
    end,
    fixtures::{HOUR, WallClock, nth_user, unit, until},
    grant, redemption,
};

use crate::shop::{Shop, a_sale, a_sale_of, find, raise, record, schedule};

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
    let sale = a_sale_of(&ledger, HOUR, 1).await;
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
        let expired = ledger.expire_overdue(&[sale], 0, 1_000).await.unwrap();
        expired.is_empty().then_some(())
    })
    .await;

    end(&ledger, &sale).await;

    until(&WallClock, async || ledger.close(sale.id).await.unwrap().then_some(())).await;

    for _ in 0..2 {
        assert_eq!(find(&ledger, codes[0].code).await, CodeRecord::Sold(receipt.clone()));
        assert_eq!(find(&ledger, codes[4_499].code).await, CodeRecord::Expired);
        let redeemed = ledger.redeem(redemption(codes[0])).await.unwrap();
        assert_eq!(redeemed, CodeRecord::Sold(receipt.clone()));
        let verdicts = ledger.judge(sale.id, &[codes[0].code, codes[1].code]).await.unwrap();
        let expected = [
            (codes[0].code, Verdict::Sold { unit: codes[0].unit }),
            (codes[1].code, Verdict::Free),
        ];
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
