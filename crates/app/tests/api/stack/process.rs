//! One process of the service.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use dev_servers::tied;
use tokio::{task::block_in_place, time::timeout};

use super::PATIENCE;

/// One process of the service.
pub(crate) struct App {
    child: Child,
    pub(crate) url: String,
}

impl App {
    pub(crate) fn start(command: Command) -> Self {
        Self::start_telling(command, |_| {})
    }

    /// Starts a process whose every word goes to a file, too.
    pub(crate) fn start_with_log(command: Command, log: &Path) -> Self {
        let mut log = File::create(log).unwrap();
        Self::start_telling(command, move |line| writeln!(log, "{line}").unwrap())
    }

    fn start_telling(mut command: Command, mut tell: impl FnMut(&str) + Send + 'static) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = tied::spawn(command).unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (sender, url) = mpsc::channel();
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                tell(&line);
                if let Some((_, url)) = line.split_once("listening on ") {
                    sender.send(url.to_owned()).unwrap();
                }
                if !line.contains(" INFO ") {
                    eprintln!("[flashsale] {line}");
                }
            }
        });
        let url = url.recv_timeout(PATIENCE).expect("the service tells where it listens");
        Self { child, url }
    }

    pub(crate) async fn await_ready(&self, http: &reqwest::Client) {
        let look = async {
            let mut looks = tokio::time::interval(Duration::from_millis(20));
            loop {
                looks.tick().await;
                let ready = http.get(format!("{}/health/ready", self.url)).send().await;
                if ready.is_ok_and(|ready| ready.status() == 200) {
                    return;
                }
            }
        };
        assert!(timeout(PATIENCE, look).await.is_ok(), "{} did not become ready", self.url);
    }

    /// SIGSTOP: from now on it does nothing, but its connections stay.
    pub(crate) fn pause(&self) {
        let pid = self.child.id().to_string();
        let stopped = Command::new("sh").args(["-c", "kill -STOP $0", &pid]).status();
        assert!(stopped.unwrap().success());
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        block_in_place(|| {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        });
    }

    /// SIGTERM; returns how the process ended.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        block_in_place(|| {
            tied::Signal::Terminate.send(self.child.id()).unwrap();
            self.child.wait().unwrap()
        })
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // A process that has ended already cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
