//! An order is carried out or refused once, and kept.

use std::collections::BTreeSet;

use domain::{
    Epoch, Origin, ProductId, SaleId, Terms, Window,
    operator::{Acted, Action, ActionRecord, HoldSeen, Order, Refused, SaleSeen, Seen},
    ports::{ActReply, CodeRecord, TrailPage},
    sale::SaleState,
};

use super::{ALL, named, new_id, order, stock};
use crate::{
    fixtures::{HOUR, MINUTE, all_at_once, code_of_no_sale, unit, user},
    ledger::Ledger,
};

/// A client whose answer got lost says the same again, and hears which sale it made.
pub async fn a_sale_that_is_ordered_twice_is_made_once(ledger: Ledger) {
    let starts_at = ledger.now().await + HOUR;
    let window = Window::new(starts_at, starts_at + 7).unwrap();
    let terms = Terms::new(5, 2, MINUTE).unwrap();
    let order = order(Action::ScheduleSale { window, terms, product: None });

    let before = ledger.now().await;
    let first = ledger.acted(&order).await;
    let again = ledger.act(&order).await;

    let sale = ledger.sale(first.sale.unwrap()).await;
    let is = (sale.window, sale.terms, sale.origin, sale.state, sale.epoch);
    assert_eq!(is, (window, terms, Origin::Operator, SaleState::Active, Epoch(0)));
    assert_eq!(first.outcome, Acted::Done(Seen::Sale(SaleSeen::of(&sale))));
    assert_eq!((&first.order, &first.before), (&order, &None));
    assert!((before..=ledger.now().await).contains(&first.acted_at));
    assert_eq!(again, ActReply::Before(first.clone()));
    assert_eq!(ledger.register.page(None, 10).await.unwrap(), [sale]);
    assert_eq!(ledger.operator.action(order.id).await.unwrap(), Some(first));
}

/// The trail says of which; a sale of any other is not made, and that is kept.
pub async fn a_sale_is_ordered_of_a_product_that_is_in_use(ledger: Ledger) {
    let lamp = ledger.put(named("lamp", "Lamp")).await.unwrap().version.product;
    let fox = ledger.put(named("fox", "Fox")).await.unwrap().version.product;
    let starts_at = ledger.now().await + HOUR;
    let window = Window::new(starts_at, starts_at + 7).unwrap();
    let terms = Terms::new(5, 2, MINUTE).unwrap();
    let of = |product| order(Action::ScheduleSale { window, terms, product: Some(product) });
    let first = of(lamp);

    let made = ledger.acted(&first).await;

    let sale = ledger.sale(made.sale.unwrap()).await;
    assert_eq!((sale.product, sale.origin), (Some(lamp), Origin::Operator));
    assert_eq!(made.product, Some(lamp));
    assert_eq!(ledger.operator.action(first.id).await.unwrap(), Some(made));
    assert_eq!(ledger.act(&first).await, ActReply::Before(ledger.trail(ALL).await.remove(0)));
    ledger.archive("fox".parse().unwrap()).await.unwrap();
    let unknown = ProductId::try_from(77).unwrap();
    for (product, why) in [(fox, Refused::ProductArchived), (unknown, Refused::NoSuchProduct)] {
        let order = of(product);
        assert_eq!(ledger.refused(&order).await, why);
        let kept = ledger.operator.action(order.id).await.unwrap().unwrap();
        assert_eq!((kept.order, kept.sale), (order, None));
    }
    assert_eq!(ledger.register.page(None, 10).await.unwrap(), [sale]);
}

/// Somebody was told no: it stays no, although nothing stands in the way any more.
pub async fn a_refusal_is_kept_and_answered_again(ledger: Ledger) {
    let sale = ledger.on(10, 10).await;
    let held = ledger.hold(&sale, &user("ann"), 7, 0).await;
    let order = stock(&sale, 6);
    let first = ledger.acted(&order).await;
    ledger.release(held.code).await;

    let again = ledger.act(&order).await;

    assert_eq!(first.outcome, Acted::Refused(Refused::StockInUse { highest: unit(7) }));
    assert_eq!(first.before, Some(Seen::Sale(SaleSeen::of(&sale))));
    assert_eq!(again, ActReply::Before(first));
    assert_eq!(ledger.sale(sale.id).await, sale);
}

/// The second is shown what the id stands for, and nothing is done.
pub async fn an_id_is_of_one_order(ledger: Ledger) {
    let sale = ledger.on(10, 10).await;
    let pause = order(Action::PauseSale(sale.id));
    let first = ledger.acted(&pause).await;

    let end = Order { action: Action::EndSale(sale.id), ..pause };

    assert_eq!(ledger.act(&end).await, ActReply::Before(first));
    assert_eq!(ledger.sale(sale.id).await.window, sale.window);
}

