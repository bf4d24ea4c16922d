//! One purchase, from the sale to the receipt: what the examples of the API's description are
//! written from, by whatever writes the answers.

use std::str::FromStr;

use domain::{
    Cancellation, Code, Epoch, Hold, Item, NextSale, Origin, ProductVersion, Receipt, Sale, SaleId,
    Salt, Sku, Slot, Standing, Terms, Unit, UnixMillis, UserId, Window,
    ids::ParseUserIdError,
    operator::{
        Acted, Action, ActionRecord, Change, Changed, OperatorName, Order, Refused, SaleSeen, Seen,
    },
    ports::{AttemptCopy, CodeLife, CodeState, HoldCopy, HoldEnd, OutcomeCopy, UnitsOfUser},
    product::{Price, Product},
    sale::SaleState,
};
use serde_json::{Value, json};

use crate::{items::picture_path, limits::Rate, operator::ActionBody, records::AttemptRecord};

/// The code, as it is written.
pub(crate) const CODE: &str = "00000000-0143-8ccf-a7f3-0b47c7ba6177";

/// A client's name for its request.
pub(crate) const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

/// The buyer.
pub(crate) const USER: &str = "alice";

/// The number of the sale.
pub(crate) const SALE: &str = "1";

/// The key of a product.
pub(crate) const SKU: &str = "lamp-7";

/// The number of the unit.
pub(crate) const UNIT: &str = "1";

/// Reads what is known to be right.
fn read<T: FromStr>(text: &str) -> T {
    let Ok(value) = text.parse() else { unreachable!("{text} is well-formed") };
    value
}

/// A moment as a person writes it.
pub(crate) fn moment(text: &str) -> UnixMillis {
    UnixMillis(read::<jiff::Timestamp>(text).as_millisecond())
}

pub(crate) fn sale_id() -> SaleId {
    read(SALE)
}

pub(crate) fn unit() -> Unit {
    read(UNIT)
}

/// How the sale stands when it has just opened.
pub(crate) fn standing() -> Standing {
    let window = Window::new(moment("2026-11-23T01:00:00Z"), moment("2026-11-23T02:00:00Z"));
    let (Ok(window), Ok(terms)) = (window, Terms::new(10_000, 10, 300_000)) else {
        unreachable!("a sale of an hour")
    };
    let sale = Sale {
        id: sale_id(),
        window,
        terms,
        origin: Origin::Timetable,
        product: None,
        state: SaleState::Active,
        epoch: Epoch(1),
        // In no answer.
        salt: Salt::new([0; Salt::LENGTH]),
    };
    let next = SaleId::try_from(2).ok().map(|id| NextSale { id, starts_at: window.ends_at() });
    Standing { sale, sold: 0, held: 0, at: moment("2026-11-23T01:21:11.003Z"), next }
}

/// When the unit was granted.
pub(crate) fn granted_at() -> UnixMillis {
    moment("2026-11-23T01:21:11.184Z")
}

/// What the unit is.
pub(crate) fn item() -> Item {
    let name = "Onyx Breeze Balloon No. 1".to_owned();
    Item { name, image: picture_path(sale_id(), unit()), product: None }
}

pub(crate) fn hold() -> Hold {
    Hold {
        code: read::<Code>(CODE),
        sale: sale_id(),
        user: read::<UserId>(USER),
        unit: unit(),
        slot: Slot(1),
        expires_at: moment("2026-11-23T01:26:11.182Z"),
    }
}

/// What a limit says.
pub(crate) fn rate() -> Rate {
    read("20/s:40")
}

/// An order that was carried out: the sale has more units.
pub(crate) fn done_action() -> Option<ActionRecord> {
    let after = Terms::new(12_000, 10, 300_000).ok()?;
    let sale = standing().sale;
    action_of(12_000, Acted::Done(Seen::Sale(SaleSeen { terms: after, ..seen(sale) })))
}

/// One that was not: as many units as it would leave are sold.
pub(crate) fn refused_action() -> Option<ActionRecord> {
    let highest = Unit::try_from(8_213).ok()?;
    action_of(5_000, Acted::Refused(Refused::StockInUse { highest }))
}

