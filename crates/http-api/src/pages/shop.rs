//! `/`: the shop window, where people buy. It asks this API for all that it shows; what it is made of is
//! beside this file.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::{CSS, FONT, File, HTML, JAVASCRIPT, POLICY, SHARED, SVG, asset};
use crate::{
    api::Api,
    asset::{Asset, answer_by_name, schema_of_names},
    openapi::{Answer, Endpoint, Operation, Parameter, Scalar, Schemas, Shape, Tag},
    params::Params,
    problem::{Kind, Problem},
};

const TEMPLATE: &str = include_str!("shop/page.html");

/// Names each file of a folder, and has it in the program.
macro_rules! files {
    ($($name:literal)+) => { [$(($name, include_bytes!(concat!("shop/", $name)))),+] };
}

/// The program, in the order in which it is needed; the first is what starts it.
const MODULES: [File; 14] = files! {
    "shop.js" "actions.js" "api.js" "clock.js" "dom.js" "feed.js" "panel.js" "sale.js" "shelf.js" "state.js"
    "units.js" "wall.js" "who.js" "words.js"
};

/// The page where `user_id` is believed, and where buyers have tokens: only there it has a place for one.
static PAGES: LazyLock<[Asset; 2]> = LazyLock::new(|| [page("off"), page("on")]);

/// What it is made of, by name.
static FILES: LazyLock<Vec<(&str, Asset)>> = LazyLock::new(|| {
    let own: [File; 2] = files! { "back.svg" "shop.css" };
    SHARED.into_iter().chain(own).chain(MODULES).map(asset).collect()
});

/// The name of a file.
struct FileName;

impl Shape for FileName {
    const NAME: Option<&'static str> = Some("PageFileName");

    fn schema(_: &mut Schemas) -> Value {
        schema_of_names(&*FILES)
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
        Endpoint::at("/").reading(get_page, describe_page),
        Endpoint::at("/pages/{file}").reading(get_file, describe_file),
    ]
}

fn page(identity: &str) -> Asset {
    // A browser need not read one to learn of the next.
    let modules: Vec<_> = MODULES
        .iter()
        .map(|(name, _)| format!("<link rel=\"modulepreload\" href=\"pages/{name}\">"))
        .collect();
    let html = TEMPLATE.replace("{identity}", identity).replace("{modules}", &modules.join("\n"));
    Asset::of_text(HTML, html).with_policy(POLICY)
}

fn describe_page() -> Operation {
    Operation::new(Tag::Description, "shop", "Show the shop window")
        .says("A page on which people buy. It asks this API and no other host.")
        .parameters(Asset::parameters())
        .answers(Asset::answers(HTML, "The page"))
        .unlimited()
}

fn describe_file() -> Operation {
    let files = |answer: Answer| {
        let kinds = [JAVASCRIPT, SVG];
        let is_empty = answer.contents.is_empty();
        if is_empty {
            answer
        } else {
            kinds.into_iter().fold(answer, Answer::or_text).or_file(FONT)
        }
    };
    Operation::new(Tag::Description, "shopFile", "Show a part of the shop window")
        .says("What the page is made of.")
        .parameter(Parameter::path::<FileName>("file", "The file."))
        .parameters(Asset::parameters())
        .answers(Asset::answers(CSS, "The file").map(files))
        .problem(Kind::NotFound)
        .unlimited()
}

async fn get_page(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    Params::of_query(&request).finish(Some(()))?;
    let [believing, asking] = &*PAGES;
    let page = if api.identity.is_some() { asking } else { believing };
    Ok(page.answer(&request))
}

async fn get_file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    answer_by_name(&*FILES, &request)
}
