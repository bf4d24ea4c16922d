//! What may be changed of a sale, and that the trail reads back what it writes.

use super::*;
use crate::{
    Epoch, Origin, ProductId, ProductVersion, Sale, Salt, Timetable, Unit, UnixMillis,
    ports::{CodeRecord, LiveEpoch},
    product::{ImageDigest, ImageKind, ImageRef, Picture, Price, Product, ProductChange},
    sale::SaleState,
};

const NOON: UnixMillis = UnixMillis(1_795_003_200_000);
const HOUR: i64 = 3_600_000;

/// A sale of ten units and two a user, that opened half an hour ago and goes on for as long.
fn open() -> Sale {
    Sale {
        id: SaleId::try_from(7).unwrap(),
        window: Window::new(NOON + -HOUR / 2, NOON + HOUR / 2).unwrap(),
        terms: Terms::new(10, 2, 60_000).unwrap(),
        origin: Origin::Operator,
        product: None,
        state: SaleState::Active,
        epoch: Epoch(4),
        salt: Salt::new([7; 32]),
    }
}

fn scheduled() -> Sale {
    Sale { window: Window::new(NOON + HOUR, NOON + 2 * HOUR).unwrap(), ..open() }
}

fn order(action: Action) -> Order {
    Order {
        id: "6f1c3b52-0a4e-4d7e-9a5b-2f6e0c41d788".parse().unwrap(),
        by: "ann".parse().unwrap(),
        why: Some("the truck is late".parse().unwrap()),
        request_id: RequestName::of("r-1"),
        action,
        if_at: None,
    }
}

/// A product with all that it may have.
fn lamp() -> Product {
    let to = put("Lamp");
    let version = ProductVersion {
        id: 5.try_into().unwrap(),
        product: 3.try_into().unwrap(),
        sku: to.sku,
        name: to.name,
        price: to.price,
        metadata: to.metadata,
        image: Some(ImageRef { digest: ImageDigest([7; 32]), kind: ImageKind::Webp }),
        made_at: NOON,
    };
    Product { version, archived_at: None }
}

/// What says all of it.
fn put(name: &str) -> ProductChange {
    ProductChange {
        sku: "lamp-7".parse().unwrap(),
        name: name.parse().unwrap(),
        price: Some(Price::new(1_999, "EUR".parse().unwrap()).unwrap()),
        metadata: Some("{\"a\":\"\\\\\",\n\t\"\u{e9}\":1e2}\r".parse().unwrap()),
        image: Some(Picture::Kept(ImageDigest([7; 32]))),
    }
}

fn change(changed: Changed) -> Order {
    order(Action::ChangeSale { sale: open().id, change: Change::new(changed).unwrap() })
}

fn facts(sale: Sale) -> Facts {
    Facts { sale: Some(sale), ..Facts::at(NOON) }
}

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

/// What came of an order, as a row of the trail.
fn recorded(order: &Order, before: Option<Seen>, outcome: Acted) -> ActionRecord {
    let sale = order.action.sale().or(Some(open().id));
    let product = match order.action {
        Action::ScheduleSale { product, .. } => product,
        _ => ProductId::try_from(3).ok(),
    };
    let order = order.clone();
    ActionRecord { number: 5, acted_at: NOON, order, sale, product, before, outcome }
}

