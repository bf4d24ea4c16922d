//! A browser, and what is looked at in each state of a page.

use std::{
    env, fs,
    path::PathBuf,
    sync::{LazyLock, Mutex, PoisonError},
};

use dev_servers::{Browser, Tab};
use serde_json::{Value, json};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_flashsale");

/// The sizes that each state is looked at in: a telephone and a desk.
const SIZES: [(u32, u32); 2] = [(360, 760), (1_280, 800)];

/// One for all tests; each visitor has cookies and storage of their own.
static BROWSER: LazyLock<Browser> = LazyLock::new(|| Browser::start().unwrap());

static AXE: LazyLock<String> = LazyLock::new(|| dev_servers::axe().unwrap());

/// A moment so many seconds ago, as commands take it.
pub(crate) fn ago_s(seconds: i64) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds)).to_string()
}

/// A tab of somebody who was never here.
pub(crate) fn stranger() -> Tab {
    at_a_desk(BROWSER.visitor())
}

/// A tab as it is seen at a desk.
pub(crate) fn at_a_desk(tab: Tab) -> Tab {
    tab.show_as(1_280, 800, false, true);
    tab
}

/// A program that has a browser's clock be wrong by so much.
pub(crate) fn clock_wrong_by(ms: i64) -> String {
    format!(
        "{{ const D = Date, now = () => D.now() + {ms}; window.Date = class extends D {{ constructor(...of) {{ of.length ? super(...of) : super(now()); }} static now() {{ return now(); }} }}; }}"
    )
}

/// What is between a browser and the service.
#[derive(Clone, Copy)]
pub(crate) struct Network {
    latency_ms: u32,
    /// As much as there is if it is negative.
    bytes_a_second: i32,
    is_offline: bool,
}

pub(crate) const GOOD: Network = Network { latency_ms: 0, bytes_a_second: -1, is_offline: false };
/// The telephone network of the third generation, somewhere in the country.
pub(crate) const G3: Network =
    Network { latency_ms: 300, bytes_a_second: 50_000, is_offline: false };
pub(crate) const NONE: Network = Network { latency_ms: 0, bytes_a_second: 0, is_offline: true };

/// Gives a tab this network from now on.
pub(crate) fn has_network(tab: &Tab, network: Network) {
    let Network { latency_ms, bytes_a_second, is_offline } = network;
    let conditions = json!({ "offline": is_offline, "latency": latency_ms,
        "downloadThroughput": bytes_a_second, "uploadThroughput": bytes_a_second });
    tab.order("Network.emulateNetworkConditions", conditions);
}

/// Looks at the state a page is in, in both sizes and both themes: whether everybody can use it, and whether it
/// fits; and leaves the pictures.
pub(crate) fn look(tab: &Tab, state: &str) {
    look_at(tab, state, None);
}

/// The same, at the part of it with this name.
pub(crate) fn look_at(tab: &Tab, state: &str, part: Option<&str>) {
    let dir = pictures();
    for (width, height) in SIZES {
        for is_dark in [false, true] {
            tab.show_as(width, height, is_dark, true);
            if let Some(part) = part {
                tab.read(&format!(
                    "document.getElementById('{part}').scrollIntoView({{ block: 'center' }})"
                ));
            }
            // Two frames, so that what was resized is drawn.
            tab.read("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))");
            tab.read("Promise.all([...document.images].map(it => it.decode().catch(() => {}))).then(() => document.fonts.ready).then(() => 1)");
            let theme = if is_dark { "dark" } else { "light" };
            let name = format!("{state}-{width}-{theme}");
            assert!(fits(tab), "{name}: too wide");
            tab.picture(&dir.join(format!("{name}.png")));
            // Each size once, and each theme.
            if is_dark == (width == SIZES[0].0) {
                if part.is_some() {
                    // What stays above has something below it in the middle of a page.
                    tab.read("scrollTo(0, 0)");
                }
                can_be_used_by_everybody(tab, &name);
            }
        }
    }
    tab.show_as(1_280, 800, false, true);
}

/// Whether nothing is wider than the screen.
pub(crate) fn fits(tab: &Tab) -> bool {
    tab.read("document.documentElement.scrollWidth <= innerWidth") == true
}

fn can_be_used_by_everybody(tab: &Tab, name: &str) {
    if tab.read("typeof axe") == "undefined" {
        tab.read(&format!("{}; 1", *AXE));
    }
    let tags = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";
    let found = tab.read(&format!("axe.run(document, {{ runOnly: {tags}, resultTypes: ['violations'] }}).then(it => it.violations.map(v => `${{v.id}}: ${{v.nodes.map(n => n.target + ' ' + n.failureSummary).join('; ')}}`))"));
    assert_eq!(found, Value::Array(Vec::new()), "{name}");
}

/// Where pictures are left.
fn pictures() -> PathBuf {
    static MADE: Mutex<()> = Mutex::new(());
    let _made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")),
        PathBuf::from,
    );
    let dir = target.join("pages");
    fs::create_dir_all(&dir).unwrap();
    dir
}
