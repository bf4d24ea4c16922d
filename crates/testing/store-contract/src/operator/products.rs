//! Products that operators put and archive.

use domain::{
    operator::{Acted, Action, Order, Refused, Seen},
    ports::ActReply,
    product::{Image, Picture, Price, Product, ProductChange},
};

use super::{ALL, named, order, product_of};
use crate::{fixtures::all_at_once, ledger::Ledger};

/// A picture that the ledger has not.
fn picture(number: u8) -> Image {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0".to_vec();
    file.push(number);
    Image::new(file).unwrap()
}

/// All that may be said of it, with what JSON has to escape, reads back from the trail.
pub async fn a_product_that_is_put_is_in_the_trail_as_it_was_and_as_it_is(ledger: Ledger) {
    let whole = ProductChange {
        price: Some(Price::new(1_999, "EUR".parse().unwrap()).unwrap()),
        metadata: Some("{\"a\" : \"\\\\\\\"\\u0001\",\r\n\t\"b\":[1.50]}".parse().unwrap()),
        image: Some(Picture::Given(picture(1))),
        ..named("lamp", "Lamp \"7\" \\ \u{1f4a1}")
    };
    let (first, second) =
        (Action::PutProduct(whole.clone()), Action::PutProduct(named("lamp", "L")));
    let (first, second) = (order(first), order(second));

    let made = ledger.acted(&first).await;
    let changed = ledger.acted(&second).await;
    let same = ledger.acted(&order(second.action.clone())).await;

    let was = product_of(made.clone()).unwrap();
    let is = ledger.products.find(&whole.sku).await.unwrap().unwrap();
    assert!(whole.is_said_by(&was.version) && is.version.id > was.version.id);
    assert_eq!((&made.before, &changed.before), (&None, &Some(Seen::Product(was.clone()))));
    assert_eq!(product_of(changed.clone()), Ok(is.clone()));
    assert_eq!((&same.before, &same.outcome), (&Some(Seen::Product(is.clone())), &changed.outcome));
    for record in [&made, &changed, &same] {
        assert_eq!((record.product, record.sale), (Some(was.version.product), None));
    }
    assert_eq!(ledger.trail(ALL).await, [same, changed, made]);
}

/// Its picture need not come again: what it is known by is the same.
pub async fn a_product_that_is_ordered_twice_is_made_once(ledger: Ledger) {
    let image = Some(Picture::Given(picture(1)));
    let first = order(Action::PutProduct(ProductChange { image, ..named("lamp", "Lamp") }));
    let changed = named("lamp", "Lantern");

    let made = ledger.acted(&first).await;
    let lantern = ledger.put(changed.clone()).await.unwrap();
    let again = ledger.act(&first).await;

    assert_eq!(again, ActReply::Before(made));
    let ActReply::Before(record) = again else { panic!("it came before") };
    assert_eq!(record.order, first);
    assert_eq!(ledger.products.find(&changed.sku).await.unwrap(), Some(lantern));
    // The id is that of another order then, of which nothing comes.
    let other = Order { action: Action::ArchiveProduct(changed.sku.clone()), ..first };
    assert_eq!(ledger.act(&other).await, ActReply::Before(record));
    assert_eq!(ledger.products.find(&changed.sku).await.unwrap().unwrap().archived_at, None);
    assert_eq!(ledger.trail(ALL).await.len(), 2);
}

/// Said twice, it is done once.
pub async fn a_product_that_is_archived_is_in_the_trail_as_long_as_it_was_in_use(ledger: Ledger) {
    let product = ledger.put(named("lamp", "Lamp")).await.unwrap();
    let archive = || order(Action::ArchiveProduct("lamp".parse().unwrap()));

    let archived = ledger.acted(&archive()).await;
    let again = ledger.acted(&archive()).await;

    let is = product_of(archived.clone()).unwrap();
    assert_eq!(archived.before, Some(Seen::Product(product.clone())));
    assert!(is.archived_at.is_some_and(|at| at >= product.version.made_at));
    assert_eq!(is, Product { archived_at: is.archived_at, ..product.clone() });
    assert_eq!(
        (&again.before, product_of(again.clone())),
        (&Some(Seen::Product(is.clone())), Ok(is))
    );
    for record in [archived, again] {
        assert_eq!(record.product, Some(product.version.product));
        assert_eq!(ledger.operator.action(record.order.id).await.unwrap(), Some(record));
    }
}

/// With the product as it stands, if there is one; and no part of it is done.
pub async fn what_cannot_be_done_to_a_product_is_refused_and_kept(ledger: Ledger) {
    let fox = ledger.put(named("fox", "Fox")).await.unwrap();
    ledger.put(named("old", "Old")).await.unwrap();
    let old = ledger.archive("old".parse().unwrap()).await.unwrap();
    let absent = Some(Picture::Kept(picture(9).digest()));
    let pictured = |key| ProductChange { image: absent.clone(), ..named(key, "Other") };

    for (action, why, stands) in [
        (Action::PutProduct(named("old", "New")), Refused::ProductArchived, Some(&old)),
        (Action::PutProduct(pictured("fox")), Refused::NoSuchImage, Some(&fox)),
        (Action::PutProduct(pictured("new")), Refused::NoSuchImage, None),
        (Action::ArchiveProduct("new".parse().unwrap()), Refused::NoSuchProduct, None),
    ] {
        let order = order(action);
        let record = ledger.acted(&order).await;
        assert_eq!((&record.outcome, &record.order), (&Acted::Refused(why), &order));
        assert_eq!(record.before, stands.cloned().map(Seen::Product));
        assert_eq!(record.product, stands.map(|product| product.version.product));
        assert_eq!(ledger.operator.action(order.id).await.unwrap(), Some(record));
    }
    assert_eq!(ledger.products.page(None, 9).await.unwrap(), [old, fox]);
}

/// The others are told what came of it.
pub async fn of_ten_that_order_one_product_at_once_it_is_made_by_one(ledger: Ledger) {
    let order = order(Action::PutProduct(named("lamp", "Lamp")));
    let acts = (0..10).map(|_| {
        let (ledger, order) = (ledger.clone(), order.clone());
        async move { ledger.act(&order).await }
    });

    let replies = all_at_once(acts).await;

    let now = replies.iter().filter(|reply| matches!(reply, ActReply::Now { .. }));
    assert_eq!(now.count(), 1);
    let [record] = &ledger.trail(ALL).await[..] else { panic!("one row") };
    let product = product_of(record.clone()).unwrap();
    assert_eq!(ledger.products.page(None, 9).await.unwrap(), [product]);
    for reply in replies {
        let (ActReply::Now { record: told, .. } | ActReply::Before(told)) = reply;
        assert_eq!(told, *record);
    }
}
