//! A shop, and who visits it.

use std::{
    fs,
    ops::Deref,
    path::PathBuf,
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use dev_servers::{Browser, Program, Service, Stores, Tab};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_flashsale");

/// How long the service may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// The sizes that each state is looked at in: a telephone and a desk.
const SIZES: [(u32, u32); 2] = [(360, 760), (1_280, 800)];

/// One for all tests; each visitor has cookies and storage of their own.
static BROWSER: LazyLock<Browser> = LazyLock::new(|| Browser::start().unwrap());

static AXE: LazyLock<String> = LazyLock::new(|| dev_servers::axe().unwrap());

/// The service in one process, with a directory of its own.
pub(crate) struct Shop {
    // First, so that it is gone before what it uses.
    pub(crate) service: Service,
    _stores: Stores,
}

impl Shop {
    /// One sale that is open, of units of these terms, such as `("SALE_STOCK", "1")`.
    pub(crate) fn open(terms: &[(&str, &str)]) -> Self {
        Self::with(terms, &[&["sales", "schedule", "--starts-at", &ago_s(60), "--lasts", "6h"]])
    }

    /// What operators' commands make of an empty one.
    pub(crate) fn with(terms: &[(&str, &str)], commands: &[&[&str]]) -> Self {
        let stores = Stores::embedded().unwrap();
        let program = Program::at(BINARY)
            .on(&stores.place())
            .env("SALE_PERIOD", "off")
            .env("ADMIN_ADDR", "off")
            .env("QUEUE_WAIT_MAX", "10s")
            .envs(terms.iter().copied());
        program.run(&["migrate"]).unwrap();
        for command in commands {
            program.run(command).unwrap();
        }
        let service = program.start(&["serve"]).unwrap();
        service.await_ready(PATIENCE).unwrap();
        Self { service, _stores: stores }
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

/// A moment so many seconds ago, as commands take it.
pub(crate) fn ago_s(seconds: i64) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds)).to_string()
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
        let tab = BROWSER.visitor();
        tab.show_as(1_280, 800, false, true);
        Self { tab }
    }

    /// The same person in another tab.
    pub(crate) fn another_tab(&self, shop: &Shop) -> Self {
        let tab = self.tab.another();
        tab.show_as(1_280, 800, false, true);
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

    /// The units that the page keeps, the newest first.
    pub(crate) fn kept(&self) -> Vec<Value> {
        let kept = self.read("JSON.parse(localStorage.getItem('flashsale.units') ?? '[]')");
        kept.as_array().cloned().unwrap_or_default()
    }

    /// What the service answers to a request of this page.
    pub(crate) fn asks(&self, method: &str, path: &str) -> Value {
        self.read(&format!("fetch('{path}', {{ method: '{method}' }}).then(it => it.text()).then(it => it ? JSON.parse(it) : null)"))
    }

    /// Looks at the state it is in, in both sizes and both themes: whether everybody can use it, and whether it
    /// fits; and leaves the pictures.
    pub(crate) fn looks(&self, state: &str) {
        let dir = pictures();
        for (width, height) in SIZES {
            for is_dark in [false, true] {
                self.show_as(width, height, is_dark, true);
                // Two frames, so that what was resized is drawn.
                self.read("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))");
                self.read("Promise.all([...document.images].map(it => it.decode().catch(() => {}))).then(() => document.fonts.ready).then(() => 1)");
                let theme = if is_dark { "dark" } else { "light" };
                let name = format!("{state}-{width}-{theme}");
                assert_eq!(
                    self.read("document.documentElement.scrollWidth <= innerWidth"),
                    true,
                    "{name}: too wide"
                );
                self.picture(&dir.join(format!("{name}.png")));
                // Each size once, and each theme.
                if is_dark == (width == SIZES[0].0) {
                    self.can_be_used_by_everybody(&name);
                }
            }
        }
        self.show_as(1_280, 800, false, true);
    }

    fn can_be_used_by_everybody(&self, name: &str) {
        if self.read("typeof axe") == "undefined" {
            self.read(&format!("{}; 1", *AXE));
        }
        let tags = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";
        let found = self.read(&format!("axe.run(document, {{ runOnly: {tags}, resultTypes: ['violations'] }}).then(it => it.violations.map(v => `${{v.id}}: ${{v.nodes.map(n => n.target + ' ' + n.failureSummary).join('; ')}}`))"));
        assert_eq!(found, Value::Array(Vec::new()), "{name}");
    }
}

/// Where pictures are left.
fn pictures() -> PathBuf {
    static MADE: Mutex<()> = Mutex::new(());
    let _made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")),
        PathBuf::from,
    );
    let dir = target.join("pages");
    fs::create_dir_all(&dir).unwrap();
    dir
}
