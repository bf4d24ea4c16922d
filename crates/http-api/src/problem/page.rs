//! `/problems`: a page about each type of problem, for whoever meets one, and one that lists them.

use std::{fmt::Write as _, sync::LazyLock};

use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use serde_json::{Value, json};

use super::{Kind, Problem};
use crate::{
    asset::Asset,
    docs,
    openapi::{Endpoint, Operation, Parameter, Scalar, Schemas, Shape, Tag},
    params::of_path,
};

const TEMPLATE: &str = include_str!("page.html");
const LIST_TEMPLATE: &str = include_str!("list.html");

const HTML: &str = "text/html; charset=utf-8";

static LIST: LazyLock<Asset> = LazyLock::new(|| asset(list()));

/// The page of each type.
static PAGES: LazyLock<Vec<(Kind, Asset)>> =
    LazyLock::new(|| Kind::ALL.iter().map(|&kind| (kind, asset(page(kind)))).collect());

/// The name of a type.
struct Name;

impl Shape for Name {
    const NAME: Option<&'static str> = Some("ProblemName");

    fn schema(_: &mut Schemas) -> Value {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        let of_operators = Kind::ALL.iter().filter(|kind| kind.is_of_operators());
        let of_operators: Vec<_> = of_operators.map(|kind| format!("`{}`", kind.name())).collect();
        let says = format!(
            "The last part of a type. Operators only are answered {}.",
            of_operators.join(", ")
        );
        json!({ "type": "string", "enum": names, "description": says })
    }
}

impl Scalar for Name {
    fn example() -> Value {
        Kind::SoldOut.name().into()
    }

    fn refusal() -> String {
        String::new()
    }
}

/// `/problems`.
pub(crate) fn endpoints() -> [Endpoint; 2] {
    [
        Endpoint::at("/problems").reading(get_list, describe_list),
        Endpoint::at("/problems/{name}").reading(get_page, describe),
    ]
}

fn describe_list() -> Operation {
    Operation::new(Tag::Description, "problems", "List the types of problems")
        .says("Each by its title, with what it means and where its page is: a page for people.")
        .parameters(Asset::parameters())
        .answers(Asset::answers(HTML, "The page"))
}

fn describe() -> Operation {
    Operation::new(Tag::Description, "problem", "Explain a type of problem")
        .says("What it means, what to do about it, and examples: a page for people.")
        .parameter(Parameter::path::<Name>("name", "The type."))
        .parameters(Asset::parameters())
        .answers(Asset::answers(HTML, "The page"))
        .problem(Kind::NotFound)
}

async fn get_list(request: HttpRequest) -> HttpResponse {
    LIST.answer(&request)
}

async fn get_page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name: String = of_path(&request, "name")?;
    let page = PAGES.iter().find(|(kind, _)| kind.name() == name);
    let (_, page) = page.ok_or_else(|| Problem::no_such_route(request.path()))?;
    Ok(page.answer(&request))
}

fn asset(page: String) -> Asset {
    Asset::of_text(HTML, page).with_policy(docs::PAGE_POLICY)
}

/// All types, by the lowest status that each comes with.
fn list() -> String {
    let mut kinds: Vec<_> = Kind::ALL.iter().map(|kind| (kind.statuses(), *kind)).collect();
    kinds.sort_by_key(|(statuses, _)| statuses.first().copied());
    let mut problems = String::new();
    for (statuses, kind) in kinds {
        let statuses: Vec<_> = statuses.iter().map(u16::to_string).collect();
        let (path, title, statuses) = (kind.path(), escaped(title(kind)), statuses.join(", "));
        let means = format!("{}{}", kind.is_for(), prose(kind.about().means));
        let _ = write!(
            problems,
            "<dt><a href=\"{}\">{title}</a> <span class=\"status\">{statuses}</span></dt>\
             <dd>{means}</dd>",
            path.trim_start_matches('/'),
        );
    }
    LIST_TEMPLATE.replace("{problems}", &problems)
}

fn title(kind: Kind) -> &'static str {
    kind.samples().first().map_or(kind.name(), |sample| sample.title)
}

fn page(kind: Kind) -> String {
    let samples = kind.samples();
    let about = kind.about();
    let mut members = String::new();
    for member in kind.members() {
        let (name, says) = (escaped(member.name), prose(member.says));
        let _ = write!(members, "<dt><code>{name}</code></dt><dd>{says}</dd>");
    }
    if !members.is_empty() {
        members = format!("<h2>What it says</h2><dl>{members}</dl>");
    }
    let examples = samples.iter().map(example).collect::<String>();
    let parts = [
        ("{title}", escaped(title(kind))),
        ("{type}", escaped(kind.path())),
        ("{means}", format!("{}{}", kind.is_for(), prose(about.means))),
        ("{remedy}", prose(about.remedy)),
        ("{members}", members),
        ("{examples}", examples),
    ];
    parts.iter().fold(TEMPLATE.to_owned(), |page, (name, part)| page.replace(name, part))
}

