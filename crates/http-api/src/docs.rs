//! `/docs`: the description of the API for people, by Swagger UI. All that it needs comes from here:
//! it works where nothing else can be reached.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, web::Bytes};
use serde_json::Value;

use crate::{
    asset::{Asset, answer_by_name, schema_of_names},
    openapi::{Endpoint, Operation, Parameter, Scalar, Schemas, Shape, Tag},
    problem::{Kind, Problem},
};

/// What a page without a program may do.
pub(crate) const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the page of Swagger UI may do: it asks the service, and draws pictures that are in its own
/// style sheet.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

static PAGE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::of_text(HTML, include_str!("docs/page.html").to_owned()).with_policy(DOCS_POLICY)
});

/// What the page is made of, by name.
static FILES: LazyLock<[(&str, Asset); 4]> = LazyLock::new(|| {
    let text = |kind, text: &str| Asset::of_text(kind, text.to_owned());
    let compressed = |kind, bytes| Asset::of_gzip(kind, Bytes::from_static(bytes));
    [
        ("page.css", text(CSS, include_str!("docs/page.css"))),
        ("start.js", text(JAVASCRIPT, include_str!("docs/start.js"))),
        (
            "swagger-ui.css",
            compressed(CSS, include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"))),
        ),
        (
            "swagger-ui-bundle.js",
            compressed(
                JAVASCRIPT,
                include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz")),
            ),
        ),
    ]
});

/// The name of a file.
struct FileName;

impl Shape for FileName {
    const NAME: Option<&'static str> = Some("FileName");

    fn schema(_: &mut Schemas) -> Value {
        schema_of_names(&*FILES)
    }
}

impl Scalar for FileName {
    fn example() -> Value {
        "page.css".into()
    }

    fn refusal() -> String {
        String::new()
    }
}

/// `/docs`.
pub(super) fn endpoints() -> [Endpoint; 2] {
    endpoints_at("/docs", "/docs/{file}")
}

/// The page and its files elsewhere. It shows the `openapi.json` beside it.
pub(crate) fn endpoints_at(page: &'static str, files: &'static str) -> [Endpoint; 2] {
    [
        Endpoint::at(page).reading(get_page, describe_page),
        Endpoint::at(files).reading(get_file, describe_file),
    ]
}

fn describe_page() -> Operation {
    Operation::new(Tag::Description, "docs", "Show this document to people")
        .says("A page in which each request can be tried. It asks no other host.")
        .parameters(Asset::parameters())
        .answers(Asset::answers(HTML, "The page"))
}

fn describe_file() -> Operation {
    Operation::new(Tag::Description, "docsFile", "Show a part of the page")
        .says("What the page is made of.")
        .parameter(Parameter::path::<FileName>("file", "The file."))
        .parameters(Asset::parameters())
        .answers(Asset::answers(CSS, "The file").map(|answer| {
            if answer.contents.is_empty() { answer } else { answer.or_text(JAVASCRIPT) }
        }))
        .problem(Kind::NotFound)
}

async fn get_page(request: HttpRequest) -> HttpResponse {
    PAGE.answer(&request)
}

async fn get_file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    answer_by_name(&*FILES, &request)
}
