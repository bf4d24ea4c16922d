//! `/`: the shop window, where people buy. It asks this API for all that it shows; what it is made of is
//! beside this file.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::{File, Files, describe_file, describe_page, files, page, parts};
use crate::{
    api::Api,
    asset::{Asset, answer_by_name, schema_of_names},
    openapi::{Endpoint, Scalar, Schemas, Shape},
    problem::Problem,
};

const TEMPLATE: &str = include_str!("shop/page.html");

const STYLE: [File; 1] = files! { "shop/": "shop.css" };

/// The program; the first is what starts it.
const MODULES: [File; 11] = files! {
    "shop/": "shop.js" "actions.js" "api.js" "feed.js" "panel.js" "shelf.js" "state.js" "units.js" "wall.js"
    "who.js" "words.js"
};

/// The page where `user_id` is believed, and where buyers have tokens: only there it has a place for one.
static PAGES: LazyLock<[Asset; 2]> = LazyLock::new(|| {
    ["off", "on"].map(|identity| page(&TEMPLATE.replace("{identity}", identity), &MODULES))
});

static FILES: LazyLock<Files> = LazyLock::new(|| parts(STYLE.into_iter().chain(MODULES)));

/// The name of a file.
struct FileName;

impl Shape for FileName {
    const NAME: Option<&'static str> = Some("PageFileName");

    fn schema(_: &mut Schemas) -> Value {
        schema_of_names(&FILES)
    }
}

impl Scalar for FileName {
    fn example() -> Value {
        "shop.js".into()
    }

    fn refusal() -> String {
        String::new()
    }
}

/// `/` and `/pages`.
pub(crate) fn endpoints() -> [Endpoint; 2] {
    [
        Endpoint::at("/").reading(get_page, || {
            describe_page("shop", "Show the shop window")
                .says("A page on which people buy. It asks this API and no other host.")
        }),
        Endpoint::at("/pages/{file}").reading(get_file, || {
            describe_file::<FileName>("shopFile", "Show a part of the shop window")
        }),
    ]
}

async fn get_page(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    let [believing, asking] = &*PAGES;
    let page = if api.identity.is_some() { asking } else { believing };
    page.answer(&request)
}

async fn get_file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    answer_by_name(&FILES, &request)
}
