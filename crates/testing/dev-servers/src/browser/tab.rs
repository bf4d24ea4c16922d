//! A tab of a browser, as a hand and an eye: it opens pages, presses keys, reads what is there, and has
//! the network do badly.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::wire::Wire;

/// How long a condition is awaited before the test fails. Generous: machines are slow at times.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What becomes of requests of a page whose addresses fit a pattern.
#[derive(Debug, Clone)]
pub enum Meddling {
    /// They are carried out, and the answers get lost on the way.
    LoseAnswers,
    /// They do not leave the browser.
    Refuse,
    /// Something in between answers them: a status, a content type and a text.
    Answer(u16, &'static str, String),
}

/// A tab. What it complained of is kept, for [`complaints`](Self::complaints).
pub struct Tab {
    wire: Arc<Wire>,
    session: String,
    visitor: Arc<Visitor>,
    told: Arc<Mutex<Told>>,
}

/// Whose cookies and storage it has. The browser forgets them, and closes what is open of theirs, with the
/// last tab: pages that nobody looks at any more would go on drawing, and slow down the others.
pub(super) struct Visitor {
    wire: Arc<Wire>,
    context: String,
}

impl Visitor {
    pub(super) fn in_browser(wire: &Arc<Wire>) -> Arc<Self> {
        let made = wire.call("Target.createBrowserContext", json!({}), None);
        let context = made["browserContextId"].as_str().unwrap_or_default().to_owned();
        Arc::new(Self { wire: Arc::clone(wire), context })
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let context = json!({ "browserContextId": self.context });
        self.wire.tell("Target.disposeBrowserContext", context, None);
    }
}

#[derive(Default)]
struct Told {
    complaints: Vec<String>,
    requests: Vec<String>,
    meddling: Option<Meddling>,
}

impl Tab {
    pub(super) fn open_by(visitor: &Arc<Visitor>) -> Self {
        let Visitor { wire, context } = visitor.as_ref();
        let target =
            json!({ "url": "about:blank", "browserContextId": context, "newWindow": true });
        let target = wire.call("Target.createTarget", target, None);
        let attaching = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = wire.call("Target.attachToTarget", attaching, None);
        let session = attached["sessionId"].as_str().unwrap_or_default().to_owned();
        let told = Arc::new(Mutex::new(Told::default()));
        let (wire, visitor) = (Arc::clone(wire), Arc::clone(visitor));
        let tab = Self { wire, session, visitor, told };
        tab.hear();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable", "Network.enable"] {
            tab.order(domain, json!({}));
        }
        // As if somebody looked at it.
        tab.order("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
        tab
    }

    /// Another tab of the same visitor.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::open_by(&self.visitor)
    }