/// Whatever an order can be refused for.
fn refusals() -> [Refused; 23] {
    let noted = Noted { number: 3, by: "bob".parse().unwrap(), action: "sale-ended".to_owned() };
    [
        Refused::NoSuchSale,
        Refused::SaleEnded { ended_at: NOON },
        Refused::NotOpenYet { starts_at: NOON },
        Refused::AlreadyOpen { field: "hold_ms" },
        Refused::StockInUse { highest: Unit::try_from(9).unwrap() },
        Refused::LimitLowered { limit: 4 },
        Refused::EndsInThePast { now: NOON },
        Refused::EndsBeforeItStarts { starts_at: NOON },
        Refused::OutsideItsSlot { from: NOON, to: NOON + 9 },
        Refused::OutOfRange,
        Refused::ChangedSince(Some(noted)),
        Refused::ChangedSince(None),
        Refused::LedgerBehind { epoch: Epoch(9) },
        Refused::NoSuchProduct,
        Refused::ProductArchived,
        Refused::NoSuchImage,
        Refused::NoSuchCode,
        Refused::NotOnHold { state: "sold" },
        Refused::NotOnHold { state: "cancelled" },
        Refused::NotPurchased { state: "held" },
        Refused::AlreadyCancelled { at: NOON },
        Refused::ReasonMissing,
        Refused::NotYetPossible,
    ]
}

