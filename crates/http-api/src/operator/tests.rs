//! Who is let in, over HTTP.

use actix_http::Request;
use actix_web::{
    App,
    dev::{Service, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{
            AUTHORIZATION, CACHE_CONTROL, COOKIE, HOST, HeaderMap, HeaderName, LOCATION, ORIGIN,
            RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE,
        },
    },
    test::{TestRequest, init_service, read_body},
    web,
};
use fakes::World;
use serde_json::Value;
use tokio::time::advance;

use super::{
    asks::Operator,
    sessions::{IDLE_MAX, TICKET_LASTS},
    *,
};
use crate::{
    openapi::{Access, Operation},
    test_api::{api_for, api_over},
};

const OWN: &str = "localhost:8081";

/// Somebody who operates, by what they show.
struct Shown {
    token: String,
    line: String,
}

fn shown(name: &str, role: Role) -> Shown {
    let made = NewToken::draw().unwrap();
    let line = made.line(&name.parse().unwrap(), role);
    Shown { token: made.token, line }
}

/// An API where these operate.
fn api(operators: &[&Shown]) -> web::Data<Api> {
    let lines: Vec<_> = operators.iter().map(|it| it.line.as_str()).collect();
    web::Data::new(api_for(&World::new(), &format!("#\n{}", lines.join("\n"))))
}

/// What an operator may do and a viewer may not.
async fn act(Operator(known): Operator) -> String {
    known.name.to_string()
}

async fn app_of(
    api: web::Data<Api>,
) -> impl Service<Request, Response = ServiceResponse, Error = actix_web::Error> {
    let app = App::new().app_data(api).service(web::resource("/act").to(act));
    init_service(app.configure(operator_routes)).await
}

fn request(method: Method, path: &str) -> TestRequest {
    TestRequest::with_uri(path).method(method).insert_header((HOST, OWN))
}

fn with_token(request: TestRequest, token: &str) -> TestRequest {
    request.insert_header((AUTHORIZATION, format!("Bearer {token}")))
}

/// The answer: its status, what is in it if that is JSON, and its header fields.
async fn ask(
    app: &impl Service<Request, Response = ServiceResponse, Error = actix_web::Error>,
    request: TestRequest,
) -> (StatusCode, Value, HeaderMap) {
    let answer = app.call(request.to_request()).await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, serde_json::from_slice(&read_body(answer).await).unwrap_or_default(), headers)
}

fn header(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).map_or("", |it| it.to_str().unwrap())
}

/// What a browser sends along of a cookie that it was given.
fn sent_along(set: &str) -> String {
    set.split(';').next().unwrap().to_owned()
}

#[actix_web::test]
async fn a_token_says_who_asks_and_what_they_may_do() {
    let (ann, bob) = (shown("ann", Role::Operator), shown("bob", Role::Viewer));
    let app = app_of(api(&[&ann, &bob])).await;
    let me = |token: &str| with_token(request(Method::GET, "/admin/me"), token);

    let (status, body, answer) = ask(&app, me(&ann.token)).await;
    assert_eq!((status, body["name"].as_str()), (StatusCode::OK, Some("ann")));
    assert_eq!((&body["role"], &body["by"]), (&"operator".into(), &"token".into()));
    assert_eq!(header(&answer, CACHE_CONTROL), "no-store");
    let (_, body, _) = ask(&app, me(&bob.token)).await;
    assert_eq!((&body["name"], &body["role"]), (&"bob".into(), &"viewer".into()));
    let acting = |token: &str| with_token(request(Method::POST, "/act"), token);
    assert_eq!(ask(&app, acting(&ann.token)).await.0, StatusCode::OK);
    let (status, body, _) = ask(&app, acting(&bob.token)).await;
    assert_eq!((status, &body["type"]), (StatusCode::FORBIDDEN, &"/problems/forbidden".into()));
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains("needs the role operator, and bob has the role viewer"), "{detail}");
}