fn example(problem: &Problem) -> String {
    let status = problem.status_code();
    let document = serde_json::to_string_pretty(problem).unwrap_or_default();
    let retry = problem.retry_after_s.map(|seconds| format!("Retry-After: {seconds}\n"));
    let allow = problem.allow.as_ref().map(|methods| format!("Allow: {methods}\n"));
    let challenge = problem.challenge.as_ref().and_then(|it| it.to_str().ok());
    let challenge = challenge.map(|text| format!("WWW-Authenticate: {text}\n"));
    let text = format!(
        "HTTP/1.1 {status}\nContent-Type: application/problem+json\n{}{}{}\n{document}",
        retry.unwrap_or_default(),
        allow.unwrap_or_default(),
        challenge.unwrap_or_default(),
    );
    format!("<pre>{}</pre>", escaped(&text))
}

/// A text in which every other part between backticks is a name.
fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        let part = escaped(part);
        if index % 2 == 1 { format!("<code>{part}</code>") } else { part }
    });
    parts.collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use actix_web::{body::MessageBody as _, http::header::ACCEPT_ENCODING, test::TestRequest};

    use super::*;

    #[actix_web::test]
    async fn a_page_is_written_and_compressed_once_for_all_who_ask() {
        let name = Kind::SoldOut.name();
        for coding in ["gzip", "identity"] {
            let request = || {
                let request = TestRequest::get().insert_header((ACCEPT_ENCODING, coding));
                request.param("name", name).to_http_request()
            };
            let body = |answer: HttpResponse| answer.into_body().try_into_bytes().unwrap();

            let lists = [body(get_list(request()).await), body(get_list(request()).await)];
            let pages = [get_page(request()).await, get_page(request()).await];
            let pages = pages.map(|page| body(page.unwrap()));

            for [one, other] in [lists, pages] {
                assert!(!one.is_empty());
                assert_eq!(one.as_ptr(), other.as_ptr(), "{coding}: it is the same memory");
            }
        }
    }

    #[test]
    fn what_is_written_into_a_page_is_text_in_it() {
        assert_eq!(
            prose("a < b, `<c>` & \"d\""),
            "a &lt; b, <code>&lt;c&gt;</code> &amp; &quot;d&quot;"
        );
    }

    #[test]
    fn all_of_a_type_have_the_same_title() {
        for kind in Kind::ALL {
            let titles: Vec<_> = kind.samples().iter().map(|sample| sample.title).collect();
            assert!(titles.iter().all(|it| *it == title(*kind)), "{kind:?}: {titles:?}");
        }
        for problem in [Problem::unsupported_charset(), Problem::unsupported_coding()] {
            assert_eq!(problem.title, title(Kind::InvalidRequest));
        }
    }

    #[test]
    fn what_operators_alone_are_answered_says_so() {
        let of_operators = [Kind::ProductNotFound, Kind::ActionRefused, Kind::IdempotencyKeyUsed];
        for kind in Kind::ALL {
            let says_so = page(*kind).contains("<p>Operators only. ");
            assert_eq!(says_so, of_operators.contains(kind), "{kind:?}");
        }
        assert_eq!(list().matches("<dd>Operators only. ").count(), of_operators.len());
    }

    #[test]
    fn the_list_leads_to_every_type() {
        let list = list();

        for kind in Kind::ALL {
            let (link, means) = (format!("href=\"problems/{}\"", kind.name()), kind.about().means);
            assert!(list.contains(&link) && list.contains(&prose(means)), "{kind:?}");
        }
        assert!(!list.contains("{problems}"));
    }

    #[test]
    fn every_type_has_a_page_with_its_meaning_its_remedy_and_its_examples() {
        for kind in Kind::ALL {
            let page = page(*kind);

            let about = kind.about();
            for part in [kind.path().to_owned(), prose(about.means), prose(about.remedy)] {
                assert!(page.contains(&part), "{kind:?}: {part}");
            }
            assert_eq!(page.matches("<pre>").count(), kind.samples().len(), "{kind:?}");
            for name in ["{title}", "{type}", "{means}", "{remedy}", "{members}", "{examples}"] {
                assert!(!page.contains(name), "{kind:?}: {name}");
            }
        }
    }
}
