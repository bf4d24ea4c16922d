//! What [`Products`](domain::ports::Products) promise of what operators make, and what a ledger of sales and
//! receipts makes of them.

use std::slice::from_ref;

use domain::{
    NewSale, NotScheduled, Origin, ProductId, ProductVersion, Sale, Sku, Terms, VersionId, Window,
    operator::Refused,
    ports::{CodeRecord, Listed, RaiseReply, Redemption, UserOfSale},
    product::{Image, ImageDigest, Metadata, Picture, Price, Product, ProductChange, ProductName},
    sale::SaleState,
};

use crate::{
    fixtures::{HOUR, all_at_once, item, user},
    ledger::{Ledger, redemption},
};

/// Writes one test per promise of `Products`, on the [`Ledger`](crate::Ledger) that `$ledger` makes.
#[macro_export]
macro_rules! products_contract {
    ($ledger:path) => {
        $crate::contract! { $ledger, products:
            a_product_is_found_as_it_was_put_with_all_that_it_may_have
            a_change_is_the_next_version_and_those_before_it_stay
            what_is_said_again_makes_no_version
            a_picture_may_be_of_several_products_and_must_be_there
            an_archived_product_is_not_changed_and_stays_archived
            a_page_of_products_has_the_newest_first_and_no_more_than_asked
            of_many_that_put_one_product_at_once_each_is_a_version_of_it
            what_there_is_not_is_not_found
            a_sale_is_of_a_product_that_is_in_use_and_stays_of_it
            a_receipt_names_the_version_that_was_sold_wherever_it_is_shown
        }
    };
}

fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

/// What is left out is not there.
fn named(key: &str, name: &str) -> ProductChange {
    let name = name.parse().unwrap();
    ProductChange { sku: sku(key), name, price: None, metadata: None, image: None }
}

/// A picture of so many bytes, of which no other has the same.
fn picture(number: u8, bytes: usize) -> Image {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0".to_vec();
    file.resize(bytes, number);
    Image::new(file).unwrap()
}

async fn put(ledger: &Ledger, change: &ProductChange) -> Product {
    ledger.put(change.clone()).await.unwrap()
}

async fn find(ledger: &Ledger, key: &str) -> Option<Product> {
    ledger.products.find(&sku(key)).await.unwrap()
}

async fn version(ledger: &Ledger, id: VersionId) -> Option<ProductVersion> {
    ledger.products.versions(&[id]).await.unwrap().pop()
}

/// Everything as large as it may be, or with nothing; looked for in every way.
pub async fn a_product_is_found_as_it_was_put_with_all_that_it_may_have(ledger: Ledger) {
    let image = picture(1, Image::BYTES_MAX);
    let metadata = format!("{{\"ü\" : \"{}\"}}\n", "x".repeat(Metadata::BYTES_MAX - 12));
    assert_eq!(metadata.len(), Metadata::BYTES_MAX);
    let whole = ProductChange {
        sku: sku(&"a".repeat(Sku::LENGTH_MAX)),
        name: "灯".repeat(ProductName::LENGTH_MAX).parse().unwrap(),
        price: Some(Price::new(*Price::AMOUNT.end(), "JPY".parse().unwrap()).unwrap()),
        metadata: Some(metadata.parse().unwrap()),
        image: Some(Picture::Given(image.clone())),
    };
    let before = ledger.now().await;

    for change in [
        whole,
        named("7", "L"),
        ProductChange {
            price: Some(Price::new(0, "EUR".parse().unwrap()).unwrap()),
            ..named("free", "Free \"gift\" '; --")
        },
    ] {
        let put = put(&ledger, &change).await;

        assert!(change.is_said_by(&put.version), "{put:?}");
        assert_eq!(put.archived_at, None);
        assert!(put.version.made_at >= before && put.version.made_at <= ledger.now().await);
        assert_eq!(find(&ledger, change.sku.as_str()).await, Some(put.clone()));
        assert_eq!(version(&ledger, put.version.id).await, Some(put.version.clone()));
        assert_eq!(ledger.products.page(None, 1).await.unwrap(), from_ref(&put));
        let product = put.version.product;
        let current = ledger.products.current(&[product]).await.unwrap();
        assert_eq!(current, [(product, put.version.id)]);
    }
    assert_eq!(ledger.products.image(image.digest()).await.unwrap(), Some(image));
}

