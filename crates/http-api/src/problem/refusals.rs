//! What the business refuses, and what a store error looks like to a client.

use std::{
    borrow::Cow,
    error::Error,
    sync::atomic::{AtomicI64, Ordering},
};

use actix_web::http::StatusCode;
use domain::{CheckoutRefusal, CodeRefusal, Failure, SaleId, Sku, StoreError};

use super::{Kind, Problem};
use crate::{moment::rfc3339, receipt::ReceiptBody};

/// How long a client shall wait before it asks again a store that failed, in seconds.
pub(crate) const RETRY_AFTER_FAILURE_S: i64 = 1;

/// How long clients of a service that has too many shall wait at the most, in seconds.
const RETRY_AFTER_OVERLOAD_S_MAX: i64 = 4;

/// How long the next client shall wait of too many, in seconds: each another while, so that they
/// do not come again all at once.
pub(super) fn spread() -> i64 {
    static TURNS: AtomicI64 = AtomicI64::new(0);
    TURNS.fetch_add(1, Ordering::Relaxed).rem_euclid(RETRY_AFTER_OVERLOAD_S_MAX) + 1
}

impl Problem {
    fn conflict(kind: Kind, title: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, kind, title, detail)
    }

    pub(crate) fn sale_not_found(sale: Option<SaleId>) -> Self {
        let detail = sale.map_or_else(
            || "No sale is on and none is planned".to_owned(),
            |sale| format!("There is no sale {sale}"),
        );
        Self::new(StatusCode::NOT_FOUND, Kind::SaleNotFound, "Sale not found", detail)
    }

    pub(crate) fn product_not_found(sku: &Sku) -> Self {
        let detail = format!("There is no product {sku}");
        Self::new(StatusCode::NOT_FOUND, Kind::ProductNotFound, "Product not found", detail)
    }

    pub(crate) fn item_not_found(sale: SaleId, stock: u32) -> Self {
        let detail = format!("The units of sale {sale} are numbered from 1 to {stock}");
        Self::new(StatusCode::NOT_FOUND, Kind::ItemNotFound, "Item not found", detail)
    }

    pub(crate) fn code_already_used(purchase: ReceiptBody) -> Self {
        let detail = "The code was redeemed before; `purchase` is its receipt";
        let mut used = Self::conflict(Kind::CodeAlreadyUsed, "Code already used", detail);
        used.purchase = Some(Box::new(purchase));
        used
    }

    pub(crate) fn purchase_cancelled(purchase: ReceiptBody) -> Self {
        let detail = "The purchase was cancelled; `purchase` is its receipt, and says why";
        let (status, kind) = (StatusCode::GONE, Kind::PurchaseCancelled);
        let mut cancelled = Self::new(status, kind, "Purchase cancelled", detail);
        cancelled.purchase = Some(Box::new(purchase));
        cancelled
    }

    /// The answer of a checkout that is refused.
    pub(crate) fn of_checkout(refusal: CheckoutRefusal, sale: SaleId) -> Self {
        let refused = match refusal {
            CheckoutRefusal::UnknownSale => return Self::sale_not_found(Some(sale)),
            CheckoutRefusal::SoldOut { retry: None } => {
                Self::conflict(Kind::SoldOut, "Sold out", "Every unit is sold or will be")
            }
            CheckoutRefusal::SoldOut { retry: Some(retry) } => {
                let detail = "No unit is free now; one comes back if a hold is not redeemed";
                Self::conflict(Kind::SoldOut, "Sold out", detail)
                    .with("retry_at", rfc3339(retry.at()))
                    .retry_after(retry.after_s())
            }
            CheckoutRefusal::UserLimit { limit, held, bought } => {
                let detail = format!("One user may have {limit} units of this sale");
                Self::conflict(Kind::UserLimitReached, "User limit reached", detail)
                    .with("limit", limit)
                    .with("held", held)
                    .with("bought", bought)
            }
            CheckoutRefusal::NotOpen { starts_at } => {
                Self::conflict(Kind::SaleNotOpen, "Sale not open", "The sale has not started")
                    .with("starts_at", rfc3339(starts_at))
            }
            CheckoutRefusal::Ended { ends_at } => {
                let detail = "The sale is over; GET /sales/current names the next";
                Self::conflict(Kind::SaleEnded, "Sale ended", detail)
                    .with("ends_at", rfc3339(ends_at))
            }
            CheckoutRefusal::Paused { ends_at } => {
                Self::conflict(Kind::SalePaused, "Sale paused", "The sale is stopped for now")
                    .with("ends_at", rfc3339(ends_at))
            }
        };
        refused.with("sale_id", sale.get())
    }
}

/// Whoever may be refused with the receipt of a product asks [`refused`](crate::receipt::refused), which
/// knows the product.
impl From<CodeRefusal> for Problem {
    fn from(refusal: CodeRefusal) -> Self {
        let expired = |detail: &'static str| {
            Self::new(StatusCode::GONE, Kind::CodeExpired, "Code expired", detail)
        };
        let not_found = |detail: &'static str| {
            Self::new(StatusCode::NOT_FOUND, Kind::CodeNotFound, "Code not found", detail)
        };
        match refusal {
            CodeRefusal::Unknown => not_found("No such code was ever given"),
            CodeRefusal::NotRedeemed => not_found("The code was not redeemed: it has no receipt"),
            CodeRefusal::Expired => expired("The hold ran out and the unit went back on sale"),
            CodeRefusal::Released => expired("The hold was given back"),
            CodeRefusal::AlreadyUsed(receipt) => {
                Self::code_already_used(ReceiptBody::of(*receipt, None))
            }
            CodeRefusal::Cancelled(receipt) => {
                Self::purchase_cancelled(ReceiptBody::of(*receipt, None))
            }
        }
    }
}

impl From<StoreError> for Problem {
    /// Asks the client to come back; the cause goes to the log alone.
    fn from(error: StoreError) -> Self {
        tracing::debug!(error = &error as &dyn Error, "answered 503");
        let retry_after_s = match error.failure() {
            Failure::Overloaded => spread(),
            _ => RETRY_AFTER_FAILURE_S,
        };
        Self::of_failure(error.failure(), retry_after_s)
    }
}

impl Problem {
    /// The answer of a store that failed: to come back after so many seconds.
    pub(super) fn of_failure(failure: Failure, retry_after_s: i64) -> Self {
        let (kind, title, detail) = match failure {
            Failure::Overloaded => {
                (Kind::Overloaded, "Overloaded", "Too many requests are waiting; nothing was done")
            }
            Failure::NotDone => {
                (Kind::Unavailable, "Unavailable", "A store is down; nothing was done")
            }
            Failure::Unknown => {
                (Kind::Unavailable, "Unavailable", "A store gave no answer; it may have been done")
            }
            Failure::Rebuilding => {
                (Kind::Unavailable, "Unavailable", "The sale is being rebuilt; nothing was done")
            }
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail)
            .with("may_have_been_done", failure == Failure::Unknown)
            .retry_after(retry_after_s)
    }
}

#[cfg(test)]
mod tests;
