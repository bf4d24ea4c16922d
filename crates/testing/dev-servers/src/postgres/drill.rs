//! What an operator does in a failover, done to a [`Trio`](super::trio::Trio) that another process
//! runs. Each command is said before it is run, so that it can be run by hand.

mod rejoin;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use super::{
    programs,
    trio::{FORKED, RUNNER, SERVERS, STANDBY, place, ports_of, timeline},
};
use crate::{
    ServerError,
    account::Account,
    error::{Attempting, succeeded},
    home::Home,
    tied,
};

/// What is asked of a server: whether it follows another, what it has received of that in bytes of the
/// log, the standby for which it waits, and the timeline that it writes.
const ASKED: &str = "SELECT pg_is_in_recovery(), coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0', 0), \
     coalesce((SELECT string_agg(application_name || ' (' || sync_state || ')', ', ' ORDER BY 1) \
     FROM pg_stat_replication WHERE state = 'streaming'), 'none')";

/// How long a server may take to answer that, in seconds. One that stands still never does.
const ANSWER_LIMIT_S: &str = "3";

/// How often it is looked whether what was done has come about, and how long between two looks: a
/// minute in all.
const LOOKS_MAX: u32 = 300;
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How often it is looked whether a standby that has just started follows: three seconds in all.
const STATUS_LOOKS_MAX: u32 = 15;

/// What a standby says that will not follow, or not even start, until it is made anew: it has received
/// what the server never had, or its files are of two servers.
const SIGNS: [&str; 4] = [
    "forked off current database system timeline",
    "does not contain minimum recovery point",
    "is not a child of this server's history",
    "could not locate a valid checkpoint record",
];

/// The three servers in a directory, as one sees them who does not run them.
pub struct Drill<S> {
    dir: PathBuf,
    account: Option<Account>,
    programs: PathBuf,
    ports: [u16; SERVERS],
    say: S,
}

/// What a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    /// It takes writes, and these follow it.
    Server { followed_by: String },
    /// It follows, and has received so much.
    Standby { received: u64 },
    /// Nobody listens at its port.
    Down,
    /// Somebody listens, and does not answer.
    Silent(String),
}

impl<S: FnMut(&str)> Drill<S> {
    /// Of the servers in `dir`, which somebody runs. What is done is said.
    pub fn at(dir: &Path, say: S) -> Result<Self, ServerError> {
        let (account, wanted) = (Account::for_postgres()?, dir.display());
        let dir = Home::of(dir, account)?;
        let ports = ports_of(&dir).ok_or_else(|| {
            refused(format!(
                "there are no servers in {wanted}: start them first, with \
                 dev-servers run --ha --data {wanted} -- COMMAND, which make run HA=on does for \
                 target/dev-data-ha"
            ))
        })?;
        Ok(Self { dir, account, programs: programs::find()?, ports, say })
    }

    /// Says what each of the servers is.
    pub fn status(&mut self) -> Result<(), ServerError> {
        let roles = self.settled()?;
        for (index, role) in roles.iter().enumerate() {
            let pid = postmaster(&self.cluster(index));
            let pid = pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
            let told = match role {
                Role::Server { followed_by } => {
                    let timeline = timeline(&self.cluster(index));
                    format!("takes writes, timeline {timeline}{pid}; standbys: {followed_by}")
                }
                Role::Standby { received } => format!(
                    "standby{pid}; {}has received {received} bytes",
                    self.whom_it_follows(&roles, index)
                ),
                Role::Down => "down".to_owned(),
                Role::Silent(said) => format!("does not answer{pid}: {said}"),
            };
            let port = self.ports[index];
            (self.say)(&format!("server {}  port {port}  {told}", index + 1));
        }
        if let Err(ServerError::Failed { said, .. }) = self.the_server(&roles) {
            (self.say)(&said);
        }
        Ok(())
    }

    fn whom_it_follows(&self, roles: &[Role; SERVERS], index: usize) -> String {
        let followed = writers(roles).find(|&first| is_followed(&roles[first], index));
        match (followed, writers(roles).next()) {
            (Some(first), _) => format!("follows server {}; ", first + 1),
            (None, Some(_)) => {
                let sign = self.sign(index).map(|sign| format!(" ({sign})")).unwrap_or_default();
                format!("does not follow{sign}: ha rejoin makes it anew; ")
            }
            (None, None) => String::new(),
        }
    }