/// A receipt may name any of them.
pub async fn a_change_is_the_next_version_and_those_before_it_stay(ledger: Ledger) {
    let first = put(&ledger, &named("lamp", "A lamp")).await.version;
    put(&ledger, &named("other", "Another")).await;
    let price = Some(Price::new(1_999, "EUR".parse().unwrap()).unwrap());

    let second = put(&ledger, &ProductChange { price, ..named("lamp", "A lamp") }).await.version;
    let third = put(&ledger, &named("lamp", "A lamp")).await.version;

    assert!(first.id < second.id && second.id < third.id);
    assert!([&second, &third].iter().all(|it| it.product == first.product));
    assert_eq!((second.price, third.price), (price, None));
    let found = ledger.products.versions(&[third.id, first.id, second.id]).await.unwrap();
    assert_eq!(found.len(), 3);
    for version in [&first, &second, &third] {
        assert!(found.contains(version), "{version:?}");
    }
    assert_eq!(find(&ledger, "lamp").await.unwrap().version, third);
    let current = ledger.products.current(&[first.product]).await.unwrap();
    assert_eq!(current, [(first.product, third.id)]);
}

/// A retry is the normal case.
pub async fn what_is_said_again_makes_no_version(ledger: Ledger) {
    let image = picture(1, 100);
    let given = ProductChange {
        image: Some(Picture::Given(image.clone())),
        metadata: Some("{}".parse().unwrap()),
        ..named("lamp", "A lamp")
    };
    let kept = ProductChange { image: Some(Picture::Kept(image.digest())), ..given.clone() };
    let first = put(&ledger, &given).await;

    assert_eq!(put(&ledger, &given).await, first);
    assert_eq!(put(&ledger, &kept).await, first);
    let spaced = ProductChange { metadata: Some("{ }".parse().unwrap()), ..given };
    assert_ne!(put(&ledger, &spaced).await, first);
}

/// The same content is kept once.
pub async fn a_picture_may_be_of_several_products_and_must_be_there(ledger: Ledger) {
    let (image, absent) = (picture(1, 100), picture(2, 100));
    let with = |key, image| ProductChange { image: Some(image), ..named(key, "A lamp") };
    let first = put(&ledger, &with("one", Picture::Given(image.clone()))).await.version;

    let again = put(&ledger, &with("two", Picture::Given(image.clone()))).await.version;
    let kept = put(&ledger, &with("three", Picture::Kept(image.digest()))).await.version;
    for key in ["one", "four"] {
        let refused = ledger.put(with(key, Picture::Kept(absent.digest()))).await;
        assert_eq!(refused, Err(Refused::NoSuchImage), "{key}");
    }

    assert_eq!((again.image, kept.image), (first.image, first.image));
    assert_eq!(find(&ledger, "one").await.unwrap().version, first);
    assert_eq!(find(&ledger, "four").await, None);
    assert_eq!(ledger.products.image(image.digest()).await.unwrap(), Some(image));
    assert_eq!(ledger.products.image(absent.digest()).await.unwrap(), None);
}

/// Its key is not free again: old receipts are of it.
pub async fn an_archived_product_is_not_changed_and_stays_archived(ledger: Ledger) {
    let product = put(&ledger, &named("lamp", "A lamp")).await;

    let archived = ledger.archive(sku("lamp")).await.unwrap();
    let again = ledger.archive(sku("lamp")).await.unwrap();

    assert_eq!(archived.version, product.version);
    assert!(archived.archived_at.is_some_and(|at| at >= product.version.made_at));
    assert_eq!(again, archived);
    assert_eq!(find(&ledger, "lamp").await, Some(archived.clone()));
    for name in ["A lamp", "Another"] {
        assert_eq!(ledger.put(named("lamp", name)).await, Err(Refused::ProductArchived));
    }
    assert_eq!(find(&ledger, "lamp").await, Some(archived));
}

/// Changing one does not make it newer.
pub async fn a_page_of_products_has_the_newest_first_and_no_more_than_asked(ledger: Ledger) {
    let mut products = Vec::new();
    for key in ["b", "c", "a"] {
        products.push(put(&ledger, &named(key, "A lamp")).await);
    }
    let changed = put(&ledger, &named("b", "Another")).await;
    let [_, second, third] = &products[..] else { panic!("three") };
    let page = async |before, limit| ledger.products.page(before, limit).await.unwrap();

    let all = [third.clone(), second.clone(), changed.clone()];
    assert_eq!(page(None, 9).await, all);
    assert_eq!(page(None, 2).await, all[..2]);
    assert_eq!(page(Some(second.version.product), 9).await, from_ref(&changed));
    assert_eq!(page(Some(changed.version.product), 9).await, []);
}

/// Nobody is told that it was done whose word is not there.
pub async fn of_many_that_put_one_product_at_once_each_is_a_version_of_it(ledger: Ledger) {
    let calls = (0..10).map(|number| {
        let ledger = ledger.clone();
        async move { put(&ledger, &named("lamp", &format!("Lamp {number}"))).await.version }
    });

    let mut versions = all_at_once(calls).await;

    versions.sort_by_key(|version| version.id);
    versions.dedup_by_key(|version| version.id);
    assert_eq!(versions.len(), 10);
    assert!(versions.iter().all(|version| version.product == versions[0].product));
    for said in &versions {
        assert_eq!(version(&ledger, said.id).await.as_ref(), Some(said));
    }
    assert_eq!(find(&ledger, "lamp").await.unwrap().version, versions[9]);
    assert_eq!(ledger.products.page(None, 9).await.unwrap().len(), 1);
}

