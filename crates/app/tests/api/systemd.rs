//! The service as systemd starts it, which is told how it does: here that is a socket of the test.

use std::{
    io::{self, ErrorKind},
    os::unix::net::UnixDatagram,
    time::Duration,
};

use dev_servers::Service;
use tempfile::TempDir;
use tokio::{task::block_in_place, time::Instant};

use crate::stack::{Answer, Kind, PATIENCE, Settings, Stack, on_both_stacks};

on_both_stacks! {
    systemd_is_told_that_the_service_can_serve_that_it_goes_on_and_that_it_ends
    one_that_is_gone_or_does_not_listen_keeps_nobody_from_buying
}

/// After how long without a sign of life it would end the process. Longer than any step of the upkeep
/// takes twice.
const PATIENCE_OF_SYSTEMD: Duration = Duration::from_secs(40);

const READY: &str = "READY=1";
const GOES: &str = "WATCHDOG=1";
const ENDS: &str = "STOPPING=1";

/// Who is told.
struct Systemd {
    socket: UnixDatagram,
    dir: TempDir,
}

impl Systemd {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, dir }
    }

    /// Has all that is started from now on told that it is there.
    fn starts(&self, stack: &mut Stack) {
        let socket = self.dir.path().join("notify").to_str().unwrap().to_owned();
        let patience = PATIENCE_OF_SYSTEMD.as_micros().to_string();
        stack.set_env([("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", patience)]);
    }

    /// Fills all that the system keeps for it: whoever tells it more waits until it listens.
    fn is_told_more_than_it_hears(&self) -> io::Result<()> {
        let other = UnixDatagram::unbound()?;
        other.connect(self.dir.path().join("notify"))?;
        other.set_nonblocking(true)?;
        loop {
            match other.send(b"STATUS=of another") {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// What it is told until that is so; the last of it is what is so.
    fn told_until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> Vec<String> {
        let mut told = Vec::new();
        let mut bytes = [0; 4_096];
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            assert!(
                Instant::now() < give_up_at,
                "gave up waiting until it is told that {what}: {told:?}"
            );
            let length = match block_in_place(|| self.socket.recv(&mut bytes)) {
                Ok(length) => length,
                // A wait with a limit is not gone on with after a signal: a child of another test ended.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => panic!("{what}: {error}: {told:?}"),
            };
            let text = str::from_utf8(&bytes[..length]).unwrap();
            told.extend(text.lines().map(str::to_owned));
            if told.last().is_some_and(|it| is_so(it)) {
                return told;
            }
        }
    }

    /// What it has been told and did not read yet.
    fn told(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).unwrap();
        let mut bytes = [0; 4_096];
        let mut told = Vec::new();
        loop {
            match self.socket.recv(&mut bytes) {
                Ok(length) => told.push(str::from_utf8(&bytes[..length]).unwrap().to_owned()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return told,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn prepared(kind: Kind) -> Stack {
    Stack::prepare(Settings { processes: 1, ..Settings::on(kind) })
}

fn ended(app: &Service) {
    let status = block_in_place(|| app.terminate().unwrap());
    assert!(status.success(), "{status:?}: {}", app.log());
}

async fn systemd_is_told_that_the_service_can_serve_that_it_goes_on_and_that_it_ends(kind: Kind) {
    let mut stack = prepared(kind);
    let systemd = Systemd::new();
    systemd.starts(&mut stack);

    let app = stack.start_app_unready();
    let before = systemd.told_until("it can serve", |it| it == READY);

    let answer = Answer::read(stack.http.get(format!("{}/health/ready", app.url()))).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    // What it does is said when it has changed, which may have been before.
    let sells = |it: &str| it.starts_with("STATUS=sells: ") && it.ends_with("sale open");
    if !before.iter().any(|it| sells(it)) {
        systemd.told_until("it sells", sells);
    }
    for _ in 0..3 {
        systemd.told_until("it goes on", |it| it == GOES);
    }
    stack.apps.push(app);
    let sale = stack.sale().await;
    assert_eq!(stack.checkout("ann", sale).await.name(), "ok");

    ended(&stack.apps[0]);

    let last = systemd.told_until("it ends", |it| it == ENDS);
    assert!(!last.contains(&READY.to_owned()), "{last:?}");
    assert_eq!(systemd.told(), Vec::<String>::new(), "after it has said that it ends");
}

async fn one_that_is_gone_or_does_not_listen_keeps_nobody_from_buying(kind: Kind) {
    let mut stack = prepared(kind);
    let systemd = Systemd::new();
    systemd.starts(&mut stack);
    systemd.is_told_more_than_it_hears().unwrap();
    stack.start_app().await;
    let sale = stack.sale().await;
    assert_eq!(stack.checkout("ann", sale).await.name(), "ok");
    ended(&stack.apps.remove(0));

    drop(systemd);
    stack.start_app().await;
    let cannot = "whoever started this process cannot be told how it does";
    stack.until("it says so", async |stack| stack.apps[0].log().contains(cannot)).await;

    assert_eq!(stack.checkout("bob", sale).await.name(), "ok");
    ended(&stack.apps[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_ledger_is_down_is_not_ready_until_that_is_up() {
    let settings = Settings { processes: 1, own_postgres: true, ..Settings::default() };
    let mut stack = Stack::prepare(settings);
    let systemd = Systemd::new();
    systemd.starts(&mut stack);
    block_in_place(|| stack.postgres().stop().unwrap());

    let app = stack.start_app_unready();
    let is_down = |it: &str| it.starts_with("STATUS=not ready: postgres down");
    let mut told = systemd.told_until("the ledger is down", is_down);
    for _ in 0..3 {
        told.extend(systemd.told_until("it goes on", |it| it == GOES));
    }
    assert!(!told.contains(&READY.to_owned()), "{told:?}");
    block_in_place(|| stack.postgres().start_again().unwrap());

    systemd.told_until("it can serve", |it| it == READY);
    ended(&app);
}

/// To start the process again would not help, and buyers would wait for that, too.
#[tokio::test(flavor = "multi_thread")]
async fn stores_that_stand_still_are_no_reason_to_start_the_service_again() {
    let settings = Settings { processes: 1, own_postgres: true, ..Settings::default() };
    let mut stack = Stack::prepare(settings);
    let systemd = Systemd::new();
    systemd.starts(&mut stack);
    stack.start_app().await;
    systemd.told_until("it can serve", |it| it == READY);

    block_in_place(|| {
        stack.postgres().pause().unwrap();
        stack.redis().pause().unwrap();
    });
    systemd.told_until("they are down", |it| {
        it == "STATUS=not ready: postgres down, redis down, sale unknown"
    });
    // For longer than a task may stand still.
    let mut told = Vec::new();
    for _ in 0..PATIENCE_OF_SYSTEMD.as_secs() * 3 / 4 {
        told.extend(systemd.told_until("it goes on", |it| it == GOES));
    }
    block_in_place(|| {
        stack.redis().resume().unwrap();
        stack.postgres().resume().unwrap();
    });

    systemd.told_until("it sells again", |it| it.starts_with("STATUS=sells: "));
    assert!(!told.iter().any(|it| it.contains("stands still")), "{told:?}");
    ended(&stack.apps[0]);
}
