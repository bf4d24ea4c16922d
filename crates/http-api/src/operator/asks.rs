//! Who asks, as a handler takes them.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};

use super::{Role, access::Known, refusal::Refusal};
use crate::{api::Api, problem::Problem};

/// Somebody who may look. A handler that takes a `Viewer` is not called without one: whoever is not known
/// is refused before anything of the body is received.
#[derive(Debug)]
pub(crate) struct Viewer(pub(crate) Known);

/// Somebody who may act, likewise.
#[derive(Debug)]
pub(crate) struct Operator(pub(crate) Known);

/// The one of a request, who has this role at least.
fn known(request: &HttpRequest, needs: Role) -> Result<Known, Problem> {
    let api = request.app_data::<web::Data<Api>>();
    let operators = api.and_then(|api| api.operators.as_ref());
    // Without its data the service knows nobody, and lets nobody in.
    let known = operators.map_or(Err(Refusal::Missing), |it| it.who(request));
    let known = known.and_then(|known| match known {
        Known { name, role: has, .. } if has < needs => Err(Refusal::Role { name, has, needs }),
        known => Ok(known),
    });
    known.map_err(|refusal| refused(&refusal))
}

/// The answer to somebody who is not let in; they are counted.
pub(super) fn refused(refusal: &Refusal) -> Problem {
    telemetry::operator_refused(refusal.name());
    Problem::of_operator(refusal)
}

impl FromRequest for Viewer {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(known(request, Role::Viewer).map(Self))
    }
}

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(known(request, Role::Operator).map(Self))
    }
}
