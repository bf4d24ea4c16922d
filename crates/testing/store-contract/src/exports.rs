//! What an [`Exports`](domain::ports::Exports) promises.

use std::ops::ControlFlow;

use async_trait::async_trait;
use domain::{
    CheckoutRefusal, Code, SaleId,
    ports::{AttemptCopy, By, Cursor, ExportAsked, OutcomeCopy, PurchaseCopy, Sink},
};

use crate::{
    fixtures::{all_at_once, code_of_no_sale, new_code, nth_user, user},
    inspections::Inspected,
};

/// Writes one test per promise of `Exports`, on the [`Inspected`](crate::Inspected) that `$ledger`
/// makes.
#[macro_export]
macro_rules! exports_contract {
    ($ledger:path) => {
        $crate::contract! { $ledger, exports:
            every_attempt_at_a_sale_is_exported_once_and_no_tombstone
            every_purchase_of_a_sale_is_exported_once
            a_purchase_that_was_cancelled_is_exported_with_its_end
            an_export_goes_on_with_what_was_recorded_since
            an_export_that_is_broken_off_goes_on_with_the_next_row
            an_export_does_not_go_on_by_the_cursor_of_another_list
            an_export_does_not_go_on_after_a_row_that_is_not_there
        }
    };
}

/// Takes rows, some pieces of them.
struct Taken<T> {
    rows: Vec<T>,
    next: Option<Cursor>,
    pieces_max: usize,
}

impl<T> Taken<T> {
    const fn all() -> Self {
        Self { rows: Vec::new(), next: None, pieces_max: usize::MAX }
    }
}

