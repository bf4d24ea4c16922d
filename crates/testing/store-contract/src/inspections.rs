//! What an [`Inspections`] promises.

use std::sync::Arc;

use domain::{
    CheckoutRefusal, Code, Sale, SaleId, Terms, Unit, UserId,
    ports::{
        AttemptCopy, By, CodeRows, Cursor, Exports, HeldUnit, HoldEnd, Inspections, OutcomeCopy,
        Page, PageAsked, SaleHistory, UnitHad, UnitOfSale, UserOfSales,
    },
};

use crate::{
    fixtures::{MINUTE, code_of_no_sale, new_code, unit, user},
    ledger::Ledger,
};

/// Writes one test per promise of `Inspections`, on the [`Inspected`](crate::Inspected) that `$ledger`
/// makes.
#[macro_export]
macro_rules! inspections_contract {
    ($ledger:path) => {
        $crate::contract! { $ledger, inspections:
            a_code_is_shown_with_all_that_was_recorded_of_it
            a_code_of_a_closed_sale_is_shown_as_before
            a_unit_had_its_holders_one_after_the_other
            a_user_has_units_of_all_sales_those_of_the_newest_first
            a_user_asked_for_what_was_granted_and_what_was_refused
            a_purchase_that_was_cancelled_is_shown_with_its_end
            what_a_user_had_bought_and_was_cancelled_is_theirs_to_see_in_its_slot
            a_cursor_of_another_list_is_refused
        }
    };
}

/// A ledger, as operators look at it too.
#[derive(Clone)]
pub struct Inspected {
    /// The ledger.
    pub ledger: Ledger,
    /// What is looked up in it.
    pub inspections: Arc<dyn Inspections>,
    /// What is taken out of it.
    pub exports: Arc<dyn Exports>,
    /// How its sales went.
    pub history: Arc<dyn SaleHistory>,
}

const ALL: PageAsked = PageAsked { after: None, limit: 100 };

/// What became of the hold of an attempt.
fn ended(attempt: &AttemptCopy) -> Option<HoldEnd> {
    match &attempt.outcome {
        OutcomeCopy::Granted(hold) => hold.ended.map(|(end, _)| end),
        OutcomeCopy::Refused { .. } | OutcomeCopy::Tombstone(_) => None,
    }
}

fn code_of(attempt: &AttemptCopy) -> Option<Code> {
    match &attempt.outcome {
        OutcomeCopy::Granted(hold) => Some(hold.code),
        OutcomeCopy::Refused { .. } | OutcomeCopy::Tombstone(_) => None,
    }
}

/// All rows of a list, read in pages of `limit`.
async fn in_pages<T>(limit: u32, mut read: impl AsyncFnMut(PageAsked) -> Page<T>) -> Vec<T> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = read(PageAsked { after, limit }).await;
        assert!(page.rows.len() <= limit as usize);
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return rows;
        }
    }
}

/// Held, sold, expired, given back, or under a tombstone.
pub async fn a_code_is_shown_with_all_that_was_recorded_of_it(of: Inspected) {
    let Inspected { ledger, inspections, .. } = of;
    let brief = ledger.open_with_brief_holds(5, 5).await;
    let expired = ledger.hold_and_wait(&brief, &user("ann"), 1, 0).await;
    ledger.judge(&brief, expired.code).await;
    let sale = ledger.open(5, 5).await;
    let (live, expires_at) = ledger.hold_until(&sale, &user("ann"), 2, 3).await;
    let released = ledger.hold(&sale, &user("bob"), 3, 0).await;
    ledger.release(released.code).await;
    let sold = ledger.hold(&sale, &user("bob"), 4, 0).await;
    let receipt = ledger.sell(sold).await;
    let unrecorded = new_code(sale.id);
    ledger.judge(&sale, unrecorded).await;

    for (grant, name, end) in [
        (live, "ann", None),
        (expired, "ann", Some(HoldEnd::Expired)),
        (released, "bob", Some(HoldEnd::Released)),
        (sold, "bob", Some(HoldEnd::Sold)),
    ] {
        let CodeRows { attempt, purchase } = inspections.code(grant.code).await.unwrap().unwrap();
        let OutcomeCopy::Granted(hold) = attempt.outcome else { panic!("{attempt:?}") };
        assert_eq!(
            (attempt.sale, hold.code, hold.user),
            (grant.code.sale(), grant.code, user(name))
        );
        assert_eq!((hold.unit, hold.slot, hold.epoch), (grant.unit, grant.slot, grant.epoch));
        assert_eq!(hold.ended.map(|(end, _)| end), end);
        assert_eq!(purchase.map(|bought| bought.receipt), (grant == sold).then(|| receipt.clone()));
    }
    let shown = inspections.code(live.code).await.unwrap().unwrap().attempt;
    let OutcomeCopy::Granted(hold) = &shown.outcome else { panic!("{shown:?}") };
    assert_eq!(hold.expires_at, expires_at);
    let tombstone = inspections.code(unrecorded).await.unwrap().unwrap();
    assert_eq!(tombstone.attempt.outcome, OutcomeCopy::Tombstone(unrecorded));
    for code in [new_code(sale.id), code_of_no_sale()] {
        assert_eq!(inspections.code(code).await.unwrap(), None);
    }
}

