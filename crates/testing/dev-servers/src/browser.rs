//! A private browser: Debian's Chromium without a window, told what to do over a pipe.
//!
//! It speaks the `DevTools` protocol, as messages in JSON that end with a zero byte. No port is
//! opened, and no driver is needed.

mod tab;
mod wire;

use std::{
    env, io,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

pub use self::tab::{Meddling, Tab};
use self::{tab::Visitor, wire::Wire};
use crate::{
    ServerError,
    error::Attempting,
    home::Home,
    tied::{self, Signal},
};

const MISSING: ServerError = ServerError::Missing {
    program: "Chromium",
    remedy: "`make deps` installs Debian's package chromium; or set CHROMIUM to the program",
};

/// Where it is looked for, in this order.
const PROGRAMS: [&str; 3] =
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// What it is started with: nothing that asks another host, and nothing that a machine without a
/// screen lacks. Tests may run as root, to whom it denies its sandbox; it loads our own pages only.
const ARGUMENTS: [&str; 17] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-first-run",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
];

/// A browser; it ends with this value, or with this process.
pub struct Browser {
    wire: Arc<Wire>,
    child: Child,
    _home: Home,
}

impl Browser {
    /// Starts one, with an empty profile.
    pub fn start() -> Result<Self, ServerError> {
        let program = program().ok_or(MISSING)?;
        let home = Home::temporary(None)?;
        // It reads orders from descriptor 3 and writes answers to 4.
        let script = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut command = tied::command("/bin/sh", Signal::Kill);
        command.args(["-c", script, "sh", &program]).args(ARGUMENTS);
        command.arg(format!("--user-data-dir={}", home.path().display()));
        let mut child = tied::spawn(with_pipes(command)).attempting("start Chromium")?;
        let no_pipe = || io::Error::other("a pipe is missing");
        let orders = child.stdin.take().ok_or_else(no_pipe).attempting("order Chromium")?;
        let answers = child.stdout.take().ok_or_else(no_pipe).attempting("hear Chromium")?;
        Ok(Self { wire: Wire::over(orders, answers), child, _home: home })
    }

    /// Somebody new: a tab that shares cookies and storage with those opened from it alone.
    #[must_use]
    pub fn visitor(&self) -> Tab {
        Tab::open_by(&Visitor::in_browser(&self.wire))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with_pipes(mut command: Command) -> Command {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn program() -> Option<String> {
    let named = env::var("CHROMIUM").ok();
    let known = PROGRAMS.iter().map(|it| (*it).to_owned());
    named.into_iter().chain(known).find(|it| Path::new(it).exists())
}
