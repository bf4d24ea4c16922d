//! A shop with operators, and who of them sits in its control room.

use std::{
    fs::{self, Permissions},
    net::{SocketAddr, TcpListener},
    ops::Deref,
    os::unix::fs::PermissionsExt as _,
};

use dev_servers::{Service, Stores, Tab};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    eye::{self, ago_s},
    served,
};

/// The service in one process, with stores of its own, an operator and a viewer.
pub(crate) struct Room {
    // First, so that it is gone before what it uses.
    pub(crate) service: Service,
    pub(crate) url: String,
    ann: String,
    bob: String,
    buyers: Tab,
    pub(crate) stores: Stores,
    _dir: TempDir,
}

impl Room {
    /// One sale that is open, of a hundred units; in a directory.
    pub(crate) fn open() -> Self {
        Self::with(&[&["sales", "schedule", "--starts-at", &ago_s(600), "--lasts", "6h"]])
    }

    /// The same on servers.
    pub(crate) fn open_on_servers() -> Self {
        let sale = ["sales", "schedule", "--starts-at", &ago_s(600), "--lasts", "6h"];
        Self::on(served::servers(), &[&sale])
    }

    /// What operators' commands make of an empty one in a directory.
    pub(crate) fn with(commands: &[&[&str]]) -> Self {
        Self::on(Stores::embedded().unwrap(), commands)
    }

    fn on(stores: Stores, commands: &[&[&str]]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (file, address) = (dir.path().join("tokens"), free_address());
        let program = served::program(&stores)
            .env("SALE_STOCK", "100")
            .env("ADMIN_ADDR", address.to_string())
            .env("ADMIN_TOKENS_FILE", file.to_str().unwrap());
        let [ann, bob] = [("ann", "operator"), ("bob", "viewer")]
            .map(|(name, role)| program.run(&["tokens", "make", name, role]).unwrap());
        let split =
            |made: &str| made.trim().split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned()));
        let ((ann, first), (bob, second)) = (split(&ann).unwrap(), split(&bob).unwrap());
        fs::write(&file, format!("{first}\n{second}\n")).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let service = served::serve(&program, commands);
        let url = format!("http://{address}");
        let buyers = eye::stranger();
        buyers.open(&format!("{}/docs", service.url()));
        Self { service, url, ann, bob, buyers, stores, _dir: dir }
    }

    /// Somebody with a browser, who has opened the page.
    pub(crate) fn stranger(&self) -> Operator {
        self.stranger_with(|_| {})
    }

    /// The same, with a tab that was made ready before.
    pub(crate) fn stranger_with(&self, prepare: impl FnOnce(&Tab)) -> Operator {
        let operator = Operator { tab: eye::stranger(), token: self.ann.clone() };
        prepare(&operator);
        operator.open(&self.url);
        operator
    }

    /// An operator, signed in.
    pub(crate) fn operator(&self) -> Operator {
        self.stranger().signed_in()
    }

    /// The same, who is told by the stream what a test says.
    pub(crate) fn operator_told(&self) -> Operator {
        self.stranger_with(|tab| tab.prepare(include_str!("stream.js"))).signed_in()
    }

    /// Somebody who may look, signed in.
    pub(crate) fn viewer(&self) -> Operator {
        let stranger = self.stranger();
        Operator { token: self.bob.clone(), ..stranger }.signed_in()
    }

    /// What somebody signs in by who may look.
    pub(crate) fn token_of_bob(&self) -> &str {
        &self.bob
    }

    /// What buyers are answered.
    pub(crate) fn buyers_ask(&self, method: &str, path: &str) -> Value {
        asked(&self.buyers, method, path)
    }

    /// Somebody takes a unit on hold; the code.
    pub(crate) fn hold(&self, user: &str) -> String {
        let held = self.buyers_ask("POST", &format!("/checkout?user_id={user}&id=1"));
        held["code"].as_str().unwrap_or_else(|| panic!("{held}")).to_owned()
    }

    /// Somebody buys a unit; the code.
    pub(crate) fn buy(&self, user: &str) -> String {
        let code = self.hold(user);
        self.buyers_ask("POST", &format!("/purchase?code={code}"));
        code
    }
}

/// Where nobody listens: a service that is started again is found where it was.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).unwrap()
}

fn asked(tab: &Tab, method: &str, path: &str) -> Value {
    tab.read(&format!("fetch('{path}', {{ method: '{method}' }}).then(it => it.text()).then(it => it ? JSON.parse(it) : null)"))
}

/// A tab with the control room in it.
pub(crate) struct Operator {
    tab: Tab,
    token: String,
}

impl Deref for Operator {
    type Target = Tab;

    fn deref(&self) -> &Tab {
        &self.tab
    }
}

impl Operator {
    /// Signs in by their token.
    fn signed_in(self) -> Self {
        self.until("!document.getElementById('door').hidden");
        self.types("token", &self.token);
        self.presses("Sign in");
        self.is_in();
        self
    }

