//! `/admin/session`, `/admin/enter` and `/admin/me`: signing in with a browser, and who one is.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{LOCATION, SET_COOKIE},
    },
    web,
};
use serde_json::{Value, json};

use super::{
    Operators,
    access::{By, COOKIE_NAME, Known},
    asks::{Viewer, refused},
    refusal::Refusal,
};
use crate::{
    api::Api,
    caching::{NO_STORE, not_stored},
    openapi::{
        Answer, Endpoint, Operation, Parameter, Scalar, Schemas, Shape, Tag, bodies, header,
        scalars,
    },
    params::Params,
    problem::Problem,
};

/// Where whoever signed in by a link is sent.
const HOME: &str = "/";

scalars! {
    /// What an operator is called.
    Name is "OperatorName": {
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "description": "What an operator is called, as the file of the tokens has it.",
    }
    /// What an operator may do.
    RoleName is "Role": {
        "type": "string",
        "enum": ["viewer", "operator"],
        "description": "A viewer looks, an operator acts, too.",
    }
    /// What an operator is known by.
    Means is "Means": {
        "type": "string",
        "enum": ["token", "session"],
        "description": "What they are known by.",
    }
}

bodies! {
    /// Who asks.
    struct OperatorBody as "Operator" {
        /// What they are called.
        name: String as Name,
        /// What they may do.
        role: &'static str as RoleName,
        /// What they are known by.
        by: &'static str as Means,
    }
}

/// What is in a link to sign in by.
struct TicketText;

impl Shape for TicketText {
    const NAME: Option<&'static str> = None;

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "string" })
    }
}

impl Scalar for TicketText {
    fn example() -> Value {
        "5a1f0c2b6d1e4f57".into()
    }

    fn refusal() -> String {
        String::new()
    }
}

pub(super) fn endpoints() -> [Endpoint; 3] {
    [
        Endpoint::at("/admin/me").reading(get_me, describe_me),
        Endpoint::at("/admin/session").on(Method::POST, sign_in, describe_sign_in).on(
            Method::DELETE,
            sign_out,
            describe_sign_out,
        ),
        Endpoint::at("/admin/enter").on(Method::GET, enter, describe_enter),
    ]
}

fn example(by: By) -> Value {
    let by = by_name(by);
    json!(OperatorBody { name: "ann".to_owned(), role: "operator", by })
}

fn describe_me() -> Operation {
    let operator = Answer::json::<OperatorBody>(200, "Who asks.", example(By::Token));
    Operation::new(Tag::Operators, "operator", "Say who asks, and what they may do")
        .answer(operator.headers([header::caching("no-store")]))
        .of_viewer()
}

fn describe_sign_in() -> Operation {
    let operator = Answer::json::<OperatorBody>(200, "Who signed in.", example(By::Session));
    Operation::new(Tag::Operators, "signIn", "Begin a session")
        .says(
            "For a browser: whoever shows a token gets a cookie for it, which is good for as long as the \
             token is, an hour after the last request and twelve in all, in this process. The token is in \
             the header, and nowhere else. A page that asks must be of this host.",
        )
        .answer(operator.headers([header::caching("no-store"), header::cookie()]))
        .of_token()
}

fn describe_sign_out() -> Operation {
    let gone = Answer::empty(204, "There is no such session any more.");
    Operation::new(Tag::Operators, "signOut", "End a session")
        .says("Of whoever has none it is that already. A page that asks must be of this host.")
        .answer(gone.headers([header::caching("no-store"), header::cookie()]))
        .refused(&[Refusal::Origin])
}

fn describe_enter() -> Operation {
    let entered = Answer::empty(303, "They are signed in.");
    Operation::new(Tag::Operators, "enter", "Begin a session by the link of the start")
        .says(
            "A process that serves from a directory prints a link to this where it is started from a \
             terminal. It is good once, and for five minutes.",
        )
        .parameter(Parameter::query::<TicketText>("ticket", "What is in the link."))
        .answer(entered.headers([
            header::caching("no-store"),
            header::location(HOME),
            header::cookie(),
        ]))
        .refused(&[Refusal::Ticket, Refusal::Guesses(1)])
}

/// Says who asks.
async fn get_me(request: HttpRequest, Viewer(known): Viewer) -> Result<HttpResponse, Problem> {
    Params::of_query(&request).finish(Some(()))?;
    Ok(not_stored(OperatorBody::of(&known)))
}

/// Gives a browser a session for a token.
async fn sign_in(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    Params::of_query(&request).finish(Some(()))?;
    let begun = operators(&api)?.sign_in(&request).map_err(|it| refused(&it))?;
    let (secret, known) = begun.ok_or_else(Problem::no_random)?;
    tracing::info!(name = %known.name, role = %known.role, "an operator signed in with a token");
    let mut answer = HttpResponse::Ok();
    answer.insert_header(NO_STORE).insert_header((SET_COOKIE, cookie(&secret)));
    Ok(answer.json(OperatorBody::of(&known)))
}

/// Ends the session of a browser, and has it forget the cookie.
async fn sign_out(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    Params::of_query(&request).finish(Some(()))?;
    operators(&api)?.sign_out(&request).map_err(|it| refused(&it))?;
    let no_cookie = format!("{}; Max-Age=0", cookie(""));
    let mut answer = HttpResponse::NoContent();
    answer.insert_header(NO_STORE).insert_header((SET_COOKIE, no_cookie));
    Ok(answer.finish())
}

/// Gives whoever has the link of the start a session, and has the ticket leave the address bar.
async fn enter(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let mut params = Params::of_query(&request);
    let ticket = params.required::<String>("ticket");
    let ticket = params.finish(ticket)?;
    let begun = operators(&api)?.enter(&request, &ticket).map_err(|it| refused(&it))?;
    let (secret, known) = begun.ok_or_else(Problem::no_random)?;
    tracing::info!(name = %known.name, role = %known.role, "an operator signed in by the link of the start");
    let mut answer = HttpResponse::SeeOther();
    answer.insert_header(NO_STORE).insert_header((LOCATION, HOME));
    Ok(answer.insert_header((SET_COOKIE, cookie(&secret))).finish())
}

fn operators(api: &Api) -> Result<&Operators, Problem> {
    api.operators.as_deref().ok_or_else(|| refused(&Refusal::Missing))
}

/// No page reads it, and no page of another site has it sent along. It is not `Secure`, for the listener
/// speaks plain HTTP: to this machine, or to a proxy.
fn cookie(secret: &str) -> String {
    format!("{COOKIE_NAME}={secret}; HttpOnly; SameSite=Strict; Path=/")
}

const fn by_name(by: By) -> &'static str {
    match by {
        By::Token => "token",
        By::Session => "session",
    }
}

impl OperatorBody {
    fn of(known: &Known) -> Self {
        Self { name: known.name.to_string(), role: known.role.name(), by: by_name(known.by) }
    }
}