/// An operator is asked long after the sale.
pub async fn a_code_of_a_closed_sale_is_shown_as_before(of: Inspected) {
    let Inspected { ledger, inspections, .. } = of;
    let sale = ledger.going_on(Terms::new(5, 5, MINUTE).unwrap()).await;
    let sold = ledger.hold(&sale, &user("ann"), 1, 0).await;
    ledger.sell(sold).await;
    let released = ledger.hold(&sale, &user("bob"), 2, 0).await;
    ledger.release(released.code).await;
    let before = [inspections.code(sold.code).await, inspections.code(released.code).await];

    ledger.end(&sale).await;
    assert!(ledger.register.close(sale.id).await.unwrap());

    for (code, before) in [sold.code, released.code].into_iter().zip(before) {
        let after = inspections.code(code).await.unwrap();
        assert_eq!(after, before.unwrap());
        assert!(after.is_some());
    }
}

/// A unit that came back is had by the next.
pub async fn a_unit_had_its_holders_one_after_the_other(of: Inspected) {
    let Inspected { ledger, inspections, .. } = of;
    let (sale, other) = (ledger.open(5, 5).await, ledger.open(5, 5).await);
    let mut codes = Vec::new();
    for name in ["cid", "ann", "bob", "ann"] {
        let hold = ledger.hold(&sale, &user(name), 2, 0).await;
        ledger.release(hold.code).await;
        codes.push(hold.code);
    }
    let last = ledger.hold(&sale, &user("ann"), 2, 0).await;
    ledger.sell(last).await;
    codes.push(last.code);
    ledger.hold(&sale, &user("ann"), 3, 1).await;
    ledger.hold(&other, &user("ann"), 2, 0).await;

    let holders = async |number, asked| {
        let of = UnitOfSale { sale: sale.id, unit: unit(number) };
        inspections.holders(of, asked).await.unwrap()
    };

    for limit in [1, 2, 5, 100] {
        let found = in_pages(limit, async |asked| holders(2, asked).await).await;
        assert_eq!(found.iter().filter_map(code_of).collect::<Vec<_>>(), codes, "by {limit}");
    }
    let found = holders(2, ALL).await.rows;
    assert_eq!(
        found.iter().map(ended).collect::<Vec<_>>(),
        [
            Some(HoldEnd::Released),
            Some(HoldEnd::Released),
            Some(HoldEnd::Released),
            Some(HoldEnd::Released),
            Some(HoldEnd::Sold)
        ]
    );
    assert_eq!(holders(4, ALL).await, Page { rows: vec![], next: None });
    let nowhere = UnitOfSale { sale: code_of_no_sale().sale(), unit: Unit::try_from(1).unwrap() };
    assert_eq!(inspections.holders(nowhere, ALL).await.unwrap().rows, []);
}

