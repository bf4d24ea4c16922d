//! A sale, a product, and orders about them.

mod deciding;
mod trail;

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