    /// What they sign in by.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The same person in another tab.
    pub(crate) fn another_tab(&self, room: &Room) -> Self {
        let tab = eye::at_a_desk(self.tab.another());
        tab.open(&room.url);
        let operator = Self { tab, token: self.token.clone() };
        operator.is_in();
        operator
    }

    /// Waits until all of the room is there.
    pub(crate) fn is_in(&self) {
        self.until("!document.getElementById('main').hidden && document.querySelectorAll('#health li').length > 3 && !!document.getElementById('trail').children.length");
    }

    /// Waits until a part says this.
    pub(crate) fn reads(&self, part: &str, words: &str) {
        let words = Value::from(words);
        self.until(&format!("document.getElementById('{part}').innerText.includes({words})"));
    }

    /// What a part says.
    pub(crate) fn text(&self, part: &str) -> String {
        let text = self.read(&format!("document.getElementById('{part}')?.innerText ?? ''"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Puts a text into the field of this name, in the place of what is there.
    pub(crate) fn types(&self, field: &str, text: &str) {
        self.until(&format!("!!document.querySelector('[name={field}]')?.offsetParent"));
        self.read(&format!(
            "{{ const it = document.querySelector('[name={field}]'); it.focus(); it.select(); }}"
        ));
        self.type_text(text);
    }

    /// Looks up a user, a code or a unit.
    pub(crate) fn looks_up(&self, sought: &str) {
        self.types("sought", sought);
        self.press("Enter");
    }

    /// Has a field be so, as whoever chooses from a list or a calendar does.
    pub(crate) fn chooses(&self, field: &str, value: &str) {
        self.read(&format!("{{ const it = document.querySelector('dialog [name={field}]'); it.value = {}; it.dispatchEvent(new Event('input', {{ bubbles: true }})); }}", Value::from(value)));
    }

    /// Presses a button of these words, as soon as it can be pressed: of the dialog, if there is one.
    pub(crate) fn presses(&self, words: &str) {
        let button = format!(
            "[...(document.querySelector('dialog[open]') ?? document).querySelectorAll('button')].find(it => it.offsetParent && it.innerText.trim().startsWith({}))",
            Value::from(words)
        );
        self.until(&format!("!document.querySelector('dialog[open] .rests') && {button} && !{button}.disabled && {button}.ariaDisabled !== 'true'"));
        self.read(&format!("{button}.focus(), {button}.click()"));
    }

    /// Orders something: by a button, in the dialog of this title that it opens, for a reason, by the button
    /// of these words in it.
    pub(crate) fn gives_order(&self, button: &str, title: &str, why: &str, verb: &str) {
        self.presses(button);
        self.is_asked(title);
        self.types("why", why);
        self.presses(verb);
    }

    /// Presses the button that has an order asked for again, unless that was done by itself meanwhile.
    pub(crate) fn asks_again(&self) {
        self.read("document.querySelector('dialog[open] #act')?.click()");
    }

    /// Waits until a dialog asks this.
    pub(crate) fn is_asked(&self, title: &str) {
        self.until(&format!(
            "document.querySelector('dialog[open] h2')?.innerText.includes({})",
            Value::from(title)
        ));
    }

    /// What the operators' API answers to a request of this page.
    pub(crate) fn asks(&self, method: &str, path: &str) -> Value {
        asked(self, method, path)
    }

    /// Has the stream say this beside what the service says, and waits until it did.
    pub(crate) fn is_told(&self, made: &Value) {
        self.read(&format!("Object.assign(window.made, {made})"));
    }

    /// Waits until what came of an order is told, and is in the trail with its reason.
    pub(crate) fn has_done(&self, deed: &str, why: &str) {
        self.reads("toldText", deed);
        self.reads("trail", &format!("“{why}”"));
    }

    /// The orders that were given of a kind, as the trail has them.
    pub(crate) fn orders(&self, kind: &str) -> Vec<Value> {
        let trail = self.asks("GET", "/admin/actions?limit=100");
        let actions = trail["actions"].as_array().cloned().unwrap_or_default();
        actions.into_iter().filter(|it| it["action"] == kind).collect()
    }

    /// Looks at the state it is in.
    pub(crate) fn looks(&self, state: &str) {
        eye::look(self, &format!("control-{state}"));
    }

    /// The same, at the part of this name.
    pub(crate) fn looks_at(&self, part: &str, state: &str) {
        eye::look_at(self, &format!("control-{state}"), Some(part));
    }

    /// Has the ledger know these minutes of sales: how long ago, sold, on hold. The page is loaded anew.
    pub(crate) fn remembers(&self, minutes: &[(i64, u32, u32)]) {
        let points: Vec<_> = minutes
            .iter()
            .map(|(ago, sold, held)| {
                json!({ "seen_at": ago_s(ago * 60), "sold": sold, "held": held, "checkouts": 7, "refused": 3 })
            })
            .collect();
        self.prepare(&format!("window.minutes = {}", Value::from(points)));
        self.reload();
        self.is_in();
    }
}