/// What is on hold and what was bought, and not what ended.
pub async fn a_user_has_units_of_all_sales_those_of_the_newest_first(of: Inspected) {
    let Inspected { ledger, inspections, .. } = of;
    let closed = ledger.going_on(Terms::new(5, 5, MINUTE).unwrap()).await;
    ledger.sell(ledger.hold(&closed, &user("ann"), 5, 0).await).await;
    ledger.end(&closed).await;
    assert!(ledger.register.close(closed.id).await.unwrap());
    let (first, second) = (ledger.open(9, 5).await, ledger.open(9, 5).await);
    ledger.sell(ledger.hold(&first, &user("ann"), 4, 1).await).await;
    let (held, expires_at) = ledger.hold_until(&first, &user("ann"), 7, 0).await;
    let ended = ledger.hold(&first, &user("ann"), 8, 2).await;
    ledger.release(ended.code).await;
    ledger.hold(&second, &user("ann"), 1, 0).await;
    // The names before theirs and after it.
    ledger.hold(&second, &user("an"), 2, 0).await;
    ledger.hold(&second, &user("anna"), 3, 0).await;

    let units = async |name: &str, sale: Option<&Sale>, asked| {
        let of = UserOfSales { user: user(name), sale: sale.map(|sale| sale.id) };
        inspections.units(of, asked).await.unwrap()
    };
    let shown = |had: &UnitHad| match had {
        UnitHad::Held { sale, hold } => (*sale, hold.unit.get(), false),
        UnitHad::Bought(receipt) => (receipt.sale, receipt.unit.get(), true),
    };

    let all =
        [(second.id, 1, false), (first.id, 7, false), (first.id, 4, true), (closed.id, 5, true)];
    for limit in [1, 2, 3, 4, 100] {
        let found = in_pages(limit, async |asked| units("ann", None, asked).await).await;
        assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), all, "by {limit}");
    }
    let of_first = units("ann", Some(&first), ALL).await.rows;
    assert_eq!(of_first.iter().map(shown).collect::<Vec<_>>(), all[1..3]);
    let UnitHad::Held { hold, .. } = &of_first[0] else { panic!("{of_first:?}") };
    assert_eq!((hold.code, hold.expires_at), (held.code, expires_at));
    assert_eq!(units("bob", None, ALL).await, Page { rows: vec![], next: None });
}

/// Refusals too, also of a sale that there is not.
pub async fn a_user_asked_for_what_was_granted_and_what_was_refused(of: Inspected) {
    let Inspected { ledger, inspections, .. } = of;
    let (sale, nowhere) = (ledger.open(5, 1).await, code_of_no_sale().sale());
    let ann = user("ann");
    ledger.record_refusal(nowhere, &ann, CheckoutRefusal::UnknownSale).await;
    let ended = ledger.hold(&sale, &ann, 1, 0).await;
    ledger.release(ended.code).await;
    let live = ledger.hold(&sale, &ann, 2, 0).await;
    let limit = CheckoutRefusal::UserLimit { limit: 1, held: 1, bought: 0 };
    ledger.record_refusal(sale.id, &ann, limit).await;
    ledger.record_refusal(sale.id, &user("anna"), limit).await;

    let attempts = async |user: &UserId, sale: Option<SaleId>, asked| {
        let of = UserOfSales { user: user.clone(), sale };
        inspections.attempts(of, asked).await.unwrap()
    };
    let shown = |attempt: &AttemptCopy| {
        let outcome = match &attempt.outcome {
            OutcomeCopy::Granted(hold) => hold.code.to_string(),
            OutcomeCopy::Refused { user, name } => format!("{user} {name}"),
            OutcomeCopy::Tombstone(_) => panic!("a tombstone is nobody's"),
        };
        (attempt.sale, outcome)
    };

    let all = [
        (sale.id, "ann user_limit".to_owned()),
        (sale.id, live.code.to_string()),
        (sale.id, ended.code.to_string()),
        (nowhere, "ann unknown_sale".to_owned()),
    ];
    for limit in [1, 2, 3, 4, 100] {
        let found = in_pages(limit, async |asked| attempts(&ann, None, asked).await).await;
        assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), all, "by {limit}");
    }
    let of_sale = attempts(&ann, Some(sale.id), ALL).await.rows;
    assert_eq!(of_sale.iter().map(shown).collect::<Vec<_>>(), all[..3]);
    assert_eq!(attempts(&user("bob"), None, ALL).await, Page { rows: vec![], next: None });
}