    /// Kills a server, as a power cut would: the one of this number, else the one that takes writes, or
    /// one that does not answer. Of two that take writes, the killed one is the server no more.
    pub fn kill(&mut self, number: Option<u8>) -> Result<(), ServerError> {
        let roles = self.roles()?;
        let index = match number {
            Some(number) => usize::from(number) - 1,
            None => self
                .the_server(&roles)?
                .or_else(|| roles.iter().position(|role| matches!(role, Role::Silent(_))))
                .ok_or_else(|| refused("no server takes writes".to_owned()))?,
        };
        let is_another = if roles[index] == Role::Down {
            (0..SERVERS).any(|other| other != index && self.could_be_the_server(other))
        } else {
            let cluster = self.cluster(index);
            let pid = postmaster(&cluster)
                .ok_or_else(|| refused(format!("server {} has no pid", index + 1)))?;
            let family = tied::family(pid).iter().map(u32::to_string).collect::<Vec<_>>();
            // One of its children may have ended meanwhile.
            self.run(&["sh", "-c", &format!("kill -9 {}", family.join(" "))], None)?;
            // Whoever runs the servers may start a standby again before it is looked.
            self.until("the server to be gone", |this| {
                Ok(postmaster(&cluster) != Some(pid) || this.role(index)? == Role::Down)
            })?;
            writers(&roles).any(|other| other != index)
        };
        if is_another && self.could_be_the_server(index) {
            let forked = place(&self.dir, index).join(FORKED);
            fs::write(&forked, "").attempting(format!("write {}", forked.display()))?;
        }
        (self.say)(&format!("server {} is dead", index + 1));
        Ok(())
    }

    /// Whether it would take writes if it were started.
    fn could_be_the_server(&self, index: usize) -> bool {
        let (cluster, forked) = (self.cluster(index), place(&self.dir, index).join(FORKED));
        cluster.exists() && !cluster.join(STANDBY).exists() && !forked.exists()
    }

    /// Has the standby take the server's place that has received most: what one lacks that another has
    /// may have been answered. It takes writes when this returns.
    pub fn promote(&mut self) -> Result<(), ServerError> {
        let roles = self.roles()?;
        for (index, role) in roles.iter().enumerate() {
            let what = match role {
                Role::Server { .. } => "takes writes",
                Role::Silent(_) => "does not answer, but may take writes",
                Role::Standby { .. } | Role::Down => continue,
            };
            return Err(refused(format!("server {} {what}: fence it first, ha kill", index + 1)));
        }
        let received = |role: &Role| match role {
            Role::Standby { received } => Some(*received),
            _ => None,
        };
        let standbys = (0..SERVERS).filter_map(|index| Some((received(&roles[index])?, index)));
        let (_, index) =
            standbys.max().ok_or_else(|| refused("there is no standby to promote".to_owned()))?;
        let cluster = self.cluster(index).display().to_string();
        let pg_ctl = self.program("pg_ctl");
        self.run_well(&[&pg_ctl, "promote", "-D", &cluster], self.account)?;
        (self.say)(&format!("server {} takes writes", index + 1));
        Ok(())
    }

    /// Has whoever runs the servers stop all that it started, the service first. What the servers hold stays.
    pub fn stop(&mut self) -> Result<(), ServerError> {
        let dir = self.dir.display().to_string();
        if !Home::is_lived_in(&self.dir) {
            (self.say)(&format!("nothing to do: nobody runs the servers in {dir}"));
            return Ok(());
        }
        let runner = fs::read_to_string(self.dir.join(RUNNER)).ok();
        let runner =
            runner.and_then(|pid| pid.trim().parse().ok()).filter(|pid| runs_servers(*pid));
        let Some(runner) = runner else {
            return Err(refused(format!("it is not known who runs the servers in {dir}")));
        };
        self.run_well(&["sh", "-c", &format!("kill -TERM {runner}")], None)?;
        self.until("the servers to stop", |this| Ok(!Home::is_lived_in(&this.dir)))?;
        (self.say)(&format!(
            "the service, Redis and the three servers are stopped; what they hold stays in {dir}, and is \
             there the next time"
        ));
        Ok(())
    }

    /// What the servers are, once each standby follows, or is not going to.
    fn settled(&self) -> Result<[Role; SERVERS], ServerError> {
        for _ in 1..STATUS_LOOKS_MAX {
            let roles = self.roles()?;
            let is_settled = |index: usize| {
                !matches!(roles[index], Role::Standby { .. })
                    || writers(&roles).any(|first| is_followed(&roles[first], index))
                    || self.sign(index).is_some()
            };
            if writers(&roles).next().is_none() || (0..SERVERS).all(is_settled) {
                return Ok(roles);
            }
            thread::sleep(LOOK_AGAIN);
        }
        self.roles()
    }

