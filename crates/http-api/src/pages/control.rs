//! `/` where operators listen: the control room, on which they see how sales go and steer them. It asks
//! the operators' API for all that it shows; what it is made of is beside this file.
//!
//! Whoever opens it sees a place to sign in and nothing of any sale, so it needs nobody who is known.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};

use super::{File, Files, Page, describe_page, endpoints_of, files, page, parts};
use crate::{asset::Asset, openapi::Endpoint};

const TEMPLATE: &str = include_str!("control/page.html");

const STYLE: [File; 1] = files! { "control/": "control.css" };

/// The program; the first is what starts it.
const MODULES: [File; 11] = files! {
    "control/": "control.js" "api.js" "chart.js" "door.js" "feed.js" "lists.js" "meters.js" "picture.js" "points.js"
    "room.js" "words.js"
};

/// What it fetches once somebody is in.
const LATER: [File; 3] = files! { "control/": "dialog.js" "find.js" "orders.js" };

static PAGE: LazyLock<Asset> = LazyLock::new(|| page(TEMPLATE, &MODULES));

static PARTS: LazyLock<Files> =
    LazyLock::new(|| parts(STYLE.into_iter().chain(MODULES).chain(LATER)));

struct ControlRoom;

impl Page for ControlRoom {
    const SAYS: [&'static str; 3] = [
        "controlRoom",
        "Show the control room",
        "A page on which operators see how sales go, and steer them. It asks this API and no other host, as \
         whoever has signed in.",
    ];
    const SAYS_OF_PARTS: [&'static str; 2] = ["controlRoomFile", "Show a part of the control room"];
    const STARTS_BY: &'static str = MODULES[0].0;

    fn parts() -> &'static Files {
        &PARTS
    }
}

/// `/` and `/pages`.
pub(crate) fn endpoints() -> [Endpoint; 2] {
    endpoints_of::<ControlRoom>(Endpoint::at("/").reading(get_page, describe_page::<ControlRoom>))
}

async fn get_page(request: HttpRequest) -> HttpResponse {
    PAGE.answer(&request)
}
