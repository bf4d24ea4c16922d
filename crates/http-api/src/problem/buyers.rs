//! What is wrong with who asks: nobody knows them, or they ask too often. No store was asked.

use actix_web::http::{StatusCode, header::HeaderValue};

use super::{Kind, Problem};
use crate::{
    identity::TokenRefusal,
    limits::{LimitOf, Rate},
};

impl Problem {
    /// A request of nobody who is known (RFC 6750, 3), or of somebody who can be no user.
    pub(crate) fn of_token(refusal: TokenRefusal) -> Self {
        if let TokenRefusal::User(wrong) = refusal {
            return Self::forbidden(format!("The user of the token {wrong}"));
        }
        let detail = format!("{}; nothing was done", capitalized(refusal.says()));
        let challenge = match refusal {
            // Whoever said nothing made no error.
            TokenRefusal::Missing => "Bearer realm=\"flashsale\"".to_owned(),
            _ => format!(
                "Bearer realm=\"flashsale\", error=\"invalid_token\", error_description=\"{}\"",
                refusal.says()
            ),
        };
        Self {
            challenge: HeaderValue::try_from(challenge).ok().map(Box::new),
            ..Self::new(StatusCode::UNAUTHORIZED, Kind::Unauthorized, "Unauthorized", detail)
        }
    }

    /// A request in the name of another user than that of its token.
    pub(crate) fn another_user() -> Self {
        Self::forbidden("user_id is not the user of the token: leave it out".to_owned())
    }

    fn forbidden(detail: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, Kind::Forbidden, "Forbidden", detail)
    }

    /// A request beyond a limit.
    pub(crate) fn too_many_requests(of: LimitOf, rate: Rate, again_in_s: u64) -> Self {
        let LimitOf { name, whose } = of;
        let (often, at_once) = (rate.per_second(), rate.burst());
        let detail = format!(
            "One {whose} may ask {often} times a second, {at_once} of them at once; nothing was done"
        );
        let (status, title) = (StatusCode::TOO_MANY_REQUESTS, "Too many requests");
        Self::new(status, Kind::TooManyRequests, title, detail)
            .with("limit", name)
            .retry_after(i64::try_from(again_in_s).unwrap_or(i64::MAX))
    }
}

/// A text as the beginning of a sentence.
pub(super) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