/// Whatever can be kept.
fn records() -> Vec<ActionRecord> {
    let (sale, terms) = (open(), open().terms);
    let seen = Seen::Sale(SaleSeen::of(&sale));
    let hold = HoldSeen::released(Unit::try_from(3).unwrap());
    let all = Changed {
        starts_at: Some(NOON),
        ends_at: Some(NOON + 1),
        stock: Some(1),
        per_user_limit: Some(2),
        hold_ms: Some(300),
    };
    let orders = [
        order(Action::ScheduleSale { window: sale.window, terms, product: None }),
        Order { if_at: Some(11), why: None, request_id: None, ..change(all) },
        change(Changed { stock: Some(3), ..Changed::default() }),
        order(Action::PauseSale(sale.id)),
        order(Action::ResumeSale(sale.id)),
        order(Action::EndSale(sale.id)),
        order(Action::ReleaseHold(Code::new(sale.id, 5))),
        order(Action::CancelPurchase(Code::new(sale.id, 6))),
        order(Action::ScheduleSale {
            window: sale.window,
            terms,
            product: Some(lamp().version.product),
        }),
        order(Action::PutProduct(put("Lamp \"7\"\\"))),
        order(Action::ArchiveProduct(lamp().version.sku)),
    ];
    let done = orders.iter().map(|order| {
        let is_hold = order.action.code().is_some();
        let is = match order.action {
            Action::PutProduct(_) => Seen::Product(lamp()),
            Action::ArchiveProduct(_) => {
                let (mut plain, archived_at) = (lamp().version, Some(NOON));
                (plain.price, plain.metadata, plain.image) = (None, None, None);
                Seen::Product(Product { version: plain, archived_at })
            }
            Action::CancelPurchase(_) => {
                Seen::Purchase(PurchaseSeen::cancelled(Unit::try_from(3).unwrap(), Some(Epoch(9))))
            }
            _ if is_hold => Seen::Hold(hold),
            _ => seen.clone(),
        };
        recorded(order, None, Acted::Done(is))
    });
    let refused = refusals()
        .into_iter()
        .map(|it| recorded(&orders[3], Some(seen.clone()), Acted::Refused(it)));
    let unit = Unit::try_from(4).unwrap();
    let standing = Some(Seen::Purchase(PurchaseSeen::standing(unit)));
    let ended = Acted::Done(Seen::Purchase(PurchaseSeen::cancelled(unit, None)));
    let cancelled =
        recorded(&order(Action::CancelPurchase(Code::new(sale.id, 6))), standing, ended);
    done.chain(refused).chain([cancelled]).collect()
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

#[test]
fn the_trail_reads_back_what_it_writes() {
    for record in records() {
        let stored = StoredAction::from(&record);
        assert_eq!(ActionRecord::try_from(stored.clone()), Ok(record), "{stored:?}");
    }
}

/// Two orders that differ differ in something that has a name.
#[test]
fn of_two_orders_it_is_said_in_what_they_differ() {
    let orders: Vec<_> = records().into_iter().map(|record| record.order).collect();
    for one in &orders {
        for other in &orders {
            let is_same =
                (&one.action, &one.why, one.if_at) == (&other.action, &other.why, other.if_at);
            assert_eq!(one.differs_from(other).is_empty(), is_same, "{one:?} {other:?}");
        }
    }

    let stock = |stock| Changed { stock: Some(stock), ..Changed::default() };
    let hold = Changed { hold_ms: Some(1_000), ..stock(3) };
    assert_eq!(change(stock(3)).differs_from(&change(stock(4))), ["stock"]);
    assert_eq!(change(stock(3)).differs_from(&change(hold)), ["hold_ms"]);
    let [one, other] = [put("Lamp"), put("Lantern")].map(|to| order(Action::PutProduct(to)));
    assert_eq!(one.differs_from(&other), ["name"]);
    let [one, other] = [8, 9].map(|id| order(Action::PauseSale(SaleId::try_from(id).unwrap())));
    assert_eq!(one.differs_from(&other), ["sale_id"]);
}

/// What was taken before it was known how it can mislead is there, and can be read.
#[test]
fn the_trail_of_an_earlier_version_is_read_as_it_is() {
    let mut stored = StoredAction::from(&records()[0]);
    stored.why = Some("a \u{202e}reason".to_owned());

    let record = ActionRecord::try_from(stored.clone()).unwrap();

    assert_eq!(StoredAction::from(&record), stored);
    assert!(stored.why.unwrap().parse::<Reason>().is_err());
}

#[test]
fn what_was_not_written_here_is_no_row_of_the_trail() {
    let stored = StoredAction::from(&records()[1]);
    let with = |change: &dyn Fn(&mut StoredAction)| {
        let mut wrong = stored.clone();
        change(&mut wrong);
        ActionRecord::try_from(wrong).is_ok()
    };

    assert!(with(&|_| ()));
    let asked: [&str; 7] =
        ["", "{", "{}", "[]", r#"{"stock": "x"}"#, r#"{"stock": 1 2}"#, r#"{"stock": 1,}"#];
    for asked in asked {
        assert!(!with(&|row| row.asked = asked.to_owned()), "{asked}");
    }
    assert!(!with(&|row| row.action = "sale-sold".to_owned()));
    assert!(!with(&|row| row.after = None));
    assert!(!with(&|row| row.id = 0));
    assert!(!with(&|row| row.sale_id = Some(0)));
    assert!(!with(&|row| row.refused = Some("{}".to_owned())));
    assert!(!with(&|row| row.why = Some("a\u{7}".to_owned())));
}

#[test]
fn of_orders_that_are_given_together_each_has_a_name_and_the_same_again() {
    let name: ActionId = "6f1c3b52-0a4e-4d7e-9a5b-2f6e0c41d788".parse().unwrap();
    let codes = [5, 6].map(|random| Code::new(open().id, random));

    let names = codes.map(|code| name.of_code(code));

    assert_ne!(names[0], names[1]);
    assert_eq!(codes.map(|code| name.of_code(code)), names);
    let other: ActionId = "6f1c3b52-0a4e-4d7e-9a5b-2f6e0c41d789".parse().unwrap();
    assert_ne!(other.of_code(codes[0]), names[0]);
    assert_eq!(names[0].to_string().parse(), Ok(names[0]));
}

#[test]
fn an_action_is_called_by_a_uuid_that_is_not_nil() {
    let name = "6f1c3b52-0a4e-4d7e-9a5b-2f6e0c41d788";
    assert_eq!(name.parse::<ActionId>().unwrap().to_string(), name);
    assert_eq!(ActionId::drawn(u128::MAX).to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    for wrong in ["", "00000000-0000-0000-0000-000000000000", "6f1c3b520a4e4d7e9a5b2f6e0c41d788"] {
        assert_eq!(wrong.parse::<ActionId>(), Err(ParseActionIdError), "{wrong:?}");
    }
    for wrong in ["", " ", "a\tb", &"x".repeat(501)] {
        assert!(wrong.parse::<Reason>().is_err(), "{wrong:?}");
    }
}
