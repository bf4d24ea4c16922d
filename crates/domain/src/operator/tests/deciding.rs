//! What may be changed of a sale, a hold, a purchase and a product.

use super::*;

/// The sale as it is after an order that is carried out.
fn after(order: &Order, facts: &Facts) -> Result<Sale, Refused> {
    match order.decide(facts, &Beside::default())? {
        Decided::Put { before, after } => {
            assert_eq!(Some(before), facts.sale);
            Ok(after)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_change_of_a_sale_raises_its_epoch_and_none_that_changes_nothing() {
    let sale = open();
    let later = Changed { ends_at: Some(NOON + HOUR), ..Changed::default() };

    for (order, state, ends_at) in [
        (order(Action::PauseSale(sale.id)), SaleState::Paused, sale.window.ends_at()),
        (order(Action::EndSale(sale.id)), SaleState::Active, NOON),
        (change(later), SaleState::Active, NOON + HOUR),
    ] {
        let after = after(&order, &facts(sale)).unwrap();
        let is = (after.state, after.window.ends_at(), after.epoch);
        assert_eq!(is, (state, ends_at, Epoch(5)), "{order:?}");
    }
    let as_it_is = Changed { stock: Some(10), ..Changed::default() };
    for order in [order(Action::ResumeSale(sale.id)), change(as_it_is)] {
        assert_eq!(after(&order, &facts(sale)), Ok(sale), "{order:?}");
    }
}

#[test]
fn the_stock_is_lowered_to_no_less_than_the_highest_live_unit() {
    let highest = Unit::try_from(6).unwrap();
    let facts = Facts { highest_live: Some(highest), ..facts(open()) };
    let stock = |stock| change(Changed { stock: Some(stock), ..Changed::default() });

    assert_eq!(after(&stock(5), &facts), Err(Refused::StockInUse { highest }));
    assert_eq!(after(&stock(6), &facts).unwrap().terms.stock(), 6);
    assert_eq!(after(&stock(1_000), &facts).unwrap().terms.stock(), 1_000);
}

#[test]
fn once_it_has_opened_the_limit_is_only_raised_and_start_and_holds_stay() {
    let limit = |limit| change(Changed { per_user_limit: Some(limit), ..Changed::default() });
    let hold = change(Changed { hold_ms: Some(1_000), ..Changed::default() });
    let start = change(Changed { starts_at: Some(NOON + 1), ..Changed::default() });
    let live = Some(Unit::try_from(1).unwrap());
    // By the live store's clock it has opened.
    let ahead = Facts { highest_live: live, ..facts(scheduled()) };

    for facts in [facts(open()), ahead] {
        assert_eq!(after(&limit(1), &facts), Err(Refused::LimitLowered { limit: 2 }));
        assert_eq!(after(&hold, &facts), Err(Refused::AlreadyOpen { field: "hold_ms" }));
        assert_eq!(after(&start, &facts), Err(Refused::AlreadyOpen { field: "starts_at" }));
    }
    assert_eq!(after(&limit(3), &facts(open())).unwrap().terms.per_user_limit(), 3);
    for order in [limit(1), hold, start] {
        assert!(after(&order, &facts(scheduled())).is_ok(), "{order:?}");
    }
}

#[test]
fn an_end_is_after_now_and_after_the_start() {
    let ends_at = |at| change(Changed { ends_at: Some(at), ..Changed::default() });

    assert_eq!(after(&ends_at(NOON), &facts(open())), Err(Refused::EndsInThePast { now: NOON }));
    assert!(after(&ends_at(NOON + 1), &facts(open())).is_ok());
    let starts_at = scheduled().window.starts_at();
    assert_eq!(
        after(&ends_at(starts_at), &facts(scheduled())),
        Err(Refused::EndsBeforeItStarts { starts_at })
    );
    let too_late = ends_at(NOON + 400 * 24 * HOUR);
    assert_eq!(after(&too_late, &facts(open())), Err(Refused::OutOfRange));
}

#[test]
fn what_is_over_stays_over() {
    let over = Facts { now: open().window.ends_at(), ..facts(open()) };
    let closed = facts(Sale { state: SaleState::Closed, ..open() });
    let ended_at = open().window.ends_at();

    for action in
        [Action::PauseSale(open().id), Action::ResumeSale(open().id), Action::EndSale(open().id)]
    {
        let order = order(action);
        for facts in [&over, &closed] {
            assert_eq!(after(&order, facts), Err(Refused::SaleEnded { ended_at }));
        }
        assert_eq!(after(&order, &Facts::at(NOON)), Err(Refused::NoSuchSale));
    }
}

#[test]
fn a_sale_of_an_operator_that_has_not_begun_is_ended_and_one_of_the_timetable_is_not() {
    let end = order(Action::EndSale(open().id));

    let ended = after(&end, &facts(scheduled())).unwrap();
    assert!(ended.window.ends_at() <= NOON);

    let of_timetable = Sale { origin: Origin::Timetable, ..scheduled() };
    let starts_at = of_timetable.window.starts_at();
    assert_eq!(after(&end, &facts(of_timetable)), Err(Refused::NotOpenYet { starts_at }));
}

#[test]
fn a_sale_of_the_timetable_stays_in_its_slot() {
    let slot = Window::new(NOON, NOON + HOUR).unwrap();
    let sale = Sale {
        origin: Origin::Timetable,
        window: Window::new(NOON, NOON + HOUR / 2).unwrap(),
        ..open()
    };
    let timetable = Timetable::new(HOUR, sale.terms).unwrap();
    let facts = Facts { now: NOON + 1, ..facts(sale) };
    let to = |at| change(Changed { ends_at: Some(at), ..Changed::default() });
    let known = Beside { timetable: Some(timetable), ..Beside::default() };

    assert!(to(slot.ends_at()).decide(&facts, &known).is_ok());
    let (from, to_at) = (slot.starts_at(), slot.ends_at());
    let refused = Err(Refused::OutsideItsSlot { from, to: to_at });
    assert_eq!(to(slot.ends_at() + 1).decide(&facts, &known), refused);
    // Without the timetable, no later than it ends.
    let is_kept = Err(Refused::OutsideItsSlot { from, to: NOON + HOUR / 2 });
    assert_eq!(to(NOON + HOUR / 2 + 1).decide(&facts, &Beside::default()), is_kept);
    assert!(to(NOON + 2).decide(&facts, &Beside::default()).is_ok());
    // And not where another is.
    let taken = Facts { between: Some((None, Some(NOON + HOUR / 2 + 9))), ..facts };
    let refused = Err(Refused::OutsideItsSlot { from, to: NOON + HOUR / 2 + 9 });
    assert_eq!(to(slot.ends_at()).decide(&taken, &known), refused);
}

#[test]
fn the_second_of_two_is_told_what_the_first_did() {
    let first = ActionRecord {
        number: 12,
        acted_at: NOON,
        order: Order { by: "bob".parse().unwrap(), ..order(Action::PauseSale(open().id)) },
        sale: Some(open().id),
        product: None,
        before: Some(Seen::Sale(SaleSeen::of(&open()))),
        outcome: Acted::Done(Seen::Sale(SaleSeen::of(&open()))),
    };
    let facts = Facts { last: Some(first), ..facts(open()) };
    let seen = |if_at| Order { if_at, ..order(Action::EndSale(open().id)) };

    let Err(Refused::ChangedSince(Some(noted))) = after(&seen(Some(0)), &facts) else {
        panic!("it is refused")
    };
    assert_eq!((noted.number, noted.by.as_str(), &*noted.action), (12, "bob", "sale-paused"));
    assert!(after(&seen(Some(12)), &facts).is_ok());
    assert!(after(&seen(None), &facts).is_ok());
    let restored = Facts { last: None, ..facts };
    assert_eq!(after(&seen(Some(12)), &restored), Err(Refused::ChangedSince(None)));
}

#[test]
fn nothing_is_changed_by_a_ledger_that_lost_data() {
    let beside = Beside { live: Some(LiveEpoch::Served(Epoch(5))), ..Beside::default() };

    let decided = order(Action::PauseSale(open().id)).decide(&facts(open()), &beside);

    assert_eq!(decided, Err(Refused::LedgerBehind { epoch: Epoch(4) }));
}

/// It might be the epoch that the live store serves.
#[test]
fn whoever_cannot_ask_the_live_store_raises_no_epoch() {
    let beside = Beside { is_blind: true, ..Beside::default() };

    let decided = order(Action::PauseSale(open().id)).decide(&facts(open()), &beside).unwrap();

    let after = Sale { state: SaleState::Paused, ..open() };
    assert_eq!(decided, Decided::Put { before: open(), after });
    assert_eq!(decided.raised(), None);
}

#[test]
fn only_what_is_on_hold_is_released() {
    let code = Code::new(open().id, 9);
    let unit = Unit::try_from(3).unwrap();
    let decide = |record| {
        let facts = Facts { code: record, ..Facts::at(NOON) };
        order(Action::ReleaseHold(code)).decide(&facts, &Beside::default())
    };

    assert_eq!(decide(Some(CodeRecord::Held { unit })), Ok(Decided::Release { code, unit }));
    assert_eq!(decide(Some(CodeRecord::Expired)), Err(Refused::NotOnHold { state: "expired" }));
    assert_eq!(decide(None), Err(Refused::NoSuchCode));
}

#[test]
fn only_what_is_sold_is_cancelled_for_a_reason_and_where_nobody_serves_unaware() {
    let code = Code::new(open().id, 9);
    let unit = Unit::try_from(3).unwrap();
    let cancel = order(Action::CancelPurchase(code));
    let decide = |order: &Order, sale, record| {
        let facts = Facts { code: Some(record), ..facts(sale) };
        order.decide(&facts, &Beside::default())
    };
    let sold = || CodeRecord::Sold(receipt());
    let reason = cancel.why.clone().unwrap();

    let decided = |epoch| Decided::Cancel { code, unit, reason: reason.clone(), epoch };
    assert_eq!(decide(&cancel, open(), sold()), Ok(decided(Some(Epoch(5)))));
    let over = Sale { window: Window::new(NOON + -HOUR, NOON + -1).unwrap(), ..open() };
    assert_eq!(decide(&cancel, over, sold()), Ok(decided(Some(Epoch(5)))));
    let closed = Sale { state: SaleState::Closed, ..over };
    assert_eq!(decide(&cancel, closed, sold()), Ok(decided(None)));
    assert_eq!(decided(Some(Epoch(5))).raised(), None);
    for (record, state) in [
        (CodeRecord::Held { unit }, "held"),
        (CodeRecord::Expired, "expired"),
        (CodeRecord::Released, "released"),
    ] {
        assert_eq!(decide(&cancel, open(), record), Err(Refused::NotPurchased { state }));
    }
    let cancelled = Some(crate::Cancellation { at: NOON, reason: reason.clone() });
    let cancelled = CodeRecord::Cancelled(crate::Receipt { cancelled, ..receipt() });
    let again = Err(Refused::AlreadyCancelled { at: NOON });
    assert_eq!(decide(&cancel, open(), cancelled), again);
    assert_eq!(decide(&cancel, open(), CodeRecord::Unknown), Err(Refused::NoSuchCode));
    let without = Order { why: None, ..cancel.clone() };
    assert_eq!(decide(&without, open(), sold()), Err(Refused::ReasonMissing));
    let unaware = Facts { code: Some(sold()), serves_unaware: true, ..facts(open()) };
    assert_eq!(cancel.decide(&unaware, &Beside::default()), Err(Refused::NotYetPossible));
    let behind = Beside { live: Some(LiveEpoch::Served(Epoch(5))), ..Beside::default() };
    let known = Facts { serves_unaware: false, ..unaware };
    assert_eq!(cancel.decide(&known, &behind), Err(Refused::LedgerBehind { epoch: Epoch(4) }));
}

fn receipt() -> crate::Receipt {
    crate::Receipt {
        code: Code::new(open().id, 9),
        sale: open().id,
        user: "ann".parse().unwrap(),
        unit: Unit::try_from(3).unwrap(),
        item: crate::Item { name: "Lamp".to_owned(), image: "/lamp".to_owned(), product: None },
        purchased_at: NOON,
        cancelled: None,
    }
}

#[test]
fn a_change_names_what_is_to_be_otherwise_and_within_bounds() {
    let wrong = |changed| Change::new(changed).unwrap_err().field();
    let none = Changed::default();

    assert_eq!(wrong(none), None);
    assert_eq!(wrong(Changed { stock: Some(0), ..none }), Some("stock"));
    assert_eq!(wrong(Changed { per_user_limit: Some(1_001), ..none }), Some("per_user_limit"));
    assert_eq!(wrong(Changed { hold_ms: Some(1), ..none }), Some("hold_ms"));
    let (starts_at, ends_at) = (Some(NOON), Some(NOON));
    assert_eq!(wrong(Changed { starts_at, ends_at, ..none }), Some("ends_at"));
}

#[test]
fn a_product_is_put_unless_it_is_archived_and_with_a_picture_that_there_is() {
    let decided =
        |facts: Facts| order(Action::PutProduct(put("Lamp"))).decide(&facts, &Beside::default());
    let known = Facts { product: Some(lamp()), picture_is_kept: true, ..Facts::at(NOON) };
    let archived = Product { archived_at: Some(NOON), ..lamp() };

    let to = Decided::PutProduct { before: Some(lamp()), to: put("Lamp") };
    assert_eq!(decided(known.clone()), Ok(to));
    let to = Decided::PutProduct { before: None, to: put("Lamp") };
    assert_eq!(decided(Facts { product: None, ..known.clone() }), Ok(to));
    let lost = Facts { picture_is_kept: false, ..known.clone() };
    assert_eq!(decided(lost), Err(Refused::NoSuchImage));
    let over = Facts { product: Some(archived.clone()), ..known.clone() };
    assert_eq!(decided(over.clone()), Err(Refused::ProductArchived));
    let archive = order(Action::ArchiveProduct(lamp().version.sku));
    let none = Facts::at(NOON);
    assert_eq!(archive.decide(&none, &Beside::default()), Err(Refused::NoSuchProduct));
    let again = archive.decide(&over, &Beside::default());
    assert_eq!(again, Ok(Decided::ArchiveProduct { before: archived }));
}