#[actix_web::test]
async fn whoever_shows_nothing_or_something_else_is_told_what_to_show() {
    let ann = shown("ann", Role::Operator);
    let app = app_of(api(&[&ann])).await;
    let me = || request(Method::GET, "/admin/me");
    let unknown = NewToken::draw().unwrap().token;

    for (asked, is_error) in [
        (me(), false),
        (me().insert_header((AUTHORIZATION, "Basic YW5uOmdlaGVpbQ==")), false),
        (me().insert_header((COOKIE, "flashsale_admin=geheim; other=1")), false),
        (with_token(me(), &unknown), true),
        (with_token(me(), &ann.token[1..]), true),
        (with_token(me(), &format!("{}0", ann.token)), true),
        (with_token(me(), ""), true),
        (with_token(me(), "short"), true),
        (with_token(me(), &"x".repeat(5_000)), true),
        (with_token(me(), &ann.token).append_header((AUTHORIZATION, "Bearer x")), true),
    ] {
        let (status, body, answer) = ask(&app, asked).await;

        assert_eq!(
            (status, &body["type"]),
            (StatusCode::UNAUTHORIZED, &"/problems/unauthorized".into())
        );
        let challenge = header(&answer, WWW_AUTHENTICATE);
        assert!(challenge.starts_with("Bearer realm="), "{challenge}");
        assert_eq!(challenge.contains("error=\"invalid_token\""), is_error, "{challenge}");
        assert!(
            !body.to_string().contains("geheim") && !body.to_string().contains(&ann.token[..8])
        );
    }
}