#[async_trait]
impl<T: Send + 'static> Sink<T> for Taken<T> {
    async fn take(&mut self, rows: Vec<T>, next: Cursor) -> ControlFlow<()> {
        assert!(!rows.is_empty());
        self.rows.extend(rows);
        self.next = Some(next);
        self.pieces_max -= 1;
        if self.pieces_max == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

async fn attempts(of: &Inspected, sale: SaleId, after: Option<Cursor>) -> Taken<AttemptCopy> {
    let mut taken = Taken::all();
    of.exports.attempts(ExportAsked { sale, after }, &mut taken).await.unwrap();
    taken
}

async fn purchases(of: &Inspected, sale: SaleId, after: Option<Cursor>) -> Taken<PurchaseCopy> {
    let mut taken = Taken::all();
    of.exports.purchases(ExportAsked { sale, after }, &mut taken).await.unwrap();
    taken
}

/// Who asked, and the code that was given or why none was.
fn told(attempt: &AttemptCopy) -> (String, Result<Code, String>) {
    match &attempt.outcome {
        OutcomeCopy::Granted(hold) => (hold.user.to_string(), Ok(hold.code)),
        OutcomeCopy::Refused { user, name } => (user.to_string(), Err(name.clone())),
        OutcomeCopy::Tombstone(code) => panic!("{code:?} is nobody's attempt"),
    }
}

/// Granted or refused, in the order of their records.
pub async fn every_attempt_at_a_sale_is_exported_once_and_no_tombstone(of: Inspected) {
    let ledger = of.ledger.clone();
    let (sale, other) = (ledger.open(5, 5).await, ledger.open(5, 5).await);
    let sold = ledger.hold(&sale, &user("ann"), 1, 0).await;
    ledger.sell(sold).await;
    ledger.record_refusal(sale.id, &user("bob"), CheckoutRefusal::UnknownSale).await;
    ledger.judge(&sale, new_code(sale.id)).await;
    let released = ledger.hold(&sale, &user("ann"), 2, 1).await;
    ledger.release(released.code).await;
    let held = ledger.hold(&sale, &user("cid"), 2, 0).await;
    ledger.hold(&other, &user("ann"), 1, 0).await;

    let exported = attempts(&of, sale.id, None).await.rows;

    let (ann, bob, cid) = ("ann".to_owned(), "bob".to_owned(), "cid".to_owned());
    assert_eq!(
        exported.iter().map(told).collect::<Vec<_>>(),
        [
            (ann.clone(), Ok(sold.code)),
            (bob, Err("unknown_sale".to_owned())),
            (ann, Ok(released.code)),
            (cid, Ok(held.code)),
        ]
    );
    assert!(exported.iter().all(|attempt| attempt.sale == sale.id));
    for attempt in &exported {
        if let OutcomeCopy::Granted(hold) = &attempt.outcome {
            let rows = of.inspections.code(hold.code).await.unwrap().unwrap();
            assert_eq!(&rows.attempt, attempt);
        }
    }
    assert_eq!(attempts(&of, code_of_no_sale().sale(), None).await.rows, []);
}

/// Exports add up: what stands and what was cancelled can be told apart.
pub async fn a_purchase_that_was_cancelled_is_exported_with_its_end(of: Inspected) {
    let ledger = of.ledger.clone();
    let sale = ledger.open(5, 5).await;
    let first = ledger.hold(&sale, &user("ann"), 3, 1).await;
    ledger.sell(first).await;
    let cancelled = ledger.cancelled(first.code).await;
    let sale = domain::Sale { epoch: domain::Epoch(2), ..sale };
    let second = ledger.hold(&sale, &user("bob"), 3, 0).await;
    let standing = ledger.sell(second).await;

    let exported = purchases(&of, sale.id, None).await.rows;

    let receipts: Vec<_> = exported.into_iter().map(|purchase| purchase.receipt).collect();
    assert_eq!(receipts, [cancelled, standing]);
}

/// As their receipts have them.
pub async fn every_purchase_of_a_sale_is_exported_once(of: Inspected) {
    let ledger = of.ledger.clone();
    let (sale, other) = (ledger.open(5, 5).await, ledger.open(5, 5).await);
    let mut receipts = Vec::new();
    for (name, number, slot) in [("ann", 3, 1), ("bob", 1, 0), ("ann", 2, 0)] {
        let hold = ledger.hold(&sale, &user(name), number, slot).await;
        receipts.push((ledger.sell(hold).await, slot));
    }
    ledger.hold(&sale, &user("cid"), 4, 0).await;
    ledger.sell(ledger.hold(&other, &user("ann"), 1, 0).await).await;

    let exported = purchases(&of, sale.id, None).await.rows;

    let shown = exported.into_iter().map(|bought| (bought.receipt, bought.slot.0));
    assert_eq!(shown.collect::<Vec<_>>(), receipts);
    assert_eq!(purchases(&of, code_of_no_sale().sale(), None).await.rows, []);
}

/// So that whoever takes rows out each night takes each once.
pub async fn an_export_goes_on_with_what_was_recorded_since(of: Inspected) {
    let ledger = of.ledger.clone();
    let sale = ledger.open(5, 5).await;
    let first = ledger.hold(&sale, &user("ann"), 1, 0).await;
    ledger.sell(first).await;
    let before = (attempts(&of, sale.id, None).await, purchases(&of, sale.id, None).await);
    let second = ledger.hold(&sale, &user("ann"), 2, 1).await;
    ledger.record_refusal(sale.id, &user("bob"), CheckoutRefusal::UnknownSale).await;
    ledger.sell(second).await;

    let attempts = attempts(&of, sale.id, before.0.next).await.rows;
    let purchases = purchases(&of, sale.id, before.1.next).await.rows;

    assert_eq!((before.0.rows.len(), before.1.rows.len()), (1, 1));
    assert_eq!(
        attempts.iter().map(told).collect::<Vec<_>>(),
        [("ann".to_owned(), Ok(second.code)), ("bob".to_owned(), Err("unknown_sale".to_owned())),]
    );
    assert_eq!(purchases.iter().map(|it| it.receipt.code).collect::<Vec<_>>(), [second.code]);
}

/// More rows than come at once; many of them at one moment.
pub async fn an_export_that_is_broken_off_goes_on_with_the_next_row(of: Inspected) {
    const ROWS: u32 = 12_000;
    const ROWS_AT_ONCE: usize = 1_000;
    let sale = of.ledger.open(5, 5).await;
    let calls = (0..ROWS).map(|number| {
        let ledger = of.ledger.clone();
        async move {
            let refusal = CheckoutRefusal::UnknownSale;
            ledger.record_refusal(sale.id, &nth_user(number), refusal).await;
        }
    });
    let mut calls = calls.collect::<Vec<_>>();
    while !calls.is_empty() {
        let later = calls.split_off(calls.len().min(ROWS_AT_ONCE));
        all_at_once(calls).await;
        calls = later;
    }
    let mut first = Taken { pieces_max: 1, ..Taken::all() };

    let asked = ExportAsked { sale: sale.id, after: None };
    of.exports.attempts(asked, &mut first).await.unwrap();
    let rest = attempts(&of, sale.id, first.next).await.rows;

    assert!(first.rows.len() < ROWS as usize, "it did not break off");
    let mut users: Vec<_> = first.rows.iter().chain(&rest).map(|row| told(row).0).collect();
    users.sort_unstable();
    users.dedup();
    assert_eq!((first.rows.len() + rest.len(), users.len()), (ROWS as usize, ROWS as usize));
}

/// That of a ledger in a directory says nothing to one in Postgres.
pub async fn an_export_does_not_go_on_by_the_cursor_of_another_list(of: Inspected) {
    let sale = of.ledger.open(5, 5).await;
    let after = Some(Cursor { by: By::Sale, at: 1, nth: 1 });
    let asked = ExportAsked { sale: sale.id, after };

    assert!(of.exports.attempts(asked, &mut Taken::all()).await.is_err());
    assert!(of.exports.purchases(asked, &mut Taken::all()).await.is_err());
}

/// It would leave rows out, and nobody would know.
pub async fn an_export_does_not_go_on_after_a_row_that_is_not_there(of: Inspected) {
    let ledger = of.ledger.clone();
    let (sale, other) = (ledger.open(5, 5).await, ledger.open(5, 5).await);
    for (number, slot) in [(1, 0), (2, 1)] {
        ledger.sell(ledger.hold(&sale, &user("ann"), number, slot).await).await;
    }
    ledger.sell(ledger.hold(&other, &user("bob"), 1, 0).await).await;
    let printed =
        [attempts(&of, sale.id, None).await.next, purchases(&of, sale.id, None).await.next];
    let elsewhere =
        [attempts(&of, other.id, None).await.next, purchases(&of, other.id, None).await.next];
    let wrong = |cursor: Option<Cursor>| {
        let cursor = cursor.unwrap();
        [
            Cursor { nth: cursor.nth + 1, ..cursor },
            Cursor { nth: 0, ..cursor },
            Cursor { at: cursor.at - 5_000_000, ..cursor },
            Cursor { at: cursor.at + 5_000_000, ..cursor },
            Cursor { at: i64::MAX, ..cursor },
            Cursor { at: i64::MIN, ..cursor },
        ]
    };

    for after in wrong(printed[0]).into_iter().chain(elsewhere[0]) {
        let (asked, mut taken) = (ExportAsked { sale: sale.id, after: Some(after) }, Taken::all());
        assert!(of.exports.attempts(asked, &mut taken).await.is_err(), "{after}");
        assert!(taken.rows.is_empty(), "{after}");
    }
    for after in wrong(printed[1]).into_iter().chain(elsewhere[1]) {
        let (asked, mut taken) = (ExportAsked { sale: sale.id, after: Some(after) }, Taken::all());
        assert!(of.exports.purchases(asked, &mut taken).await.is_err(), "{after}");
        assert!(taken.rows.is_empty(), "{after}");
    }
    assert_eq!(attempts(&of, sale.id, printed[0]).await.rows, []);
    assert_eq!(purchases(&of, sale.id, printed[1]).await.rows, []);
}
