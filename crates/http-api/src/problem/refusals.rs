//! What the business refuses, and what a store error looks like to a client.

use std::{
    borrow::Cow,
    error::Error,
    sync::atomic::{AtomicI64, Ordering},
};

use actix_web::http::StatusCode;
use domain::{CheckoutRefusal, CodeRefusal, Failure, SaleId, StoreError};
use serde_json::json;

use super::Problem;
use crate::{moment::rfc3339, receipt::ReceiptBody};

/// How long a client shall wait before it asks again a store that failed, in seconds.
pub(crate) const RETRY_AFTER_FAILURE_S: i64 = 1;

/// How long clients of a service that has too many shall wait at the most, in seconds.
const RETRY_AFTER_OVERLOAD_S_MAX: i64 = 4;

/// How long the next client shall wait of too many, in seconds: each another while, so that they
/// do not come again all at once.
fn spread() -> i64 {
    static TURNS: AtomicI64 = AtomicI64::new(0);
    TURNS.fetch_add(1, Ordering::Relaxed).rem_euclid(RETRY_AFTER_OVERLOAD_S_MAX) + 1
}

impl Problem {
    fn conflict(
        name: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(StatusCode::CONFLICT, name, title, detail)
    }

    pub(crate) fn sale_not_found(sale: Option<SaleId>) -> Self {
        let detail = sale.map_or_else(
            || "No sale is on and none is planned".to_owned(),
            |sale| format!("There is no sale {sale}"),
        );
        Self::new(StatusCode::NOT_FOUND, "sale-not-found", "Sale not found", detail)
    }

    pub(crate) fn item_not_found(sale: SaleId, stock: u32) -> Self {
        let detail = format!("The units of sale {sale} are numbered from 1 to {stock}");
        Self::new(StatusCode::NOT_FOUND, "item-not-found", "Item not found", detail)
    }

    /// The answer of a checkout that is refused.
    pub(crate) fn of_checkout(refusal: CheckoutRefusal, sale: SaleId) -> Self {
        let refused = match refusal {
            CheckoutRefusal::UnknownSale => return Self::sale_not_found(Some(sale)),
            CheckoutRefusal::SoldOut { retry: None } => {
                Self::conflict("sold-out", "Sold out", "Every unit is sold or will be")
            }
            CheckoutRefusal::SoldOut { retry: Some(retry) } => {
                let detail = "No unit is free now; one comes back if a hold is not redeemed";
                Self::conflict("sold-out", "Sold out", detail)
                    .with("retry_at", rfc3339(retry.at()))
                    .retry_after(retry.after_s())
            }
            CheckoutRefusal::UserLimit { limit, held, bought } => {
                let detail = format!("One user may have {limit} units of this sale");
                Self::conflict("user-limit-reached", "User limit reached", detail)
                    .with("limit", limit)
                    .with("held", held)
                    .with("bought", bought)
            }
            CheckoutRefusal::NotOpen { starts_at } => {
                Self::conflict("sale-not-open", "Sale not open", "The sale has not started")
                    .with("starts_at", rfc3339(starts_at))
            }
            CheckoutRefusal::Ended { ends_at } => {
                let detail = "The sale is over; GET /sales/current names the next";
                Self::conflict("sale-ended", "Sale ended", detail).with("ends_at", rfc3339(ends_at))
            }
            CheckoutRefusal::Paused { ends_at } => {
                Self::conflict("sale-paused", "Sale paused", "The sale is stopped for now")
                    .with("ends_at", rfc3339(ends_at))
            }
        };
        refused.with("sale_id", sale.get())
    }
}

impl From<CodeRefusal> for Problem {
    fn from(refusal: CodeRefusal) -> Self {
        let expired = |detail: &'static str| {
            Self::new(StatusCode::GONE, "code-expired", "Code expired", detail)
        };
        let not_found = |detail: &'static str| {
            Self::new(StatusCode::NOT_FOUND, "code-not-found", "Code not found", detail)
        };
        match refusal {
            CodeRefusal::Unknown => not_found("No such code was ever given"),
            CodeRefusal::NotRedeemed => not_found("The code was not redeemed: it has no receipt"),
            CodeRefusal::Expired => expired("The hold ran out and the unit went back on sale"),
            CodeRefusal::Released => expired("The hold was given back"),
            CodeRefusal::AlreadyUsed(receipt) => {
                let detail = "The code was redeemed before; `purchase` is its receipt";
                Self::new(StatusCode::CONFLICT, "code-already-used", "Code already used", detail)
                    .with("purchase", json!(ReceiptBody::from(*receipt)))
            }
        }
    }
}

impl From<StoreError> for Problem {
    /// Asks the client to come back; the cause goes to the log alone.
    fn from(error: StoreError) -> Self {
        let (name, title, detail) = match error.failure() {
            Failure::Overloaded => {
                ("overloaded", "Overloaded", "Too many requests are waiting; nothing was done")
            }
            Failure::NotDone => ("unavailable", "Unavailable", "A store is down; nothing was done"),
            Failure::Unknown => {
                ("unavailable", "Unavailable", "A store gave no answer; it may have been done")
            }
            Failure::Rebuilding => {
                ("unavailable", "Unavailable", "The sale is being rebuilt; nothing was done")
            }
        };
        tracing::debug!(error = &error as &dyn Error, "answered 503");
        let retry_after_s = match error.failure() {
            Failure::Overloaded => spread(),
            _ => RETRY_AFTER_FAILURE_S,
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, name, title, detail).retry_after(retry_after_s)
    }
}
