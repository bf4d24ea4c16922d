//! A shop, and who visits it.

use std::ops::Deref;

use dev_servers::{Service, Stores, Tab};
use serde_json::Value;

use crate::{
    eye::{self, ago_s},
    served,
};

/// The service in one process, with stores of its own.
pub(crate) struct Shop {
    // First, so that it is gone before what it uses.
    pub(crate) service: Service,
    pub(crate) stores: Stores,
}

impl Shop {
    /// One sale that is open, of units of these terms, such as `("SALE_STOCK", "1")`; in a directory.
    pub(crate) fn open(terms: &[(&str, &str)]) -> Self {
        Self::with(terms, &[&["sales", "schedule", "--starts-at", &ago_s(60), "--lasts", "6h"]])
    }

    /// The same on servers.
    pub(crate) fn open_on_servers() -> Self {
        let sale = ["sales", "schedule", "--starts-at", &ago_s(60), "--lasts", "6h"];
        Self::on(served::servers(), &[], &[&sale])
    }

    /// What operators' commands make of an empty one in a directory.
    pub(crate) fn with(terms: &[(&str, &str)], commands: &[&[&str]]) -> Self {
        Self::on(Stores::embedded().unwrap(), terms, commands)
    }

    fn on(stores: Stores, terms: &[(&str, &str)], commands: &[&[&str]]) -> Self {
        let program = served::program(&stores).env("ADMIN_ADDR", "off").envs(terms.iter().copied());
        Self { service: served::serve(&program, commands), stores }
    }

    /// Somebody who was never here, and has opened the page.
    pub(crate) fn visitor(&self) -> Visitor {
        let visitor = Visitor::stranger();
        visitor.open(self.service.url());
        visitor
    }

    /// Somebody who has put in a name.
    pub(crate) fn buyer(&self, name: &str) -> Visitor {
        let visitor = self.visitor();
        visitor.is_called(name);
        visitor
    }
}

/// A tab with the page in it.
pub(crate) struct Visitor {
    tab: Tab,
}

impl Deref for Visitor {
    type Target = Tab;

    fn deref(&self) -> &Tab {
        &self.tab
    }
}

impl Visitor {
    /// Somebody who is about to open the page.
    pub(crate) fn stranger() -> Self {
        Self { tab: eye::stranger() }
    }

    /// The same person in another tab.
    pub(crate) fn another_tab(&self, shop: &Shop) -> Self {
        let tab = eye::at_a_desk(self.tab.another());
        tab.open(shop.service.url());
        Self { tab }
    }

    /// Waits until the page is in a state.
    pub(crate) fn sees(&self, view: &str) {
        self.until(&format!("document.getElementById('main').dataset.view === '{view}'"));
    }

    /// Waits until a part says this.
    pub(crate) fn reads(&self, part: &str, words: &str) {
        let words = Value::from(words);
        self.until(&format!("document.getElementById('{part}').textContent.includes({words})"));
    }

    /// What a part says.
    pub(crate) fn text(&self, part: &str) -> String {
        let text = self.read(&format!("document.getElementById('{part}').textContent"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Puts in a name, or a token.
    pub(crate) fn is_called(&self, name: &str) {
        self.until("!!document.getElementById('user').offsetParent");
        self.read("document.getElementById('user').focus()");
        self.type_text(name);
    }

    /// Presses a button of these words, as soon as it can be pressed.
    pub(crate) fn presses(&self, words: &str) {
        let button = format!(
            "[...document.querySelectorAll('#act button')].find(it => !it.hidden && it.textContent.startsWith({}))",
            Value::from(words)
        );
        self.until(&format!("!document.getElementById('act').classList.contains('rests') && {button} && {button}.ariaDisabled !== 'true'"));
        self.read(&format!("{button}.click()"));
    }

    /// Presses a button of these words where a name or a token is put in.
    pub(crate) fn presses_in_form(&self, words: &str) {
        let button = format!(
            "[...document.querySelectorAll('#who button')].find(it => it.offsetParent && it.textContent === {})",
            Value::from(words)
        );
        self.until(&format!("!!{button}"));
        self.read(&format!("{button}.click()"));
    }

    /// Presses the main button whenever it can be pressed, until the page is in a state: for whoever was told that the
    /// shop asks no more by itself.
    pub(crate) fn insists_until(&self, view: &str) {
        self.until(&format!("(() => {{ if (document.getElementById('main').dataset.view === '{view}') return true; const button = document.getElementById('main1'); if (!button.hidden && button.ariaDisabled !== 'true') button.click(); return false; }})()"));
    }

    /// The units that the page keeps, the newest first.
    pub(crate) fn kept(&self) -> Vec<Value> {
        let kept = self.read("Object.keys(localStorage).filter(it => it.startsWith('flashsale.unit.')).map(it => JSON.parse(localStorage[it])).sort((a, b) => Date.parse(b.expires_at) - Date.parse(a.expires_at))");
        kept.as_array().cloned().unwrap_or_default()
    }

    /// What became of the newest unit that the page keeps.
    pub(crate) fn newest_is(&self) -> String {
        self.kept()[0]["is"].as_str().unwrap_or_default().to_owned()
    }

    /// Lets so much time go by: what is awaited is that nothing happens.
    pub(crate) fn waits(&self, ms: u32) {
        self.read(&format!("new Promise(done => setTimeout(() => done(1), {ms}))"));
    }

    /// How often something of this address was asked for.
    pub(crate) fn has_asked(&self, path: &str) -> usize {
        self.requests().iter().filter(|it| it.contains(path)).count()
    }

    /// What the service answers to a request of this page.
    pub(crate) fn asks(&self, method: &str, path: &str) -> Value {
        self.read(&format!("fetch('{path}', {{ method: '{method}' }}).then(it => it.text()).then(it => it ? JSON.parse(it) : null)"))
    }

    /// Waits until the sale stands so: what is told of it may be a moment old.
    pub(crate) fn finds(&self, sold: u32, held: u32) {
        self.until(&format!("fetch('/sales/current', {{ cache: 'no-store' }}).then(it => it.json()).then(it => it.sold === {sold} && it.held === {held})"));
    }

    /// Looks at the state it is in.
    pub(crate) fn looks(&self, state: &str) {
        eye::look(self, state);
    }
}
