//! What is wrong with who asks where operators are. No store was asked.

use actix_web::http::{StatusCode, header::HeaderValue};
use domain::{
    Failure, SaleId, Unit, UserId,
    operator::{Acted, ActionRecord, Refused},
};
use serde_json::json;

use super::{
    FieldError, Kind, Problem,
    buyers::capitalized,
    refusals::{RETRY_AFTER_FAILURE_S, spread},
};
use crate::{
    limits::OF_CLIENT,
    operator::{ActionBody, Refusal},
};

/// What a client is told that it must show, and where.
const CHALLENGE: &str = "Bearer realm=\"flashsale operators\"";

impl Problem {
    /// A request of nobody who is let in (RFC 6750, 3), or not so far.
    pub(crate) fn of_operator(refusal: &Refusal) -> Self {
        let says = refusal.says();
        let detail = format!("{}; nothing was done", capitalized(&says));
        let challenge = match refusal {
            Refusal::Origin | Refusal::Role { .. } => {
                return Self::new(StatusCode::FORBIDDEN, Kind::Forbidden, "Forbidden", detail);
            }
            Refusal::Guesses(again_in_s) => {
                let (status, title) = (StatusCode::TOO_MANY_REQUESTS, "Too many requests");
                return Self::new(status, Kind::TooManyRequests, title, detail)
                    .with("limit", OF_CLIENT.name)
                    .retry_after(i64::try_from(*again_in_s).unwrap_or(i64::MAX));
            }
            // Whoever showed no token made no error.
            Refusal::Missing | Refusal::Session | Refusal::Ticket => CHALLENGE.to_owned(),
            Refusal::Malformed | Refusal::Unknown => {
                format!("{CHALLENGE}, error=\"invalid_token\", error_description=\"{says}\"")
            }
        };
        Self {
            challenge: HeaderValue::try_from(challenge).ok().map(Box::new),
            ..Self::new(StatusCode::UNAUTHORIZED, Kind::Unauthorized, "Unauthorized", detail)
        }
    }

    /// A request by a name that is not that of the listener (RFC 9110, 15.5.20).
    pub(crate) fn wrong_host() -> Self {
        let detail =
            "The host that is asked is none of this listener's: ADMIN_HOSTS says which are";
        let status = StatusCode::MISDIRECTED_REQUEST;
        Self::of_part("Host", status, detail)
    }

    /// An order that something stands in the way of.
    pub(crate) fn of_refused(record: &ActionRecord) -> Self {
        let Acted::Refused(refused) = &record.outcome else { return Self::id_used(record, &[]) };
        match refused {
            Refused::NoSuchSale => {
                return Self::sale_not_found(record.sale.or(record.order.action.sale()));
            }
            Refused::NoSuchProduct => {
                if let Some(sku) = record.order.action.sku() {
                    return Self::product_not_found(sku);
                }
            }
            Refused::NoSuchCode => {
                let detail = "No such code was ever given";
                let status = StatusCode::NOT_FOUND;
                return Self::new(status, Kind::CodeNotFound, "Code not found", detail);
            }
            _ => {}
        }
        let detail = format!("{}; nothing was done", capitalized(&refused.to_string()));
        Self::new(StatusCode::CONFLICT, Kind::ActionRefused, "Action refused", detail)
            .with("refused", refused.name())
            .with("action", json!(ActionBody::from(record)))
    }

    /// There is no such hold to be given back.
    pub(crate) fn not_on_hold(sale: SaleId, unit: Unit, user: &UserId) -> Self {
        let detail =
            format!("Unit {unit} of sale {sale} is not on hold for {user}; nothing was done");
        Self::new(StatusCode::NOT_FOUND, Kind::CodeNotFound, "Code not found", detail)
    }

    /// An order under the name of another.
    pub(crate) fn id_used(record: &ActionRecord, differs: &[String]) -> Self {
        let detail = format!(
            "This Idempotency-Key is the name of another order, which differs in {}; nothing was done",
            differs.join(", ")
        );
        let (status, kind) = (StatusCode::UNPROCESSABLE_ENTITY, Kind::IdempotencyKeyUsed);
        Self::new(status, kind, "Idempotency key used", detail)
            .with("differs", json!(differs))
            .with("action", json!(ActionBody::from(record)))
    }

    /// As much of what takes long is under way as may be.
    pub(crate) fn no_place(at_a_time: usize, again_in_s: i64) -> Self {
        let doing = format!("{at_a_time} exports and long looks are under way in this process");
        Self::as_many_as_may_be(&doing, again_in_s)
    }

    /// As many watch the service as may.
    pub(crate) fn no_room_to_watch(watchers: usize) -> Self {
        let doing = format!("{watchers} operators watch this process");
        Self::as_many_as_may_be(&doing, spread())
    }

    fn as_many_as_may_be(doing: &str, again_in_s: i64) -> Self {
        let detail = format!("{doing}, which is as many as may be; nothing was done");
        let (status, kind) = (StatusCode::SERVICE_UNAVAILABLE, Kind::Overloaded);
        Self::new(status, kind, "Overloaded", detail)
            .with("may_have_been_done", false)
            .retry_after(again_in_s)
    }

    /// A list cannot go on where its cursor leads.
    pub(crate) fn wrong_cursor(reason: &str) -> Self {
        let error = FieldError { field: "after".to_owned(), message: reason.to_owned() };
        Self::invalid_request(&[error])
    }

    /// There is nothing to draw a secret from.
    pub(crate) fn no_random() -> Self {
        Self::of_failure(Failure::NotDone, RETRY_AFTER_FAILURE_S)
    }
}
