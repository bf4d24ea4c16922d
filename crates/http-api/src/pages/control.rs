//! `/` where operators listen: the control room, on which they see how sales go and steer them. It asks
//! the operators' API for all that it shows; what it is made of is beside this file.
//!
//! Whoever opens it sees a place to sign in and nothing of any sale, so it needs nobody who is known.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::{File, Files, describe_file, describe_page, files, page, parts};
use crate::{
    asset::{Asset, answer_by_name, schema_of_names},
    openapi::{Endpoint, Scalar, Schemas, Shape},
    problem::Problem,
};

const TEMPLATE: &str = include_str!("control/page.html");

const STYLE: [File; 1] = files! { "control/": "control.css" };

/// The program; the first is what starts it.
const MODULES: [File; 15] = files! {
    "control/": "control.js" "api.js" "chart.js" "dialog.js" "door.js" "feed.js" "find.js" "lists.js" "meters.js"
    "orders.js" "picture.js" "points.js" "products.js" "room.js" "words.js"
};

static PAGE: LazyLock<Asset> = LazyLock::new(|| page(TEMPLATE, &MODULES));

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
        "control.js".into()
    }

    fn refusal() -> String {
        String::new()
    }
}

/// `/` and `/pages`.
pub(crate) fn endpoints() -> [Endpoint; 2] {
    [
        Endpoint::at("/").reading(get_page, || {
            describe_page("controlRoom", "Show the control room").says(
                "A page on which operators see how sales go, and steer them. It asks this API and no other \
                 host, as whoever has signed in.",
            )
        }),
        Endpoint::at("/pages/{file}").reading(get_file, || {
            describe_file::<FileName>("controlRoomFile", "Show a part of the control room")
        }),
    ]
}

async fn get_page(request: HttpRequest) -> HttpResponse {
    PAGE.answer(&request)
}

async fn get_file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    answer_by_name(&FILES, &request)
}