/// Made-up numbers and digests.
pub async fn what_there_is_not_is_not_found(ledger: Ledger) {
    put(&ledger, &named("lamp", "A lamp")).await;
    let absent = ProductId::try_from(i64::MAX).unwrap();

    assert_eq!(find(&ledger, "lam").await, None);
    assert_eq!(find(&ledger, "LAMP").await, None);
    assert_eq!(ledger.products.current(&[absent]).await.unwrap(), []);
    assert_eq!(version(&ledger, VersionId::try_from(i64::MAX).unwrap()).await, None);
    assert_eq!(ledger.products.image(ImageDigest([7; 32])).await.unwrap(), None);
    assert_eq!(ledger.archive(sku("lam")).await, Err(Refused::NoSuchProduct));
}

/// A sale that begins now and lasts an hour.
async fn sale_of(ledger: &Ledger, product: ProductId) -> Result<Sale, NotScheduled> {
    let starts_at = ledger.now().await;
    let window = Window::new(starts_at, starts_at + HOUR).unwrap();
    let terms = Terms::new(5, 5, 60_000).unwrap();
    let sale = NewSale { window, terms, origin: Origin::Operator, product: Some(product) };
    ledger.register.schedule(sale).await.unwrap()
}

/// In each way in which a sale is read; archiving its product does not touch it.
pub async fn a_sale_is_of_a_product_that_is_in_use_and_stays_of_it(ledger: Ledger) {
    let product = put(&ledger, &named("lamp", "A lamp")).await.version.product;
    let none = ProductId::try_from(product.get() + 1).unwrap();

    assert_eq!(sale_of(&ledger, none).await, Err(NotScheduled::UnknownProduct));
    let sale = sale_of(&ledger, product).await.unwrap();
    ledger.archive(sku("lamp")).await.unwrap();
    assert_eq!(sale_of(&ledger, product).await, Err(NotScheduled::ArchivedProduct));

    assert_eq!(sale.product, Some(product));
    let raised = ledger.raise(&sale).await.sale;
    assert_eq!(raised.product, Some(product));
    assert!(!matches!(
        ledger.register.raise_epoch(sale.id, None).await.unwrap(),
        RaiseReply::Closed
    ));
    let register = &ledger.register;
    let found = register.find(sale.id).await.unwrap().map(|Listed { sale, .. }| sale.product);
    assert_eq!(found, Some(Some(product)));
    let listed = register.page(None, 9).await.unwrap();
    assert_eq!(listed.iter().map(|sale| sale.product).collect::<Vec<_>>(), [Some(product)]);
    let listed = register.calendar().await.unwrap().sales;
    assert_eq!(listed.iter().map(|sale| sale.product).collect::<Vec<_>>(), [Some(product)]);
    ledger.set_paused(&sale, true).await;
    let paused = register.find(sale.id).await.unwrap().unwrap().sale;
    assert_eq!((paused.state, paused.product), (SaleState::Paused, Some(product)));
}

/// And a generated item none.
pub async fn a_receipt_names_the_version_that_was_sold_wherever_it_is_shown(ledger: Ledger) {
    let first = put(&ledger, &named("lamp", "A lamp")).await.version;
    let sale = ledger.raise(&sale_of(&ledger, first.product).await.unwrap()).await.sale;
    let grant = ledger.hold(&sale, &user("ann"), 1, 0).await;
    let generated = ledger.hold(&sale, &user("ann"), 2, 1).await;
    put(&ledger, &named("lamp", "Another")).await;
    let mut item = item(sale.id, grant.unit);
    item.product = Some(first.id);

    let asked = Redemption { item: item.clone(), ..redemption(grant) };
    let sold = ledger.codes.redeem(asked.clone()).await.unwrap();
    let again = ledger.codes.redeem(asked).await.unwrap();
    let without = ledger.sell(generated).await;

    let (CodeRecord::SoldNow(sold), CodeRecord::Sold(again)) = (sold, again) else {
        panic!("it is sold, once")
    };
    assert_eq!((&sold.item, &again), (&item, &sold));
    assert_eq!(without.item.product, None);
    assert_eq!(ledger.find(grant.code).await, CodeRecord::Sold(sold.clone()));
    let of = UserOfSale { sale: sale.id, user: user("ann") };
    assert_eq!(ledger.lookups.units(of).await.unwrap().bought, [sold, without]);
}
