//! `/`: the shop window, where people buy. It asks this API for all that it shows; what it is made of is
//! beside this file.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, web};

use super::{File, Files, Page, describe_page, endpoints_of, files, page, parts};
use crate::{api::Api, asset::Asset, openapi::Endpoint};

const TEMPLATE: &str = include_str!("shop/page.html");

const STYLE: [File; 1] = files! { "shop/": "shop.css" };

/// The program; the first is what starts it.
const MODULES: [File; 12] = files! {
    "shop/": "shop.js" "actions.js" "api.js" "feed.js" "holds.js" "panel.js" "shelf.js" "state.js" "units.js"
    "wall.js" "who.js" "words.js"
};

/// The page where `user_id` is believed, and where buyers have tokens: only there it has a place for one.
static PAGES: LazyLock<[Asset; 2]> = LazyLock::new(|| {
    ["off", "on"].map(|identity| page(&TEMPLATE.replace("{identity}", identity), &MODULES))
});

static PARTS: LazyLock<Files> = LazyLock::new(|| parts(STYLE.into_iter().chain(MODULES)));

struct Shop;

impl Page for Shop {
    const SAYS: [&'static str; 3] = [
        "shop",
        "Show the shop window",
        "A page on which people buy. It asks this API and no other host.",
    ];
    const SAYS_OF_PARTS: [&'static str; 2] = ["shopFile", "Show a part of the shop window"];
    const STARTS_BY: &'static str = MODULES[0].0;

    fn parts() -> &'static Files {
        &PARTS
    }
}

/// `/` and `/pages`.
pub(crate) fn endpoints() -> [Endpoint; 2] {
    endpoints_of::<Shop>(Endpoint::at("/").reading(get_page, describe_page::<Shop>))
}

async fn get_page(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    let [believing, asking] = &*PAGES;
    let page = if api.identity.is_some() { asking } else { believing };
    page.answer(&request)
}
