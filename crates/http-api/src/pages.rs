//! The pages for people, served with all that they need: they ask no other host, and are files that
//! are written by hand, sent as they are.

mod control;
mod shop;

use std::marker::PhantomData;

use actix_web::{HttpRequest, HttpResponse, web::Bytes};
use serde_json::Value;

use crate::{
    asset::{Asset, answer_by_name, schema_of_names},
    openapi::{Answer, Endpoint, Operation, Parameter, Scalar, Schemas, Shape, Tag},
    problem::{Kind, Problem},
};

/// The control room, where operators listen.
pub(super) use self::control::endpoints as endpoints_of_operators;
/// `/` and `/pages`.
pub(super) use self::shop::endpoints;

/// What a page may do: its own programs, styles, pictures and fonts, and ask the service. Nothing may
/// be written into it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const FONT: &str = "font/woff2";

/// A file by its name, and what is in it.
type File = (&'static str, &'static [u8]);

/// Names each file of a folder, which is beside whoever says so, and has it in the program.
macro_rules! files {
    ($folder:literal: $($name:literal)+) => {
        [$(($name, include_bytes!(concat!($folder, $name)).as_slice())),+]
    };
}
use files;

/// What pages have in common.
const SHARED: [File; 4] = [
    ("tokens.css", include_bytes!("pages/tokens.css")),
    ("back.svg", include_bytes!("pages/back.svg")),
    ("archivo.woff2", include_bytes!("pages/fonts/archivo.woff2")),
    ("besley.woff2", include_bytes!("pages/fonts/besley.woff2")),
];

/// The programs that they have in common.
const MODULES: [File; 5] =
    files! { "pages/": "clock.js" "dom.js" "events.js" "request.js" "sale.js" };

/// What a page is made of, by name.
type Files = Vec<(&'static str, Asset)>;

/// The parts of a page that has these of its own.
fn parts(own: impl IntoIterator<Item = File>) -> Files {
    SHARED.into_iter().chain(MODULES).chain(own).map(asset).collect()
}

/// A file as it is sent. What it is, its name says.
fn asset((name, content): File) -> (&'static str, Asset) {
    let content = Bytes::from_static(content);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let asset = match ending {
        "css" => Asset::of_bytes(CSS, content),
        "js" => Asset::of_bytes(JAVASCRIPT, content),
        "svg" => Asset::of_bytes(SVG, content),
        // It is compressed in itself.
        _ => Asset::of_packed(FONT, content),
    };
    (name, asset)
}

/// A page, written after its template; these are its programs.
fn page(template: &str, modules: &[File]) -> Asset {
    // A browser need not read one to learn of the next.
    let all = modules.iter().chain(&MODULES);
    let links: Vec<_> = all
        .map(|(name, _)| format!("<link rel=\"modulepreload\" href=\"pages/{name}\">"))
        .collect();
    Asset::of_text(HTML, template.replace("{modules}", &links.join("\n"))).with_policy(POLICY)
}

/// One of the pages.
trait Page: 'static {
    /// What is said of the page: the id of its operation, the summary, and more.
    const SAYS: [&'static str; 3];
    /// The id and the summary of what shows its parts.
    const SAYS_OF_PARTS: [&'static str; 2];
    /// The program that starts it.
    const STARTS_BY: &'static str;

    /// Its parts.
    fn parts() -> &'static Files;
}

/// Where a page is, and where its parts are.
fn endpoints_of<P: Page>(page: Endpoint) -> [Endpoint; 2] {
    [page, Endpoint::at("/pages/{file}").reading(get_part::<P>, describe_part::<P>)]
}

async fn get_part<P: Page>(request: HttpRequest) -> Result<HttpResponse, Problem> {
    answer_by_name(P::parts(), &request)
}

fn describe_page<P: Page>() -> Operation {
    let [id, summary, more] = P::SAYS;
    Operation::new(Tag::Description, id, summary)
        .says(more)
        .parameters(Asset::parameters())
        .answers(Asset::answers(HTML, "The page"))
        .unlimited()
}

fn describe_part<P: Page>() -> Operation {
    let files = |answer: Answer| {
        let kinds = [JAVASCRIPT, SVG];
        let is_empty = answer.contents.is_empty();
        if is_empty {
            answer
        } else {
            kinds.into_iter().fold(answer, Answer::or_text).or_file(FONT)
        }
    };
    let [id, summary] = P::SAYS_OF_PARTS;
    Operation::new(Tag::Description, id, summary)
        .says("What the page is made of.")
        .parameter(Parameter::path::<PartName<P>>("file", "The file."))
        .parameters(Asset::parameters())
        .answers(Asset::answers(CSS, "The file").map(files))
        .problem(Kind::NotFound)
        .unlimited()
}

/// The name of a part of a page.
struct PartName<P>(PhantomData<P>);

impl<P: Page> Shape for PartName<P> {
    const NAME: Option<&'static str> = Some("PageFileName");

    fn schema(_: &mut Schemas) -> Value {
        schema_of_names(P::parts())
    }
}

impl<P: Page> Scalar for PartName<P> {
    fn example() -> Value {
        P::STARTS_BY.into()
    }

    fn refusal() -> String {
        String::new()
    }
}
