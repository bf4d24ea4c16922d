//! Attempts and purchases as they are shown to operators and written into exports, from the shell and over
//! HTTP. No code is among them that can still be redeemed.

use std::{borrow::Cow, marker::PhantomData};

use domain::{
    Receipt, UnixMillis,
    ports::{AttemptCopy, HoldEnd, OutcomeCopy, PurchaseCopy, UnitHad},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    moment::rfc3339,
    openapi::{Count, Moment, SaleNumber, Schemas, Shape, UnitNumber, UserName, bodies},
};

/// A row that can be written in columns.
pub trait Record: Serialize {
    /// What the columns are called; the same as in JSON.
    const COLUMNS: &[&str];

    /// Its cells; empty where there is nothing.
    fn cells(&self) -> Vec<Cow<'_, str>>;
}

/// What is null where there is nothing: a row has all of its members.
pub(crate) struct OrNull<T>(PhantomData<T>);

impl<T: Shape> Shape for OrNull<T> {
    const NAME: Option<&'static str> = None;

    fn schema(schemas: &mut Schemas) -> Value {
        json!({ "anyOf": [schemas.of::<T>(), { "type": "null" }] })
    }
}

bodies! {
    /// An attempt, as operators see it.
    pub struct AttemptRecord as "Attempt" {
        /// The sale.
        pub sale_id: i64 as SaleNumber,
        /// When it was recorded.
        pub attempted_at: String as Moment,
        /// Who asked; null of a tombstone.
        pub user_id: Option<String> as OrNull<UserName>,
        /// `granted`, or why not; `void` of a tombstone.
        pub outcome: String as String,
        /// The code; masked as long as it can be redeemed.
        pub code: Option<String> as OrNull<String>,
        /// The unit.
        pub unit: Option<u32> as OrNull<UnitNumber>,
        /// Which of the places it takes that the user's limit leaves.
        pub slot: Option<u16> as OrNull<Count>,
        /// What has become of the hold: `held`, `sold`, `expired`, `released` or `cancelled`.
        pub state: Option<&'static str> as OrNull<String>,
        /// When the hold is due, or was.
        pub expires_at: Option<String> as OrNull<Moment>,
        /// When it came to its end, or the purchase was cancelled.
        pub ended_at: Option<String> as OrNull<Moment>,
    }

    /// A purchase, of which the code is redeemed.
    pub struct PurchaseRecord as "PurchaseRow" {
        /// The sale.
        pub sale_id: i64 as SaleNumber,
        /// When it was bought.
        pub purchased_at: String as Moment,
        /// Who bought it.
        pub user_id: String as UserName,
        /// The code that was redeemed.
        pub code: String as String,
        /// The unit.
        pub unit: u32 as UnitNumber,
        /// What its item is called.
        pub item_name: String as String,
        /// The path of its picture.
        pub item_image: String as String,
        /// When it was cancelled, if it was.
        pub cancelled_at: Option<String> as OrNull<Moment>,
        /// Why.
        pub reason: Option<String> as OrNull<String>,
    }

    /// A unit that a user has, or had bought.
    pub struct UnitRecord as "UserUnit" {
        /// The sale.
        pub sale_id: i64 as SaleNumber,
        /// The unit.
        pub unit: u32 as UnitNumber,
        /// `held`, `sold` or `cancelled`.
        pub state: &'static str as String,
        /// The code; masked while it can be redeemed.
        pub code: String as String,
        /// When the hold is due.
        pub expires_at: Option<String> as OrNull<Moment>,
        /// When it was bought.
        pub purchased_at: Option<String> as OrNull<Moment>,
        /// What its item is called.
        pub item_name: Option<String> as OrNull<String>,
        /// When the purchase was cancelled, if it was.
        pub cancelled_at: Option<String> as OrNull<Moment>,
        /// Why.
        pub reason: Option<String> as OrNull<String>,
    }
}

impl From<&AttemptCopy> for AttemptRecord {
    fn from(attempt: &AttemptCopy) -> Self {
        let record = Self {
            sale_id: attempt.sale.get(),
            attempted_at: rfc3339(attempt.attempted_at),
            user_id: None,
            outcome: "void".to_owned(),
            code: None,
            unit: None,
            slot: None,
            state: None,
            expires_at: None,
            ended_at: None,
        };
        match &attempt.outcome {
            OutcomeCopy::Granted(hold) => Self {
                user_id: Some(hold.user.to_string()),
                outcome: "granted".to_owned(),
                code: Some(hold.shown_code()),
                unit: Some(hold.unit.get()),
                slot: Some(hold.slot.0),
                state: Some(state(hold.ended)),
                expires_at: Some(rfc3339(hold.expires_at)),
                ended_at: hold.ended.map(|(_, at)| rfc3339(at)),
                ..record
            },
            OutcomeCopy::Refused { user, name } => {
                Self { user_id: Some(user.to_string()), outcome: name.clone(), ..record }
            }
            OutcomeCopy::Tombstone(code) => Self { code: Some(code.to_string()), ..record },
        }
    }
}

