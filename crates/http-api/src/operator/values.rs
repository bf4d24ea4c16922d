//! The kinds of values that operators' requests have, with what is said of one that is wrong.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use domain::{
    ProductId, Terms, UnixMillis,
    operator::{ActionId, Reason},
    ports::{Cursor, PageAsked},
    product::Metadata,
    sale::TermsError,
};
use serde_json::{Value, json};

use super::actions::ProductNumber;
use crate::{
    body::BASE64_MAX,
    moment::rfc3339,
    openapi::{Moment, Scalar, Schemas, Shape, scalars},
    page_limit, samples,
};

/// How many things a page may have, and has if nobody says.
const PAGE: RangeInclusive<u8> = 1..=100;
const PAGE_DEFAULT: u8 = 20;

/// What is said of a picture that is not in base64.
pub(super) const NO_BASE64: &str = "is no base64";

scalars! {
    /// The name of an order.
    ActionName is "ActionId": {
        "type": "string",
        "format": "uuid",
        "minLength": 36,
        "maxLength": 36,
        "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$",
        "description": "The name of an order: a UUID, but not the one of all zeros.",
    }
    /// Why something was done.
    Why is "Reason": {
        "type": "string",
        "minLength": 1,
        "maxLength": Reason::LENGTH_MAX,
        "description": "Why, in the words of whoever did it, in one line.",
    }
    /// A number of units on offer.
    Stock is "Stock": {
        "type": "integer",
        "format": "int32",
        "minimum": Terms::STOCK_OF_NEW.start(),
        "maximum": Terms::STOCK_OF_NEW.end(),
        "description": "How many units are on offer.",
    }
    /// How many units one user may have.
    Limit is "Limit": {
        "type": "integer",
        "format": "int32",
        "minimum": Terms::PER_USER_LIMIT.start(),
        "maximum": Terms::PER_USER_LIMIT.end(),
        "description": "How many units one user may have.",
    }
    /// What the shop says of a product, as text.
    MetadataText is "MetadataText": {
        "type": "string",
        "minLength": 2,
        "maxLength": Metadata::BYTES_MAX,
        "description": "A JSON object as text, which is passed on as it is.",
    }
    /// A picture, as text.
    Base64 is "PictureBase64": {
        "type": "string",
        "maxLength": BASE64_MAX,
        "description": "A PNG, JPEG or WebP by its content, in base64 (RFC 4648, 4).",
    }
    /// Where a list goes on.
    CursorText is "Cursor": {
        "type": "string",
        "minLength": 4,
        "maxLength": 64,
        "description": "Where a list goes on: as it was given, and of no other list.",
    }
    /// How long a unit is held.
    HoldMs is "HoldMilliseconds": {
        "type": "integer",
        "format": "int64",
        "minimum": Terms::HOLD_MS_OF_NEW.start(),
        "maximum": Terms::HOLD_MS_OF_NEW.end(),
        "description": "How long a unit is held, in milliseconds.",
    }
}

impl Scalar for ProductNumber {
    fn example() -> Value {
        7.into()
    }

    fn refusal() -> String {
        ProductId::try_from(0).err().map(|it| it.to_string()).unwrap_or_default()
    }
}

impl Scalar for MetadataText {
    fn example() -> Value {
        "{\"watts\":40}".into()
    }

    fn refusal() -> String {
        "7".parse::<Metadata>().err().map(|it| it.to_string()).unwrap_or_default()
    }
}

impl Scalar for Base64 {
    fn example() -> Value {
        "iVBORw0KGgo=".into()
    }

    fn refusal() -> String {
        NO_BASE64.to_owned()
    }
}

impl Scalar for CursorText {
    fn example() -> Value {
        "m1764188400123456.1".into()
    }

    fn refusal() -> String {
        "7".parse::<Cursor>().err().map(|it| it.to_string()).unwrap_or_default()
    }
}

impl Scalar for ActionName {
    fn example() -> Value {
        samples::KEY.into()
    }

    fn refusal() -> String {
        "7".parse::<ActionId>().err().map(|it| it.to_string()).unwrap_or_default()
    }
}

impl Scalar for Why {
    fn example() -> Value {
        "the supplier sent more".into()
    }

    fn refusal() -> String {
        "".parse::<Reason>().err().map(|it| it.to_string()).unwrap_or_default()
    }
}

/// What is said of terms of which this is wrong.
fn of_terms(terms: Result<Terms, TermsError>) -> String {
    terms.err().map(|it| it.to_string()).unwrap_or_default()
}