#[actix_web::test]
async fn a_session_lasts_until_it_is_ended_and_no_token_is_needed_in_it() {
    let ann = shown("ann", Role::Operator);
    let app = app_of(api(&[&ann])).await;
    let sign_in = with_token(request(Method::POST, "/admin/session"), &ann.token);

    let (status, body, answer) = ask(&app, sign_in).await;
    assert_eq!((status, &body["by"]), (StatusCode::OK, &"session".into()));
    let set = header(&answer, SET_COOKIE);
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains(&ann.token));
    let cookie = sent_along(set);
    let of_session = |method, path| request(method, path).insert_header((COOKIE, cookie.clone()));
    let (status, body, _) = ask(&app, of_session(Method::GET, "/admin/me")).await;
    assert_eq!(
        (status, &body["name"], &body["by"]),
        (StatusCode::OK, &"ann".into(), &"session".into())
    );

    let by_proxy =
        of_session(Method::GET, "/admin/me").insert_header((AUTHORIZATION, "Basic eDp5"));
    assert_eq!(ask(&app, by_proxy).await.0, StatusCode::OK, "what a proxy is told is not for us");

    let other_page = of_session(Method::DELETE, "/admin/session");
    let other_page = other_page.insert_header((ORIGIN, "http://localhost:8080"));
    assert_eq!(ask(&app, other_page).await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(&app, of_session(Method::GET, "/admin/me")).await.0, StatusCode::OK);
    let out = of_session(Method::DELETE, "/admin/session");
    let out = out.insert_header((ORIGIN, "http://localhost:8081"));
    let (status, _, answer) = ask(&app, out).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(header(&answer, SET_COOKIE).starts_with("flashsale_admin=; "));
    assert!(header(&answer, SET_COOKIE).ends_with("; Max-Age=0"));
    assert_eq!(ask(&app, of_session(Method::GET, "/admin/me")).await.0, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn a_browser_acts_for_a_page_of_this_host_alone() {
    let ann = shown("ann", Role::Operator);
    let app = app_of(api(&[&ann])).await;
    let sign_in = || with_token(request(Method::POST, "/admin/session"), &ann.token);
    let foreign = sign_in().insert_header((ORIGIN, "https://evil.example"));
    assert_eq!(ask(&app, foreign).await.0, StatusCode::FORBIDDEN);
    let (_, _, answer) =
        ask(&app, sign_in().insert_header((ORIGIN, "http://localhost:8081"))).await;
    let cookie = sent_along(header(&answer, SET_COOKIE));
    let acting = || request(Method::POST, "/act").insert_header((COOKIE, cookie.clone()));

    for origin in ["https://evil.example", "null", "http://localhost:8080", "http://127.0.0.1:8081"]
    {
        let (status, body, _) = ask(&app, acting().insert_header((ORIGIN, origin))).await;
        assert_eq!((status, &body["type"]), (StatusCode::FORBIDDEN, &"/problems/forbidden".into()));
    }
    assert_eq!(
        ask(&app, acting()).await.0,
        StatusCode::FORBIDDEN,
        "a browser says whose page it was"
    );
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let asked = request(method, "/act").insert_header((COOKIE, cookie.clone()));
        assert_eq!(ask(&app, asked).await.0, StatusCode::FORBIDDEN);
    }
    let own = acting().insert_header((ORIGIN, "http://localhost:8081"));
    assert_eq!(ask(&app, own).await.0, StatusCode::OK);
    // Whoever shows a token does so on purpose, and nothing else is looked at.
    let by_token = with_token(acting().insert_header((ORIGIN, "https://evil.example")), &ann.token);
    assert_eq!(ask(&app, by_token).await.0, StatusCode::OK);
    let wrong =
        with_token(acting().insert_header((ORIGIN, "http://localhost:8081")), &"x".repeat(40));
    assert_eq!(ask(&app, wrong).await.0, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn whoever_is_taken_out_of_the_file_is_out_and_a_role_is_what_it_is_now() {
    let (ann, bob) = (shown("ann", Role::Operator), shown("bob", Role::Operator));
    let data = api(&[&ann, &bob]);
    let app = app_of(data.clone()).await;
    let mut sessions = Vec::new();
    for it in [&ann, &bob] {
        let (_, _, answer) =
            ask(&app, with_token(request(Method::POST, "/admin/session"), &it.token)).await;
        sessions.push(sent_along(header(&answer, SET_COOKIE)));
    }
    let operators = data.operators.as_ref().unwrap();
    assert_eq!(operators.renew(&format!("#\n{}\n{}", ann.line, bob.line)), Ok(None));
    assert!(operators.renew("ann").is_err());
    let of_session = |at: usize, method| {
        let asked = request(method, "/act").insert_header((COOKIE, sessions[at].clone()));
        asked.insert_header((ORIGIN, "http://localhost:8081"))
    };
    assert_eq!(ask(&app, of_session(0, Method::POST)).await.0, StatusCode::OK, "nothing changed");

    assert_eq!(operators.renew(&bob.line.replace("operator", "viewer")), Ok(Some(1)));

    assert_eq!(ask(&app, of_session(0, Method::GET)).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&app, of_session(1, Method::GET)).await.0, StatusCode::FORBIDDEN);
    let by_token = with_token(request(Method::GET, "/admin/me"), &ann.token);
    assert_eq!(ask(&app, by_token).await.0, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn a_link_signs_in_once_and_within_five_minutes() {
    tokio::time::pause();
    let own = NewToken::draw().unwrap().token;
    let hosts = Hosts::Of(std::net::Ipv4Addr::LOCALHOST.into());
    let operators = Operators::new(TokenSource::Own, &own, hosts).unwrap();
    let operators = std::sync::Arc::new(operators);
    let world = World::new();
    let app =
        app_of(web::Data::new(Api { operators: Some(operators.clone()), ..api_over(&world) }))
            .await;
    let enter = |ticket: &str| request(Method::GET, &format!("/admin/enter?ticket={ticket}"));
    assert_eq!(ask(&app, enter("made-up")).await.0, StatusCode::UNAUTHORIZED);
    let ticket = operators.invite().unwrap();

    let (status, _, answer) = ask(&app, enter(&ticket)).await;
    assert_eq!((status, header(&answer, LOCATION)), (StatusCode::SEE_OTHER, "/"));
    let cookie = sent_along(header(&answer, SET_COOKIE));
    let (_, me, _) =
        ask(&app, request(Method::GET, "/admin/me").insert_header((COOKIE, cookie))).await;
    assert_eq!((&me["name"], &me["role"]), (&"owner".into(), &"operator".into()));
    let (status, body, _) = ask(&app, enter(&ticket)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(!body.to_string().contains(&ticket));

    let late = operators.invite().unwrap();
    advance(TICKET_LASTS).await;
    assert_eq!(ask(&app, enter(&late)).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&app, request(Method::GET, "/admin/enter")).await.0, StatusCode::BAD_REQUEST);
}

#[actix_web::test]
async fn a_session_that_nobody_used_is_over() {
    tokio::time::pause();
    let ann = shown("ann", Role::Operator);
    let app = app_of(api(&[&ann])).await;
    let (_, _, answer) =
        ask(&app, with_token(request(Method::POST, "/admin/session"), &ann.token)).await;
    let cookie = sent_along(header(&answer, SET_COOKIE));

    advance(IDLE_MAX).await;

    let me = request(Method::GET, "/admin/me").insert_header((COOKIE, cookie));
    let (status, body, _) = ask(&app, me).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(body["detail"].as_str().unwrap().contains("sign in again"), "{body}");
}

#[actix_web::test]
async fn nothing_but_what_machines_ask_is_answered_by_another_name() {
    let ann = shown("ann", Role::Operator);
    let app = app_of(api(&[&ann])).await;
    let by = |host: &'static str, path: &str| {
        with_token(TestRequest::with_uri(path).insert_header((HOST, host)), &ann.token)
    };

    for path in
        ["/admin/me", "/admin/docs", "/admin/openapi.json", "/problems/forbidden", "/nothing"]
    {
        let (status, body, _) = ask(&app, by("evil.example:8081", path)).await;
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{path}");
        assert_eq!(body["errors"][0]["field"], "Host", "{path}");
        let expected = if path == "/nothing" { StatusCode::NOT_FOUND } else { StatusCode::OK };
        assert_eq!(ask(&app, by("127.0.0.1:8081", path)).await.0, expected, "{path}");
    }
    for path in ["/metrics", "/health/live"] {
        assert_eq!(ask(&app, by("10.1.2.3:8081", path)).await.0, StatusCode::OK, "{path}");
    }
}

/// A target may be a whole URL (RFC 9112, 3.2.2).
#[actix_web::test]
async fn a_target_that_names_a_host_is_asked_by_that_and_not_by_what_is_in_the_header() {
    let ann = shown("ann", Role::Operator);
    let app = app_of(api(&[&ann])).await;
    let asked = async |target: &str, hosts: &[&str]| {
        let request = with_token(TestRequest::with_uri(target), &ann.token);
        let request = hosts.iter().fold(request, |it, host| it.append_header((HOST, *host)));
        ask(&app, request).await.0
    };
    let (ok, misdirected) = (StatusCode::OK, StatusCode::MISDIRECTED_REQUEST);

    for (target, hosts, status) in [
        ("http://localhost:8081/admin/me", &[OWN][..], ok),
        ("http://127.0.0.1:8081/admin/me", &["evil.example"][..], ok),
        ("http://evil.example/admin/me", &[OWN][..], misdirected),
        ("https://evil.example:8081/admin/me", &["localhost"][..], misdirected),
        ("http://localhost.evil.example/admin/me", &[][..], misdirected),
        ("http://evil@localhost:8081/admin/me", &[OWN][..], misdirected),
        ("/admin/me", &[][..], misdirected),
        ("/admin/me", &[OWN, "evil.example"][..], misdirected),
        ("/admin/me", &["evil.example", OWN][..], misdirected),
    ] {
        assert_eq!(asked(target, hosts).await, status, "{target} {hosts:?}");
    }

    // A page is of the host that is asked, too.
    let acting = |target: &str, cookie: &str| {
        let request = TestRequest::with_uri(target).method(Method::DELETE);
        let request = request.insert_header((HOST, "evil.example"));
        let request = request.insert_header((ORIGIN, "http://evil.example"));
        request.insert_header((COOKIE, cookie.to_owned()))
    };
    let sign_in = with_token(request(Method::POST, "/admin/session"), &ann.token);
    let (_, _, answer) = ask(&app, sign_in).await;
    let cookie = sent_along(header(&answer, SET_COOKIE));
    let out = acting("http://localhost:8081/admin/session", &cookie);
    assert_eq!(ask(&app, out).await.0, StatusCode::FORBIDDEN);
}

/// All but what begins something by being asked.
#[test]
fn what_is_read_is_read_without_its_body_too() {
    let endpoints = crate::endpoints().into_iter().chain(endpoints());
    let methods = endpoints.map(|endpoint| {
        let methods: Vec<_> = endpoint.operations().map(|(method, _)| method.clone()).collect();
        (endpoint.path(), methods)
    });
    let bodies_alone = methods
        .filter(|(_, methods)| methods.contains(&Method::GET) && !methods.contains(&Method::HEAD));

    let mut paths: Vec<_> = bodies_alone.map(|(path, _)| path).collect();
    paths.sort_unstable();
    let begin = ["/admin/enter", "/admin/sales/{id}/attempts", "/admin/sales/{id}/purchases"];
    assert_eq!(paths, begin);
}

#[actix_web::test]
async fn whoever_guesses_is_looked_at_no_more_and_whoever_is_signed_in_goes_on() {
    let ann = shown("ann", Role::Operator);
    let app = app_of(api(&[&ann])).await;
    let from = |asked: TestRequest, address: &str| asked.peer_addr(address.parse().unwrap());
    let sign_in = with_token(request(Method::POST, "/admin/session"), &ann.token);
    let (_, _, answer) = ask(&app, from(sign_in, "10.0.0.1:1")).await;
    let cookie = sent_along(header(&answer, SET_COOKIE));
    let me = |token: &str, address: &str| {
        from(with_token(request(Method::GET, "/admin/me"), token), address)
    };
    let wrong = "x".repeat(40);

    let mut refused = 0;
    for _ in 0..40 {
        let (status, body, answer) = ask(&app, me(&wrong, "10.0.0.1:2")).await;
        if status == StatusCode::TOO_MANY_REQUESTS {
            refused += 1;
            assert_eq!(body["type"], "/problems/too-many-requests");
            assert_eq!(header(&answer, RETRY_AFTER), "1");
        }
    }

    assert!(refused >= 10, "{refused}");
    let (status, _, _) = ask(&app, me(&ann.token, "10.0.0.1:3")).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "else a guess that is right would be told");
    assert_eq!(ask(&app, me(&ann.token, "10.0.0.2:3")).await.0, StatusCode::OK);
    let of_session = request(Method::GET, "/admin/me").insert_header((COOKIE, cookie));
    assert_eq!(ask(&app, from(of_session, "10.0.0.1:4")).await.0, StatusCode::OK);
}

/// What needs nobody: signing in and out, the page on which one does, pictures, what says what there is, and what
/// machines ask.
const OPEN: [&str; 12] = [
    "DELETE /admin/session",
    "GET /",
    "GET /admin/docs",
    "GET /admin/docs/{file}",
    "GET /admin/enter",
    "GET /admin/openapi.json",
    "GET /items/{sale}/{unit}.svg",
    "GET /pages/{file}",
    "GET /problems",
    "GET /problems/{name}",
    "GET /products/images/{file}",
    "GET /health",
];

#[actix_web::test]
async fn every_route_but_those_that_are_named_needs_somebody_who_is_known() {
    let app = app_of(api(&[])).await;
    let mut open = Vec::new();

    for endpoint in endpoints() {
        for (method, Operation { access, .. }) in endpoint.operations() {
            let path = endpoint.path().replace("{file}", "page.css").replace("{name}", "forbidden");
            let (status, _, _) =
                ask(&app, request(method.clone(), &path.replace(['{', '}'], ""))).await;

            let needs = access != Access::Anybody;
            assert_eq!(status == StatusCode::UNAUTHORIZED, needs, "{method} {path}: {status}");
            if !needs && method != Method::HEAD {
                open.push(format!("{method} {}", endpoint.path()));
            }
        }
    }

    open.retain(|it| !it.starts_with("GET /health/"));
    open.sort_unstable();
    let mut expected = OPEN.map(str::to_owned);
    expected.sort_unstable();
    assert_eq!(open, expected);
}