const fn state(ended: Option<(HoldEnd, UnixMillis)>) -> &'static str {
    match ended {
        None => "held",
        Some((HoldEnd::Sold, _)) => "sold",
        Some((HoldEnd::Expired, _)) => "expired",
        Some((HoldEnd::Released, _)) => "released",
        Some((HoldEnd::Cancelled, _)) => "cancelled",
    }
}

impl Record for AttemptRecord {
    const COLUMNS: &[&str] = &[
        "sale_id",
        "attempted_at",
        "user_id",
        "outcome",
        "code",
        "unit",
        "slot",
        "state",
        "expires_at",
        "ended_at",
    ];

    fn cells(&self) -> Vec<Cow<'_, str>> {
        vec![
            self.sale_id.to_string().into(),
            self.attempted_at.as_str().into(),
            or_empty(self.user_id.as_ref()),
            self.outcome.as_str().into(),
            or_empty(self.code.as_ref()),
            number(self.unit),
            number(self.slot),
            self.state.unwrap_or_default().into(),
            or_empty(self.expires_at.as_ref()),
            or_empty(self.ended_at.as_ref()),
        ]
    }
}

impl From<&Receipt> for PurchaseRecord {
    fn from(receipt: &Receipt) -> Self {
        Self {
            sale_id: receipt.sale.get(),
            purchased_at: rfc3339(receipt.purchased_at),
            user_id: receipt.user.to_string(),
            code: receipt.code.to_string(),
            unit: receipt.unit.get(),
            item_name: receipt.item.name.clone(),
            item_image: receipt.item.image.clone(),
            cancelled_at: receipt.cancelled.as_ref().map(|it| rfc3339(it.at)),
            reason: receipt.cancelled.as_ref().map(|it| it.reason.as_str().to_owned()),
        }
    }
}

impl From<&PurchaseCopy> for PurchaseRecord {
    fn from(purchase: &PurchaseCopy) -> Self {
        Self::from(&purchase.receipt)
    }
}

impl Record for PurchaseRecord {
    const COLUMNS: &[&str] = &[
        "sale_id",
        "purchased_at",
        "user_id",
        "code",
        "unit",
        "item_name",
        "item_image",
        "cancelled_at",
        "reason",
    ];

    fn cells(&self) -> Vec<Cow<'_, str>> {
        vec![
            self.sale_id.to_string().into(),
            self.purchased_at.as_str().into(),
            self.user_id.as_str().into(),
            self.code.as_str().into(),
            self.unit.to_string().into(),
            self.item_name.as_str().into(),
            self.item_image.as_str().into(),
            or_empty(self.cancelled_at.as_ref()),
            or_empty(self.reason.as_ref()),
        ]
    }
}

impl From<&UnitHad> for UnitRecord {
    fn from(had: &UnitHad) -> Self {
        match had {
            UnitHad::Held { sale, hold } => Self {
                sale_id: sale.get(),
                unit: hold.unit.get(),
                state: "held",
                code: hold.code.masked(),
                expires_at: Some(rfc3339(hold.expires_at)),
                purchased_at: None,
                item_name: None,
                cancelled_at: None,
                reason: None,
            },
            UnitHad::Bought(receipt) => {
                let bought = PurchaseRecord::from(receipt);
                Self {
                    sale_id: bought.sale_id,
                    unit: bought.unit,
                    state: if receipt.cancelled.is_some() { "cancelled" } else { "sold" },
                    code: bought.code,
                    expires_at: None,
                    purchased_at: Some(bought.purchased_at),
                    item_name: Some(bought.item_name),
                    cancelled_at: bought.cancelled_at,
                    reason: bought.reason,
                }
            }
        }
    }
}

fn or_empty(text: Option<&String>) -> Cow<'_, str> {
    text.map_or_else(Cow::default, |text| text.as_str().into())
}

fn number<N: ToString>(number: Option<N>) -> Cow<'static, str> {
    number.map_or_else(Cow::default, |number| number.to_string().into())
}
