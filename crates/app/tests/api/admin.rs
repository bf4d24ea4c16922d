//! Who is let in where operators listen, and by what: tokens, sessions, and the link of the start.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use dev_servers::Service;
use reqwest::{Method, RequestBuilder};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    operators::{figure, metrics, operators_of},
    stack::{Answer, DOCUMENT_OF_OPERATORS, Kind, PATIENCE, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    whoever_has_a_token_is_let_in_where_operators_listen_and_nowhere_else
    a_file_is_read_again_and_one_that_is_of_no_use_changes_nothing
    a_browser_signs_in_and_out_and_is_let_in_by_its_own_page_alone
    no_log_of_any_level_has_what_lets_somebody_in
    whoever_tries_tokens_is_slowed_and_counted
}

/// What an operator has: their token, and the line of the file.
pub(crate) struct Made {
    pub(crate) token: String,
    line: String,
}

impl Made {
    /// The line, with another role.
    pub(crate) fn line_as(&self, role: &str) -> String {
        let [name, _, digest] = self.line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{}", self.line)
        };
        format!("{name} {role} {digest}")
    }
}

fn make(stack: &Stack, name: &str, role: &str) -> Made {
    let printed = stack.operate(&["tokens", "make", name, role]);
    let mut lines = printed.lines().map(str::to_owned);
    let made = Made { token: lines.next().unwrap(), line: lines.next().unwrap() };
    assert_eq!(lines.next(), None, "{printed}");
    made
}

/// A service with an operator and a viewer.
pub(crate) struct Shop {
    pub(crate) stack: Stack,
    pub(crate) url: String,
    pub(crate) ann: Made,
    pub(crate) bob: Made,
    file: PathBuf,
    _dir: TempDir,
}

impl Shop {
    pub(crate) async fn open(kind: Kind) -> Self {
        Self::open_with(Settings { processes: 1, ..Settings::on(kind) }).await
    }

    pub(crate) async fn open_with(settings: Settings) -> Self {
        Self::open_on(Stack::prepare(settings)).await
    }

    /// On what is prepared and does not run.
    pub(crate) async fn open_on(mut stack: Stack) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tokens");
        let (ann, bob) = (make(&stack, "ann", "operator"), make(&stack, "bob", "viewer"));
        write(&file, &format!("# The shop's\n{}\n{} # looks\n", ann.line, bob.line));
        let named = file.to_str().unwrap().to_owned();
        stack.set_env([("ADMIN_TOKENS_FILE", named), ("RUST_LOG", "trace".to_owned())]);
        stack.start_app().await;
        let url = operators_of(&stack.apps[0]);
        Self { stack, url, ann, bob, file, _dir: dir }
    }

    /// The same shop, where its process listens since it was started again.
    pub(crate) async fn found_again(mut self) -> Self {
        // It may not have said so yet: what it said before is in the same log.
        let answers = self.stack.once("operators are listened to again", async |stack| {
            let log = stack.apps[0].log();
            let (_, since) = log.rsplit_once("metrics at http://")?;
            let (address, _) = since.split_once("/metrics")?;
            let url = format!("http://{address}");
            stack.http.get(format!("{url}/health/live")).send().await.ok().map(|_| url)
        });
        self.url = answers.await;
        self
    }

    /// From now on nobody is let in but by these lines.
    pub(crate) fn let_in<'l>(&self, lines: impl IntoIterator<Item = &'l str>) {
        let lines = lines.into_iter().fold(String::new(), |all, line| all + line + "\n");
        write(&self.file, &format!("# Others\n{lines}"));
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.stack.http.request(method, format!("{}{path}", self.url))
    }

    async fn me(&self, token: &str) -> Answer {
        let request = self.request(Method::GET, "/admin/me").bearer_auth(token);
        Answer::read_as_operator(request).await.unwrap()
    }

    async fn count(&self, reason: &str) -> f64 {
        let line = format!("flashsale_operators_refused_total{{reason=\"{reason}\"}}");
        figure(&metrics(&self.stack, &self.url).await, &line).unwrap_or_default()
    }

    /// How often a file of other tokens was read. Who waits by asking is wrong too often meanwhile.
    fn times_read(&self) -> usize {
        self.stack.apps[0].log().matches("read the tokens of operators again").count()
    }

    /// The cookie of a new session.
    pub(crate) async fn sign_in(&self, token: &str) -> String {
        let request = self.request(Method::POST, "/admin/session").bearer_auth(token);
        let answer = Answer::read_as_operator(request).await.unwrap();
        assert_eq!((answer.status, &answer.body["by"]), (200, &"session".into()));
        cookie(&answer)
    }
}