    fn hear(&self) {
        let (told, wire) = (Arc::clone(&self.told), Arc::clone(&self.wire));
        let session = self.session.clone();
        let listener = move |method: &str, what: &Value| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            match method {
                "Runtime.exceptionThrown" => told.complaints.push(what.to_string()),
                "Log.entryAdded" if what["entry"]["level"] == "error" => {
                    let entry = &what["entry"];
                    told.complaints.push(format!("{} {}", entry["text"], entry["url"]));
                }
                "Network.requestWillBeSent" => {
                    told.requests
                        .push(what["request"]["url"].as_str().unwrap_or_default().to_owned());
                }
                "Fetch.requestPaused" => {
                    let (order, parameters) = meddled(told.meddling.as_ref(), what);
                    wire.tell(order, parameters, Some(&session));
                }
                _ => {}
            }
        };
        self.wire.listen(&self.session, Box::new(listener));
    }

    /// Orders it something of the protocol.
    #[expect(clippy::must_use_candidate, reason = "often it is asked for what it does")]
    pub fn order(&self, method: &str, parameters: Value) -> Value {
        self.wire.call(method, parameters, Some(&self.session))
    }

    /// Opens a page, and waits until all of it is there.
    pub fn open(&self, url: &str) {
        self.order("Page.navigate", json!({ "url": url }));
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// Loads the page anew.
    pub fn reload(&self) {
        self.read("window.isOld = true");
        self.order("Page.reload", json!({}));
        self.until("!window.isOld && document.readyState === 'complete'");
    }

    /// What an expression is in the page, awaited if it is a promise.
    ///
    /// # Panics
    ///
    /// If it throws.
    #[expect(clippy::must_use_candidate, reason = "often it is asked for what it does")]
    pub fn read(&self, expression: &str) -> Value {
        let mut answer = self.evaluate(expression);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    fn evaluate(&self, expression: &str) -> Value {
        let asked =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        self.order("Runtime.evaluate", asked)
    }

    /// Looks again and again until an expression is true in the page.
    ///
    /// # Panics
    ///
    /// If it does not become so.
    pub fn until(&self, condition: &str) {
        let given_up_at = Instant::now() + PATIENCE;
        // Between two pages it may throw.
        while self.evaluate(condition)["result"]["value"] != true {
            if Instant::now() > given_up_at {
                let seen = self.evaluate("document.body.innerText")["result"]["value"].take();
                panic!(
                    "gave up waiting until {condition}; there was {seen}; {:?}",
                    self.complaints()
                );
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Presses a key, by its name: `Tab`, `Enter`, `p`.
    pub fn press(&self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            "Escape" => (27, ""),
            "End" => (35, ""),
            "Home" => (36, ""),
            "ArrowLeft" => (37, ""),
            "ArrowRight" => (39, ""),
            _ if key.len() == 1 => (u32::from(key.as_bytes()[0].to_ascii_uppercase()), key),
            _ => panic!("no code is known for {key}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            self.order(
                "Input.dispatchKeyEvent",
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text }),
            );
        }
    }

    /// Types a text to wherever the focus is.
    pub fn type_text(&self, text: &str) {
        self.order("Input.insertText", json!({ "text": text }));
    }

    /// Shows the page so large, in dark colours or in light, with motion or without.
    pub fn show_as(&self, width: u32, height: u32, is_dark: bool, is_still: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700 });
        self.order("Emulation.setDeviceMetricsOverride", size);
        let (scheme, motion) = (
            if is_dark { "dark" } else { "light" },
            if is_still { "reduce" } else { "no-preference" },
        );
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": motion },
        ]);
        self.order("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Runs a program in every page that is opened from now on, before its own.
    pub fn prepare(&self, program: &str) {
        self.order("Page.addScriptToEvaluateOnNewDocument", json!({ "source": program }));
    }

    /// Has requests to addresses of this pattern (`*` is anything) meddled with from now on.
    pub fn meddle(&self, pattern: &str, meddling: Meddling) {
        let stage = if matches!(meddling, Meddling::LoseAnswers) { "Response" } else { "Request" };
        self.told.lock().unwrap_or_else(PoisonError::into_inner).meddling = Some(meddling);
        let patterns = json!([{ "urlPattern": pattern, "requestStage": stage }]);
        self.order("Fetch.enable", json!({ "patterns": patterns }));
    }

    /// Lets them be again.
    pub fn let_be(&self) {
        self.order("Fetch.disable", json!({}));
    }

    /// What went wrong in the page, as its console says it.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).complaints.clone()
    }

    /// What was asked for, by the addresses.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).requests.clone()
    }

    /// Puts a picture of what is seen into a file.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn picture(&self, file: &Path) {
        let picture = self.order("Page.captureScreenshot", json!({ "format": "png" }));
        let bytes = BASE64.decode(picture["data"].as_str().unwrap_or_default());
        fs::write(file, bytes.unwrap_or_default())
            .unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    }
}

/// What a request is answered with that is meddled with.
fn meddled(meddling: Option<&Meddling>, what: &Value) -> (&'static str, Value) {
    let id = &what["requestId"];
    match meddling {
        Some(Meddling::LoseAnswers) => {
            ("Fetch.failRequest", json!({ "requestId": id, "errorReason": "ConnectionReset" }))
        }
        Some(Meddling::Refuse) => {
            ("Fetch.failRequest", json!({ "requestId": id, "errorReason": "ConnectionRefused" }))
        }
        Some(Meddling::Answer(status, kind, text)) => {
            // Not soon: what is said until then can be looked at.
            let headers = json!([
                { "name": "Content-Type", "value": kind },
                { "name": "Retry-After", "value": "50" },
            ]);
            let answer = json!({ "requestId": id, "responseCode": status, "responseHeaders": headers, "body": BASE64.encode(text) });
            ("Fetch.fulfillRequest", answer)
        }
        None => ("Fetch.continueRequest", json!({ "requestId": id })),
    }
}
