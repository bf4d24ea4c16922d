//! The description of the API: each route with its parameters, answers and problems, said where it
//! is handled, and put together here as an OpenAPI 3.1 document.
//!
//! To describe a route, you
//!
//! 1. write `endpoint()` beside its handlers, which is both what is served and what is said of it,
//!    and name it in `endpoints` of `lib.rs`. Bounds are those of the types that parse them: a new
//!    kind of parameter is a [`Scalar`], in `scalars.rs`.
//! 2. write what it answers with `bodies!`, which is a struct and its schema in one, and make an example of it from
//!    what is in `samples.rs`. A new type of problem is a [`Kind`](crate::problem::Kind), which the
//!    compiler follows to its page, its members and its samples.
//! 3. run `make openapi`, which writes `docs/openapi.json`, and `docs/openapi-admin.json` for operators. What the service really answers is held
//!    to that file by every test of `crates/app/tests/api`; `make contract` tries the rest.

mod document;
mod endpoint;
pub(crate) mod header;
mod operation;
#[cfg(test)]
mod rules;
mod scalars;
mod shape;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, web};

pub(crate) use self::{
    document::Audience,
    endpoint::Endpoint,
    operation::{Access, Answer, Link, Operation, Parameter, Tag},
    scalars::{
        Count, GivenCodeText, LimitName, Millis, Moment, SaleNumber, Scalar, UnitNumber, UserName,
    },
    shape::{MakeSchema, Schemas, Shape, bodies, scalars},
};
use crate::{api::Api, asset::Asset};

/// The document on what buyers and shops are served, as it is committed: for people, too. It is that of a
/// service that believes `user_id`.
pub(crate) fn openapi() -> String {
    written(Audience::Buyers { have_tokens: false }, &crate::endpoints())
}

/// The same of a service whose buyers have tokens.
fn openapi_of_tokens() -> String {
    written(Audience::Buyers { have_tokens: true }, &crate::endpoints())
}

/// The document on these endpoints, which are for whoever it is for.
pub(crate) fn written(audience: Audience, endpoints: &[Endpoint]) -> String {
    let document = document::of(audience, endpoints);
    // Text and numbers can always be written.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// `/openapi.json`.
pub(crate) fn endpoint() -> Endpoint {
    Endpoint::at("/openapi.json").reading(get_openapi, describe_for_buyers)
}

fn describe_for_buyers() -> Operation {
    describe().says(
        "The description of this API, in OpenAPI 3.1, as this service is set: where buyers have tokens it \
         requires them, and no `user_id`. It is the same as long as the program and that are.",
    )
}

pub(crate) fn describe() -> Operation {
    Operation::new(Tag::Description, "description", "This document")
        .says("The description of this API, in OpenAPI 3.1. It is the same as long as the program is.")
        .parameters(Asset::parameters())
        .answers(Asset::answers("application/json", "The document"))
}

/// Shows the document, which is that of these settings. It is written when somebody asks for the first time.
async fn get_openapi(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    static BELIEVING: LazyLock<Asset> =
        LazyLock::new(|| Asset::of_text("application/json", openapi()));
    static ASKING: LazyLock<Asset> =
        LazyLock::new(|| Asset::of_text("application/json", openapi_of_tokens()));
    let document = if api.identity.is_some() { &ASKING } else { &BELIEVING };
    document.answer(&request)
}