/// The one that was carried out, as it is written.
pub(crate) fn action() -> Value {
    done_action().map_or(Value::Null, |record| json!(ActionBody::from(&record)))
}

const fn seen(sale: Sale) -> SaleSeen {
    SaleSeen::of(&sale)
}

fn action_of(stock: u32, outcome: Acted) -> Option<ActionRecord> {
    let sale = standing().sale;
    let change = Change::new(Changed { stock: Some(stock), ..Changed::default() }).ok()?;
    let order = Order {
        id: KEY.parse().ok()?,
        by: operator()?,
        why: "the supplier sent more".parse().ok(),
        request_id: None,
        action: Action::ChangeSale { sale: sale.id, change },
        if_at: None,
    };
    let before = Some(Seen::Sale(seen(sale)));
    let acted_at = moment("2026-11-23T01:31:07.415Z");
    let (sale, product) = (Some(sale.id), None);
    Some(ActionRecord { number: 17, acted_at, order, sale, product, before, outcome })
}

/// The product.
pub(crate) fn sku() -> Sku {
    read(SKU)
}

/// The same, as it is.
pub(crate) fn product() -> Product {
    let version = ProductVersion {
        id: numbered(5),
        product: numbered(7),
        sku: sku(),
        name: read("Amber Lamp"),
        price: Price::new(1_999, read("EUR")).ok(),
        metadata: Some(read("{\"watts\":40}")),
        image: None,
        made_at: moment("2026-11-23T00:11:07.415Z"),
    };
    Product { version, archived_at: None }
}

fn numbered<T: TryFrom<i64>>(number: i64) -> T {
    let Ok(number) = number.try_into() else { unreachable!("{number} is positive") };
    number
}

/// An attempt that was granted, and redeemed.
pub(crate) fn attempt() -> AttemptRecord {
    let Receipt { code, sale, user, unit, .. } = receipt();
    let hold = HoldCopy {
        code,
        user,
        unit,
        slot: Slot(1),
        epoch: Epoch(1),
        expires_at: hold().expires_at,
        ended: Some((HoldEnd::Sold, receipt().purchased_at)),
    };
    let outcome = OutcomeCopy::Granted(hold);
    (&AttemptCopy { sale, attempted_at: granted_at(), outcome }).into()
}

/// Somebody who operates.
pub(crate) fn operator() -> Option<OperatorName> {
    "ann".parse().ok()
}

/// What is wrong with a user's name that is none.
pub(crate) fn impossible_user() -> ParseUserIdError {
    let Err(wrong) = "al ice".parse::<UserId>() else { unreachable!("no name has a space") };
    wrong
}

/// What has become of the code when the unit is bought.
pub(crate) fn code_life() -> CodeLife {
    let Hold { code, user, unit, expires_at, .. } = hold();
    let resolved_at = Some(receipt().purchased_at);
    let seen_at = moment("2026-11-23T01:21:12.340Z");
    CodeLife { code, user, unit, expires_at, state: CodeState::Sold, resolved_at, seen_at }
}

/// What the user has then.
pub(crate) fn units_of_user() -> UnitsOfUser {
    let cancelled = vec![cancelled_receipt()];
    UnitsOfUser {
        held: Vec::new(),
        bought: vec![receipt()],
        cancelled,
        seen_at: code_life().seen_at,
    }
}

pub(crate) fn receipt() -> Receipt {
    let Hold { code, sale, user, unit, .. } = hold();
    let item = item();
    let purchased_at = moment("2026-11-23T01:21:11.202Z");
    Receipt { code, sale, user, unit, item, purchased_at, cancelled: None }
}

/// The same, cancelled since.
pub(crate) fn cancelled_receipt() -> Receipt {
    let (at, reason) = (moment("2026-11-24T09:12:40.006Z"), read("returned unopened"));
    Receipt { cancelled: Some(Cancellation { at, reason }), ..receipt() }
}
