//! That the trail reads back what it writes, and what another version wrote.

use super::*;

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
    assert!(!with(&|row| row.after = None));
    assert!(!with(&|row| row.id = 0));
    assert!(!with(&|row| row.sale_id = Some(0)));
    assert!(!with(&|row| row.refused = Some("{}".to_owned())));
    assert!(!with(&|row| row.why = Some("a\u{7}".to_owned())));
}

/// It serves beside this one, or did.
#[test]
fn what_a_newer_version_did_is_read_by_its_name_and_written_as_it_was() {
    let known = StoredAction::from(&records()[3]);
    let texts = |text: &str| Some(text.to_owned());
    let wrapped = StoredAction {
        action: "sale-wrapped".to_owned(),
        asked: r#"{"paper": {"red": [1, 2.5]}}"#.to_owned(),
        before: texts(r#"{"state": "bare"}"#),
        after: texts("[]"),
        ..known.clone()
    };
    let not_wrapped = StoredAction {
        after: None,
        refused: texts(r#"{"refused": "no-paper", "sheets": 0}"#),
        ..wrapped.clone()
    };
    let asleep = r#"{"state": "asleep", "until": 7}"#;
    let put_to_sleep = StoredAction { after: texts(asleep), ..known.clone() };
    let refused = |text: &str| StoredAction { after: None, refused: texts(text), ..known.clone() };

    for (row, name, refused) in [
        (wrapped, "sale-wrapped", None),
        (not_wrapped, "sale-wrapped", Some("no-paper")),
        (put_to_sleep, "sale-paused", None),
        (refused(r#"{"refused": "too-late", "by_ms": 7}"#), "sale-paused", Some("too-late")),
        (
            refused(r#"{"refused": "not-on-hold", "state": "lent"}"#),
            "sale-paused",
            Some("not-on-hold"),
        ),
        (
            refused(r#"{"refused": "sale-already-open", "field": "paper"}"#),
            "sale-paused",
            Some("sale-already-open"),
        ),
    ] {
        let read = ActionRecord::try_from(row.clone()).unwrap();

        assert_eq!(Noted::of(&read).action, name);
        let found =
            if let Acted::Refused(refused) = &read.outcome { Some(refused.name()) } else { None };
        assert_eq!(found, refused);
        assert_eq!(StoredAction::from(&read), row);
        let is_ordered = row.order().is_ok();
        assert_eq!(is_ordered, name == "sale-paused", "nobody orders what is not known");
    }
}

#[test]
fn every_action_that_can_be_ordered_is_a_known_one() {
    let newer = |record: &ActionRecord| matches!(record.order.action, Action::Newer(_));
    let read = records()
        .iter()
        .map(StoredAction::from)
        .map(|row| ActionRecord::try_from(row).unwrap())
        .collect::<Vec<_>>();

    assert!(!read.iter().any(newer));
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