/// A client that is impatient, and a network that sends things twice.
pub async fn of_ten_that_give_one_order_at_once_one_acts(ledger: Ledger) {
    let (starts_at, terms) = (ledger.now().await + HOUR, Terms::new(5, 2, MINUTE).unwrap());
    let window = Window::new(starts_at, starts_at + 7).unwrap();
    let order = order(Action::ScheduleSale { window, terms, product: None });
    let acts = (0..10).map(|_| {
        let (ledger, order) = (ledger.clone(), order.clone());
        async move { ledger.act(&order).await }
    });

    let replies = all_at_once(acts).await;

    let now = replies.iter().filter(|reply| matches!(reply, ActReply::Now { .. })).count();
    let sale = |reply: &ActReply| match reply {
        ActReply::Now { record, .. } | ActReply::Before(record) => record.sale,
    };
    let sales: BTreeSet<_> = replies.iter().map(sale).collect();
    assert_eq!((now, sales.len()), (1, 1));
    assert_eq!(ledger.register.page(None, 10).await.unwrap().len(), 1);
}

/// It is as if its user had given it back; what is sold or over is not.
pub async fn a_hold_is_given_back_once(ledger: Ledger) {
    let sale = ledger.on(10, 10).await;
    let held = ledger.hold(&sale, &user("ann"), 1, 0).await;
    let sold = ledger.hold(&sale, &user("ann"), 2, 1).await;
    ledger.sell(sold).await;

    let record = ledger.acted(&order(Action::ReleaseHold(held.code))).await;

    assert_eq!(record.outcome, Acted::Done(Seen::Hold(HoldSeen::released(unit(1)))));
    assert_eq!(record.sale, Some(sale.id));
    assert_eq!(ledger.find(held.code).await, CodeRecord::Released);
    assert_eq!(ledger.counts(&sale).await, [0, 1]);
    for (code, state) in [(held.code, "released"), (sold.code, "sold")] {
        let refused = ledger.refused(&order(Action::ReleaseHold(code))).await;
        assert_eq!(refused, Refused::NotOnHold { state });
    }
    ledger.hold(&ledger.sale(sale.id).await, &user("bob"), 1, 0).await;
}

/// A number that is mistyped leaves a trace, and nothing else.
pub async fn what_is_not_there_is_refused_and_kept(ledger: Ledger) {
    let sale = SaleId::try_from(77).unwrap();
    let of_sale = order(Action::EndSale(sale));
    let of_code = order(Action::ReleaseHold(code_of_no_sale()));

    assert_eq!(ledger.refused(&of_sale).await, Refused::NoSuchSale);
    assert_eq!(ledger.refused(&of_code).await, Refused::NoSuchCode);

    assert_eq!(ledger.operator.action(new_id()).await.unwrap(), None);
    let kept: Vec<_> = ledger.trail(ALL).await.into_iter().map(|record| record.order).collect();
    assert_eq!(kept, [of_code, of_sale]);
}

/// Of all, of one sale, below a number, and of changes alone.
pub async fn the_trail_has_the_newest_first(ledger: Ledger) {
    let (one, other) = (ledger.on(10, 10).await, ledger.on(10, 10).await);
    let held = ledger.hold(&one, &user("ann"), 9, 0).await;
    let refused = stock(&one, 2);
    let release = order(Action::ReleaseHold(held.code));
    let pause = order(Action::PauseSale(one.id));
    for order in [&refused, &release, &pause, &stock(&other, 12)] {
        ledger.acted(order).await;
    }
    let of_one = TrailPage { sale: Some(one.id), ..ALL };
    let ids = |records: &[ActionRecord]| -> Vec<_> {
        records.iter().map(|record| record.order.id).collect()
    };

    let all = ledger.trail(ALL).await;
    let numbers: Vec<_> = all.iter().map(|record| record.number).collect();

    assert_eq!(numbers.len(), 6);
    assert!(numbers.is_sorted_by(|a, b| a > b));
    let made = all[5].order.id;
    let trail = ledger.trail(of_one).await;
    assert_eq!(ids(&trail), [pause.id, release.id, refused.id, made]);
    let changes = ledger.trail(TrailPage { changes_only: true, ..of_one }).await;
    assert_eq!(ids(&changes), [pause.id, made]);
    let below = TrailPage { before: Some(trail[0].number), limit: 2, ..of_one };
    assert_eq!(ids(&ledger.trail(below).await), [release.id, refused.id]);
    let second = TrailPage { before: Some(numbers[3]), ..ALL };
    assert_eq!(ledger.trail(second).await, all[4..]);
}