/// With its code and its unit, in a sale that is open and in one that is closed.
pub async fn a_purchase_that_was_cancelled_is_shown_with_its_end(of: Inspected) {
    let Inspected { ledger, inspections, .. } = of;
    let closed = ledger.going_on(Terms::new(5, 5, MINUTE).unwrap()).await;
    let open = ledger.open(5, 5).await;
    for sale in [&closed, &open] {
        let sold = ledger.hold(sale, &user("ann"), 2, 0).await;
        ledger.sell(sold).await;
        if sale.id == closed.id {
            ledger.end(&closed).await;
            assert!(ledger.register.close(sale.id).await.unwrap());
        }

        let receipt = ledger.cancelled(sold.code).await;

        let CodeRows { attempt, purchase } = inspections.code(sold.code).await.unwrap().unwrap();
        assert_eq!(ended(&attempt), Some(HoldEnd::Cancelled));
        assert_eq!(purchase.map(|bought| bought.receipt), Some(receipt.clone()));
        let unit = UnitOfSale { sale: sale.id, unit: sold.unit };
        let holders = inspections.holders(unit, ALL).await.unwrap().rows;
        assert_eq!(holders.iter().map(ended).collect::<Vec<_>>(), [Some(HoldEnd::Cancelled)]);
        let theirs = UserOfSales { user: user("ann"), sale: Some(sale.id) };
        let had = UnitHad::Bought(receipt);
        assert_eq!(inspections.units(theirs, ALL).await.unwrap().rows, [had]);
    }
}

/// Beside what they have, in one order, page by page; and no more than one is of anybody else.
pub async fn what_a_user_had_bought_and_was_cancelled_is_theirs_to_see_in_its_slot(of: Inspected) {
    let Inspected { ledger, inspections, .. } = of;
    let (first, second) = (ledger.on(9, 5).await, ledger.on(9, 5).await);
    let bought = async |sale: SaleId, name: &str, number, slot| {
        let sale = ledger.sale(sale).await;
        let held = ledger.hold(&sale, &user(name), number, slot).await;
        ledger.sell(held).await
    };
    let mut expected = Vec::new();
    for number in 1..=2 {
        let receipt = bought(first.id, "ann", number, 0).await;
        expected.push(UnitHad::Bought(ledger.cancelled(receipt.code).await));
    }
    expected.push(UnitHad::Bought(bought(first.id, "ann", 3, 0).await));
    let receipt = bought(first.id, "ann", 5, 1).await;
    expected.push(UnitHad::Bought(ledger.cancelled(receipt.code).await));
    let of_first = ledger.sale(first.id).await;
    let (record, expires_at) = ledger.hold_until(&of_first, &user("ann"), 6, 1).await;
    let hold = HeldUnit { code: record.code, unit: record.unit, expires_at };
    expected.push(UnitHad::Held { sale: first.id, hold });
    let newer = bought(second.id, "ann", 1, 0).await;
    expected.insert(0, UnitHad::Bought(ledger.cancelled(newer.code).await));
    // The names before theirs and after it.
    for name in ["an", "anna"] {
        let receipt = bought(first.id, name, 7, 0).await;
        ledger.cancelled(receipt.code).await;
    }

    let theirs = |sale| UserOfSales { user: user("ann"), sale };
    for limit in [1, 2, 3, 5, 100] {
        let found =
            in_pages(limit, async |asked| inspections.units(theirs(None), asked).await.unwrap());
        assert_eq!(found.await, expected, "by {limit}");
    }
    let of_first = inspections.units(theirs(Some(first.id)), ALL).await.unwrap().rows;
    assert_eq!(of_first, expected[1..]);
}

/// What it says means nothing there.
pub async fn a_cursor_of_another_list_is_refused(of: Inspected) {
    let Inspected { ledger, inspections, .. } = of;
    let sale = ledger.open(5, 1).await;
    let theirs = UserOfSales { user: user("ann"), sale: None };
    let foreign = |by| PageAsked { after: Some(Cursor { by, at: 1, nth: 1 }), limit: 1 };

    for by in [By::Moment, By::Row] {
        assert!(inspections.units(theirs.clone(), foreign(by)).await.is_err(), "{by:?}");
    }
    let of = UnitOfSale { sale: sale.id, unit: unit(1) };
    assert!(inspections.holders(of, foreign(By::Sale)).await.is_err());
    assert!(inspections.attempts(theirs, foreign(By::Sale)).await.is_err());
}