/// What a browser keeps of the cookie that it is given.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// Writes a file for its owner alone.
fn write(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

async fn whoever_has_a_token_is_let_in_where_operators_listen_and_nowhere_else(kind: Kind) {
    let shop = Shop::open(kind).await;

    let (ann, bob) = (shop.me(&shop.ann.token).await, shop.me(&shop.bob.token).await);
    assert_eq!(
        (ann.status, &ann.body["name"], &ann.body["role"]),
        (200, &"ann".into(), &"operator".into())
    );
    assert_eq!(
        (bob.status, &bob.body["name"], &bob.body["role"]),
        (200, &"bob".into(), &"viewer".into())
    );
    let request = shop.request(Method::GET, "/admin/me");
    let missing = Answer::read_as_operator(request).await.unwrap();
    assert_eq!((missing.status, missing.name()), (401, "unauthorized"));
    assert!(missing.header("www-authenticate").unwrap().starts_with("Bearer "));
    assert_eq!(shop.me(&"x".repeat(68)).await.status, 401);

    for path in ["/admin/me", "/admin/session", "/admin/docs", "/admin/openapi.json", "/admin"] {
        let request = shop.stack.http.get(format!("{}{path}", shop.stack.url()));
        let public = Answer::read(request.bearer_auth(&shop.ann.token)).await.unwrap();
        assert_eq!((public.status, public.name()), (404, "not-found"), "{path}");
    }
    for path in ["/sales/current", "/checkout", "/docs", "/openapi.json", "/admin"] {
        let request = shop.request(Method::GET, path).bearer_auth(&shop.ann.token);
        let there = Answer::read_as_operator(request).await.unwrap();
        assert_eq!((there.status, there.name()), (404, "not-found"), "{path}");
    }
    let described = Answer::read_as_operator(shop.request(Method::GET, "/admin/openapi.json"));
    assert_eq!(described.await.unwrap().body, *DOCUMENT_OF_OPERATORS);
    let page = Answer::read_as_operator(shop.request(Method::GET, "/admin/docs")).await.unwrap();
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let problem = missing.body["type"].as_str().unwrap();
    let problem = Answer::read_as_operator(shop.request(Method::GET, problem)).await.unwrap();
    assert_eq!(problem.status, 200, "a type leads to its page here, too");

    let other_name = shop.request(Method::GET, "/admin/me").bearer_auth(&shop.ann.token);
    let other_name = other_name.header("host", "evil.example:8081");
    assert_eq!(Answer::read_as_operator(other_name).await.unwrap().status, 421);
    let own = shop.url.strip_prefix("http://").unwrap();
    for (target, host, status) in
        [("http://evil.example:8081", own, "421"), (shop.url.as_str(), "evil.example", "200")]
    {
        let token = &shop.ann.token;
        let request = format!(
            "GET {target}/admin/me HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
             connection: close\r\n\r\n"
        );
        let answer = said_to(own, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {host}: {answer}");
    }
    let machine = shop.request(Method::GET, "/metrics").header("host", "evil.example:8081");
    assert_eq!(Answer::read_anywhere(machine).await.unwrap().status, 200);
    let counts = (shop.count("host").await.to_string(), shop.count("missing").await.to_string());
    assert_eq!(counts, ("2".to_owned(), "1".to_owned()));
}

/// The answer to bytes that no client of HTTP would send.
async fn said_to(address: &str, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn a_file_is_read_again_and_one_that_is_of_no_use_changes_nothing(kind: Kind) {
    let shop = Shop::open(kind).await;
    let session = shop.sign_in(&shop.bob.token).await;
    let carl = make(&shop.stack, "carl", "viewer");
    assert_eq!(shop.me(&carl.token).await.status, 401);

    write(&shop.file, &format!("{}\n{}\n", shop.ann.line, carl.line));
    shop.stack.until("the new ones are read", async |_| shop.times_read() == 1).await;
    assert_eq!(shop.me(&carl.token).await.status, 200);
    assert_eq!(shop.me(&shop.bob.token).await.status, 401, "whoever is not in it is out");
    let of_session = shop.request(Method::GET, "/admin/me").header("cookie", session);
    assert_eq!(Answer::read_as_operator(of_session).await.unwrap().status, 401);

    let outdated = async || {
        figure(&metrics(&shop.stack, &shop.url).await, "flashsale_operator_tokens_outdated")
    };
    write(&shop.file, &format!("{}\nbob operator {}\n", shop.ann.line, shop.bob.token));
    shop.stack.until("a mistake is told of", async |_| outdated().await == Some(1.0)).await;
    assert_eq!(shop.me(&carl.token).await.status, 200, "they stay as they were");
    let log = shop.stack.apps[0].log();
    assert!(log.contains("the tokens of operators stay as they were"), "{log}");
    assert!(
        log.contains("ADMIN_TOKENS_FILE: ") && log.contains("line 2: has a token where"),
        "{log}"
    );
    assert!(!log.contains(&shop.bob.token));

    fs::remove_file(&shop.file).unwrap();
    let is_missed = async |stack: &Stack| stack.apps[0].log().contains("cannot be read");
    shop.stack.until("that it is gone is told", is_missed).await;
    assert_eq!(shop.me(&carl.token).await.status, 200);

    write(&shop.file, "# nobody\n");
    shop.stack.until("that nobody is let in is read", async |_| shop.times_read() == 2).await;
    assert_eq!(shop.me(&carl.token).await.status, 401);
    assert_eq!(shop.me(&shop.ann.token).await.status, 401);
    shop.stack.until("all is well", async |_| outdated().await == Some(0.0)).await;
}

async fn a_browser_signs_in_and_out_and_is_let_in_by_its_own_page_alone(kind: Kind) {
    let shop = Shop::open(kind).await;
    let cookie = shop.sign_in(&shop.ann.token).await;
    let with = |method, path| shop.request(method, path).header("cookie", &cookie);
    let me = Answer::read_as_operator(with(Method::GET, "/admin/me")).await.unwrap();
    assert_eq!((me.status, &me.body["name"]), (200, &"ann".into()));

    let out = || with(Method::DELETE, "/admin/session");
    for origin in ["http://evil.example", "null", shop.stack.url()] {
        let foreign = Answer::read_as_operator(out().header("origin", origin)).await.unwrap();
        assert_eq!((foreign.status, foreign.name()), (403, "forbidden"), "{origin}");
    }
    assert_eq!(Answer::read_as_operator(out()).await.unwrap().status, 403);
    let foreign = shop.request(Method::POST, "/admin/session").bearer_auth(&shop.ann.token);
    let foreign = foreign.header("origin", "http://evil.example");
    assert_eq!(Answer::read_as_operator(foreign).await.unwrap().status, 403);
    let me = Answer::read_as_operator(with(Method::GET, "/admin/me")).await.unwrap();
    assert_eq!(me.status, 200, "nobody signed them out");

    let own = Answer::read_as_operator(out().header("origin", &shop.url)).await.unwrap();
    assert_eq!(own.status, 204);
    let me = Answer::read_as_operator(with(Method::GET, "/admin/me")).await.unwrap();
    assert_eq!((me.status, me.name()), (401, "unauthorized"));
    assert_eq!(shop.count("origin").await.to_string(), "5");
}

async fn no_log_of_any_level_has_what_lets_somebody_in(kind: Kind) {
    let shop = Shop::open(kind).await;
    let cookie = shop.sign_in(&shop.ann.token).await;
    let wrong = format!("{}0", shop.ann.token);
    let ticket = "5a1f0c2b6d1e4f57aa";

    assert_eq!(shop.me(&wrong).await.status, 401);
    let of_session = shop.request(Method::GET, "/admin/me").header("cookie", &cookie);
    assert_eq!(Answer::read_as_operator(of_session).await.unwrap().status, 200);
    let entering = shop.request(Method::GET, &format!("/admin/enter?ticket={ticket}"));
    let entering = Answer::read_as_operator(entering).await.unwrap();
    assert_eq!((entering.status, entering.text.contains(ticket)), (401, false));

    let shown = metrics(&shop.stack, &shop.url).await;
    let log = shop.stack.apps[0].log();
    assert!(log.contains("TRACE") && log.contains("an operator signed in"), "{log}");
    let (_, secret) = cookie.split_once('=').unwrap();
    for secret in [&shop.ann.token, &shop.bob.token, secret, ticket] {
        assert!(!log.contains(secret) && !shown.contains(secret), "{secret}");
    }
}

async fn whoever_tries_tokens_is_slowed_and_counted(kind: Kind) {
    let shop = Shop::open(kind).await;

    // One a second is looked at, and a request takes far less.
    shop.stack
        .until("nothing is looked at", async |_| shop.me(&"x".repeat(68)).await.status == 429)
        .await;
    let refused = shop.me(&shop.ann.token).await;

    // Another second may have begun.
    assert!([200, 429].contains(&refused.status), "{refused:?}");
    assert!(shop.count("unknown").await >= 20.0);
    assert!(shop.count("guesses").await >= 1.0);
    shop.stack
        .until("who is right comes through", async |_| shop.me(&shop.ann.token).await.status == 200)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_nobody_operates_on_servers_and_that_is_said() {
    let stack = Stack::start(Settings { processes: 1, ..Settings::on(Kind::Servers) }).await;
    let url = operators_of(&stack.apps[0]);
    let made = make(&stack, "ann", "operator");

    for path in ["/admin/me", "/admin/session", "/admin/docs", "/admin/openapi.json"] {
        let request = stack.http.get(format!("{url}{path}")).bearer_auth(&made.token);
        assert_eq!(Answer::read_anywhere(request).await.unwrap().status, 404, "{path}");
    }
    let health = stack.http.get(format!("{url}/health"));
    assert_eq!(Answer::read_as_operator(health).await.unwrap().status, 200);
    let log = stack.apps[0].log();
    assert!(log.contains("nobody operates: without ADMIN_TOKENS_FILE"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_has_a_token_for_whoever_has_the_machine() {
    let mut stack = Stack::prepare(Settings::on(Kind::Embedded));
    let path = stack.data_dir().join("admin.token");
    assert!(!path.exists(), "no command makes one");
    stack.start_app().await;
    let token = fs::read_to_string(&path).unwrap();
    let url = operators_of(&stack.apps[0]);

    let request = stack.http.get(format!("{url}/admin/me")).bearer_auth(token.trim());
    let me = Answer::read_as_operator(request).await.unwrap();

    assert_eq!(
        (me.status, &me.body["name"], &me.body["role"]),
        (200, &"owner".into(), &"operator".into())
    );
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let log = stack.apps[0].log();
    assert!(log.contains("by the token in ") && log.contains("admin.token"), "{log}");
    // A pipe is no terminal.
    assert!(!log.contains("ticket=") && !log.contains(token.trim()), "{log}");
    stack.apps[0].terminate().unwrap();
    stack.apps[0].start_again().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), token);
    let off = Stack::prepare(Settings::on(Kind::Embedded));
    let nowhere = off.start_app_in_shell("exec \"$0\" serve --admin-addr off");
    nowhere.await_ready(PATIENCE).unwrap();
    assert!(!off.data_dir().join("admin.token").exists());
}

/// A service of a directory that is started from a terminal, and the link that it shows there.
fn start_at_a_terminal(stack: &Stack) -> (Service, String) {
    // Its output goes to a terminal of its own, and what is there comes back.
    let app = stack.start_app_in_shell("exec script -qfec \"'$0' serve\" /dev/null");
    app.await_words("ticket=", PATIENCE).unwrap();
    app.await_ready(PATIENCE).unwrap();
    let log = app.log();
    let (_, rest) = log.split_once("once: ").unwrap();
    (app, rest.split_whitespace().next().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_starts_it_at_a_terminal_gets_a_link_that_is_good_once() {
    let stack = Stack::prepare(Settings::on(Kind::Embedded));
    let (app, link) = tokio::task::block_in_place(|| start_at_a_terminal(&stack));
    let no_redirects = reqwest::redirect::Policy::none();
    let browser = reqwest::Client::builder().redirect(no_redirects).build().unwrap();

    let entered = Answer::read_as_operator(browser.get(&link)).await.unwrap();

    assert_eq!((entered.status, entered.header("location")), (303, Some("/")));
    assert_eq!(entered.header("referrer-policy"), Some("no-referrer"));
    let (url, _) = link.split_once("/admin/").unwrap();
    let me = browser.get(format!("{url}/admin/me")).header("cookie", cookie(&entered));
    let me = Answer::read_as_operator(me).await.unwrap();
    assert_eq!((me.status, &me.body["name"]), (200, &"owner".into()));
    let again = Answer::read_as_operator(browser.get(&link)).await.unwrap();
    assert_eq!((again.status, again.name()), (401, "unauthorized"));
    drop(app);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_cannot_be_meant_are_refused_with_what_is_wrong() {
    let stack = Stack::prepare(Settings { by_hand: false, ..Settings::on(Kind::Embedded) });
    let dir = tempfile::tempdir().unwrap();
    let made = make(&stack, "ann", "operator");
    let tokens = |name: &str, content: &str| {
        let path = dir.path().join(name);
        write(&path, content);
        path.to_str().unwrap().to_owned()
    };
    let serve = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = stack.command();
        // One that is not refused must not wait for a port, nor take one that is used.
        command.env("HTTP_ADDR", "127.0.0.1:0").env("ADMIN_ADDR", "127.0.0.1:0");
        command.args(arguments).envs(variables.iter().copied());
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let of_file = "ADMIN_TOKENS_FILE";
    let absent = dir.path().join("absent").to_str().unwrap().to_owned();

    for (variables, arguments, words) in [
        (
            vec![(of_file, tokens("wrong", "ann boss 00"))],
            &["serve"][..],
            &["ADMIN_TOKENS_FILE: ", "line 1: "][..],
        ),
        (vec![(of_file, absent)], &["serve"], &["ADMIN_TOKENS_FILE: ", "cannot be read"]),
        (
            vec![(of_file, tokens("good", &made.line)), ("ADMIN_ADDR", "off".to_owned())],
            &["serve"],
            &["ADMIN_TOKENS_FILE is set, but ADMIN_ADDR is off"],
        ),
        (
            vec![("ADMIN_HOSTS", "http://a".to_owned())],
            &["serve"],
            &["--admin-hosts", "is no host"],
        ),
        (vec![], &["tokens", "make", "an n", "viewer"], &["<NAME>", "position 3"]),
        (vec![], &["tokens", "make", "ann", "boss"], &["must be viewer or operator"]),
    ] {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (done, said) = serve(&variables, arguments);
        assert!(!done && words.iter().all(|it| said.contains(it)), "{variables:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_everybody_may_read_is_warned_of() {
    let mut stack = Stack::prepare(Settings::on(Kind::Embedded));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens");
    let made = make(&stack, "ann", "operator");
    fs::write(&file, &made.line).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let named = file.to_str().unwrap().to_owned();
    stack.set_env([("ADMIN_TOKENS_FILE", named.clone())]);

    stack.start_app().await;

    let log = stack.apps[0].log();
    let line = log.lines().find(|line| line.contains("by everybody on this machine")).unwrap();
    assert!(line.contains("WARN") && line.contains(&named), "{line}");
    assert!(!stack.data_dir().join("admin.token").exists(), "the file says who");
}