impl Scalar for Stock {
    fn example() -> Value {
        10_000.into()
    }

    fn refusal() -> String {
        of_terms(Terms::of_new_sale(0, 1, 60_000))
    }

    fn in_json() -> Option<Value> {
        Some(digits())
    }
}

impl Scalar for Limit {
    fn example() -> Value {
        10.into()
    }

    fn refusal() -> String {
        of_terms(Terms::of_new_sale(1, 0, 60_000))
    }

    fn in_json() -> Option<Value> {
        Some(digits())
    }
}

impl Scalar for HoldMs {
    fn example() -> Value {
        300_000.into()
    }

    fn refusal() -> String {
        of_terms(Terms::of_new_sale(1, 1, 0))
    }

    fn in_json() -> Option<Value> {
        Some(digits())
    }
}

/// A number as a text.
fn digits() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{1,18}$" })
}

/// A whole number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<T>(pub(super) T);

impl<T: FromStr> FromStr for Whole<T> {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_number = !text.starts_with('+');
        let number = text.parse().ok().filter(|_| is_number);
        number.map(Self).ok_or("must be a whole number, and not so large or so small")
    }
}

/// A moment, as a client says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct GivenMoment(pub(super) UnixMillis);

impl FromStr for GivenMoment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let moment: Option<jiff::Timestamp> = text.parse().ok();
        let moment = moment.map(|it| Self(UnixMillis(it.as_millisecond())));
        moment.ok_or("must be a moment as RFC 3339 has it, such as 2026-11-27T09:00:00Z")
    }
}

impl Shape for GivenMoment {
    const NAME: Option<&'static str> = None;

    fn schema(schemas: &mut Schemas) -> Value {
        schemas.of::<Moment>()
    }
}

impl Scalar for GivenMoment {
    fn example() -> Value {
        rfc3339(samples::standing().sale.window.ends_at()).into()
    }

    fn refusal() -> String {
        "7".parse::<Self>().err().unwrap_or_default().to_owned()
    }
}

/// The number of an order in the trail; 0 stands before the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct ActionNumber(pub(super) i64);

impl FromStr for ActionNumber {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().ok().filter(|it: &i64| *it >= 0 && !text.starts_with('+'));
        number.map(Self).ok_or("must be a whole number from 0 on")
    }
}

impl Shape for ActionNumber {
    const NAME: Option<&'static str> = Some("ActionNumber");

    fn schema(_: &mut Schemas) -> Value {
        json!({
            "type": "integer",
            "format": "int64",
            "minimum": 0,
            "maximum": i64::MAX,
            "description": "The number of an order in the trail; 0 stands before the first.",
        })
    }
}

impl Scalar for ActionNumber {
    fn example() -> Value {
        17.into()
    }

    fn refusal() -> String {
        "x".parse::<Self>().err().unwrap_or_default().to_owned()
    }

    fn in_json() -> Option<Value> {
        Some(digits())
    }
}

/// How many things a page has.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageSize(pub(super) u8);

impl Default for PageSize {
    fn default() -> Self {
        Self(PAGE_DEFAULT)
    }
}

impl FromStr for PageSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        page_limit::read(text, &PAGE).map(Self)
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Shape for PageSize {
    const NAME: Option<&'static str> = Some("PageSize");

    fn schema(_: &mut Schemas) -> Value {
        page_limit::schema(&PAGE, PAGE_DEFAULT, "How many a page has.")
    }
}

impl Scalar for PageSize {
    fn example() -> Value {
        PAGE_DEFAULT.into()
    }

    fn refusal() -> String {
        "0".parse::<Self>().err().unwrap_or_default()
    }
}

/// How many rows a page has that was looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowsLimit(pub(super) u32);

/// How many there may be, and are if nobody says.
const ROWS: RangeInclusive<u32> = 1..=PageAsked::LIMIT_MAX;
const ROWS_DEFAULT: u32 = 100;

impl Default for RowsLimit {
    fn default() -> Self {
        Self(ROWS_DEFAULT)
    }
}

impl FromStr for RowsLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        page_limit::read(text, &ROWS).map(Self)
    }
}

impl Shape for RowsLimit {
    const NAME: Option<&'static str> = Some("RowsLimit");

    fn schema(_: &mut Schemas) -> Value {
        page_limit::schema(&ROWS, ROWS_DEFAULT, "How many rows a page has.")
    }
}

impl Scalar for RowsLimit {
    fn example() -> Value {
        ROWS_DEFAULT.into()
    }

    fn refusal() -> String {
        "0".parse::<Self>().err().unwrap_or_default()
    }
}