    /// The one that takes writes. If there are two, the operator has to say which one goes.
    fn the_server(&self, roles: &[Role; SERVERS]) -> Result<Option<usize>, ServerError> {
        let writers = writers(roles).collect::<Vec<_>>();
        if writers.len() < 2 {
            return Ok(writers.first().copied());
        }
        let timeline = |index: usize| timeline(&self.cluster(index));
        let names =
            writers.iter().map(|&index| format!("{} (timeline {})", index + 1, timeline(index)));
        Err(refused(format!(
            "servers {} take writes: end all but one of them, each with ha kill N, which loses what only \
             that one has; then ha rejoin",
            names.collect::<Vec<_>>().join(" and ")
        )))
    }

    /// The last words of a server that it cannot follow as it is.
    fn sign(&self, index: usize) -> Option<String> {
        let log = fs::read(place(&self.dir, index).join("postgres.log")).ok()?;
        let log = String::from_utf8_lossy(&log);
        let line = log.lines().rfind(|line| SIGNS.iter().any(|sign| line.contains(sign)))?;
        Some(line.split_once(":  ").map_or(line, |(_, said)| said).to_owned())
    }

    fn roles(&self) -> Result<[Role; SERVERS], ServerError> {
        Ok([self.role(0)?, self.role(1)?, self.role(2)?])
    }

    fn role(&self, index: usize) -> Result<Role, ServerError> {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.ports[index]);
        let output = Command::new(programs::client(&self.programs, "psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", ASKED, "-d", &url])
            .env("PGCONNECT_TIMEOUT", ANSWER_LIMIT_S)
            .env("PGOPTIONS", format!("-c statement_timeout={ANSWER_LIMIT_S}s"))
            .stdin(Stdio::null())
            .output()
            .attempting("run psql")?;
        let said = match succeeded("psql", &output) {
            Ok(said) => said,
            Err(ServerError::Failed { said, .. }) if said.contains("Connection refused") => {
                return Ok(Role::Down);
            }
            Err(ServerError::Failed { said, .. }) => {
                return Ok(Role::Silent(said.lines().last().unwrap_or_default().to_owned()));
            }
            Err(error) => return Err(error),
        };
        Ok(match said.trim().split('|').collect::<Vec<_>>()[..] {
            ["f", _, standbys] => Role::Server { followed_by: standbys.to_owned() },
            ["t", received, _] => Role::Standby { received: received.parse().unwrap_or(0) },
            _ => Role::Silent(said),
        })
    }

    fn until(
        &self,
        what: &'static str,
        mut condition: impl FnMut(&Self) -> Result<bool, ServerError>,
    ) -> Result<(), ServerError> {
        for _ in 0..LOOKS_MAX {
            if condition(self)? {
                return Ok(());
            }
            thread::sleep(LOOK_AGAIN);
        }
        Err(refused(format!("a minute was not enough for {what}")))
    }

    /// Says a command and runs it; it is an error if it does not end well.
    fn run_well(&mut self, words: &[&str], account: Option<Account>) -> Result<(), ServerError> {
        let output = self.run(words, account)?;
        let name = Path::new(words[0]).file_name().unwrap_or_default().to_string_lossy();
        succeeded(&name, &output).map(drop)
    }

    /// Says a command and runs it, as this account, wherever that may go.
    fn run(&mut self, words: &[&str], account: Option<Account>) -> Result<Output, ServerError> {
        let mut all = account.map(Account::words).unwrap_or_default();
        all.extend(words.iter().copied().map(str::to_owned));
        (self.say)(&format!("$ {}", all.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(" ")));
        let mut command = Command::new(&all[0]);
        command.args(&all[1..]).env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        command.output().attempting(format!("run {}", all[0]))
    }

    fn program(&self, name: &str) -> String {
        self.programs.join(name).display().to_string()
    }

    fn cluster(&self, index: usize) -> PathBuf {
        place(&self.dir, index).join("postgres")
    }
}

fn writers(roles: &[Role; SERVERS]) -> impl Iterator<Item = usize> {
    (0..SERVERS).filter(|&index| matches!(roles[index], Role::Server { .. }))
}

fn is_followed(by: &Role, index: usize) -> bool {
    matches!(by, Role::Server { followed_by } if followed_by.contains(&format!("server-{}", index + 1)))
}

/// The process that is the server, by the file that it keeps.
fn postmaster(cluster: &Path) -> Option<u32> {
    let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// Whether this is a process of the program that runs servers, and not another by its number.
fn runs_servers(pid: u32) -> bool {
    let program = fs::read_to_string(format!("/proc/{pid}/comm"));
    program.is_ok_and(|program| program.trim() == env!("CARGO_PKG_NAME"))
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._=:,%".contains(&byte);
    if word.bytes().all(is_plain) { word.to_owned() } else { format!("'{word}'") }
}

fn refused(said: String) -> ServerError {
    ServerError::Failed { program: "dev-servers ha".to_owned(), said }
}
