//! The buyer of a request, as its handler takes them.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use domain::{Code, CodeRefusal, StoreError, UserId, ports::check_owner};

use super::TokenRefusal;
use crate::{api::Api, deadline::in_time, params::Params, problem::Problem};

/// The parameter that names a user.
pub(crate) const USER_ID: &str = "user_id";

/// Who asks, if the service knows that: whom the token of the request says. Where it believes what
/// it is told, nobody in particular.
///
/// A handler that takes a `Buyer` is not called without one: a token that is missing or wrong is
/// refused, and a buyer beyond their limit, before anything of the body is received. Whatever takes or
/// shows a code does it by [`with_own`](Self::with_own).
#[derive(Debug)]
pub(crate) struct Buyer(Option<UserId>);

impl Buyer {
    /// Whether somebody is known, and not only believed.
    pub(crate) const fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// The user that a request is for: whom the token says, whether `user_id` is there or not; without
    /// identity, whom `user_id` says. [`check_asks_as`](Self::check_asks_as) follows when the
    /// parameters are known to be right.
    pub(crate) fn asked_as(&self, params: &mut Params) -> Option<UserId> {
        match &self.0 {
            None => params.required(USER_ID),
            Some(user) => Some(params.optional(USER_ID).unwrap_or_else(|| user.clone())),
        }
    }

    /// Refuses a request in the name of somebody else, and one of too many in this name.
    pub(crate) fn check_asks_as(
        &self,
        user: &UserId,
        request: &HttpRequest,
        api: &Api,
    ) -> Result<(), Problem> {
        match &self.0 {
            None => api.limits.admit_user(user, request),
            Some(own) if own == user => Ok(()),
            Some(_) => {
                telemetry::token_refused("user");
                Err(Problem::another_user())
            }
        }
    }

    /// Does `work` with a code, but refuses one of somebody else as one that was never given. The code of
    /// a buyer who is not known is whoever's has it. Both together have the time of one request.
    pub(crate) async fn with_own<T>(
        &self,
        code: Code,
        api: &Api,
        work: impl Future<Output = Result<Result<T, CodeRefusal>, StoreError>>,
    ) -> Result<Result<T, CodeRefusal>, StoreError> {
        in_time(async {
            if let Some(user) = &self.0
                && let Err(refusal) = check_owner(&*api.owners, code, user).await?
            {
                return Ok(Err(refusal));
            }
            work.await
        })
        .await
    }

    /// Whether what is this user's may be shown: to themselves, or where nobody is known to whoever has
    /// the code.
    pub(crate) fn may_see(&self, user: &UserId) -> bool {
        self.0.as_ref().is_none_or(|own| own == user)
    }

    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let refused = |refusal: TokenRefusal| {
            telemetry::token_refused(refusal.name());
            Problem::of_token(refusal)
        };
        let api = request.app_data::<web::Data<Api>>();
        // Without its data the service knows nobody, and lets nobody in.
        let api = api.ok_or_else(|| refused(TokenRefusal::Missing))?;
        let Some(identity) = &api.identity else { return Ok(Self(None)) };
        let user = identity.user_of(request.headers()).map_err(refused)?;
        api.limits.admit_user(&user, request)?;
        Ok(Self(Some(user)))
    }
}

impl FromRequest for Buyer {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}
