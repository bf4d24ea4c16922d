//! `/admin/openapi.json` and `/admin/docs`: what operators are served, for programs and for people.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};

use crate::{
    asset::Asset,
    docs,
    openapi::{Audience, Endpoint, written},
};

/// The document, as it is committed: for people, too.
pub(crate) fn openapi() -> String {
    written(Audience::Operators, &super::endpoints())
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints =
        vec![Endpoint::at("/admin/openapi.json").reading(get_openapi, crate::openapi::describe)];
    endpoints.extend(docs::endpoints_at("/admin/docs", "/admin/docs/{file}"));
    endpoints
}

/// Shows the document. It is written when somebody asks for the first time.
async fn get_openapi(request: HttpRequest) -> HttpResponse {
    static DOCUMENT: LazyLock<Asset> =
        LazyLock::new(|| Asset::of_text("application/json", openapi()));
    DOCUMENT.answer(&request)
}
