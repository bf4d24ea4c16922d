//! A problem of each kind, made as the service makes it: for its page and for the description of
//! the API, which so say nothing that the code does not.

use actix_web::{ResponseError as _, http::StatusCode};
use domain::{CheckoutRefusal, CodeRefusal, Failure, SaleId, answer::Retry};

use super::{Kind, Problem, refusals::RETRY_AFTER_FAILURE_S};
use crate::{
    identity::TokenRefusal,
    limits::{OF_CLIENT, OF_USER},
    samples::{self, moment},
};

impl Kind {
    /// The statuses that problems of this kind come with, in order.
    pub(crate) fn statuses(self) -> Vec<u16> {
        let mut statuses: Vec<_> =
            self.samples().iter().map(|sample| sample.status_code().as_u16()).collect();
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    }

    /// Problems of this kind, each of another status or with other members.
    pub(crate) fn samples(self) -> Vec<Problem> {
        let sale = samples::sale_id();
        let checkout = |refusal| vec![Problem::of_checkout(refusal, sale)];
        let ends_at = moment("2026-11-23T02:00:00Z");
        match self {
            Self::InvalidRequest => Problem::of_reading(),
            Self::Unauthorized => {
                [TokenRefusal::Missing, TokenRefusal::Expired].map(Problem::of_token).into()
            }
            Self::Forbidden => {
                let impossible = samples::impossible_user();
                vec![Problem::another_user(), Problem::of_token(TokenRefusal::User(impossible))]
            }
            Self::SaleNotFound => vec![Problem::sale_not_found(SaleId::try_from(999).ok())],
            Self::CodeNotFound => vec![CodeRefusal::Unknown.into()],
            Self::ItemNotFound => vec![Problem::item_not_found(sale, 10_000)],
            Self::ProductNotFound => vec![Problem::product_not_found(&samples::sku())],
            Self::NotFound => vec![Problem::no_such_route("/checkouts")],
            Self::MethodNotAllowed => {
                vec![Problem::method_not_allowed("POST, DELETE, OPTIONS".into())]
            }
            Self::RequestTimeout => vec![Problem::request_timeout()],
            Self::SoldOut => {
                let due_at = moment("2026-11-23T01:26:11.182Z");
                let retry = Retry::of(due_at, moment("2026-11-23T01:21:11.003Z"), ends_at);
                let refusal = |retry| CheckoutRefusal::SoldOut { retry };
                [checkout(refusal(retry)), checkout(refusal(None))].concat()
            }
            Self::UserLimitReached => {
                checkout(CheckoutRefusal::UserLimit { limit: 10, held: 3, bought: 7 })
            }
            Self::SaleNotOpen => {
                checkout(CheckoutRefusal::NotOpen { starts_at: moment("2026-11-23T01:00:00Z") })
            }
            Self::SaleEnded => checkout(CheckoutRefusal::Ended { ends_at }),
            Self::SalePaused => checkout(CheckoutRefusal::Paused { ends_at }),
            Self::CodeAlreadyUsed => {
                vec![CodeRefusal::AlreadyUsed(Box::new(samples::receipt())).into()]
            }
            Self::PurchaseCancelled => {
                vec![CodeRefusal::Cancelled(Box::new(samples::cancelled_receipt())).into()]
            }
            Self::CodeExpired => vec![CodeRefusal::Expired.into()],
            Self::ActionRefused => {
                samples::refused_action().as_ref().map(Problem::of_refused).into_iter().collect()
            }
            Self::IdempotencyKeyUsed => {
                let differs = ["stock".to_owned()];
                let order = samples::done_action();
                order.iter().map(|order| Problem::id_used(order, &differs)).collect()
            }
            Self::TooManyRequests => {
                let problem = |limit| Problem::too_many_requests(limit, samples::rate(), 1);
                [OF_CLIENT, OF_USER].map(problem).into()
            }
            Self::Unavailable => [Failure::NotDone, Failure::Unknown, Failure::Rebuilding]
                .map(|failure| Problem::of_failure(failure, RETRY_AFTER_FAILURE_S))
                .into(),
            Self::Overloaded => {
                vec![Problem::of_failure(Failure::Overloaded, RETRY_AFTER_FAILURE_S)]
            }
        }
    }

    /// The sample of this status.
    pub(crate) fn sample(self, status: StatusCode) -> Option<Problem> {
        self.samples().into_iter().find(|sample| sample.status == status)
    }
}
