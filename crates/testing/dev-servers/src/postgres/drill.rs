//! What an operator does in a failover, done to a [`Trio`](super::trio::Trio) that another process
//! runs. Each command is said before it is run, so that it can be run by hand.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use super::{
    programs,
    trio::{SERVERS, STANDBY, UNFINISHED, place, ports_of, source, timeline},
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
        let account = Account::for_postgres()?;
        let dir = Home::of(dir, account)?;
        let ports = ports_of(&dir).ok_or_else(|| {
            refused(format!(
                "there are none in {}: start them first, make run HA=on",
                dir.display()
            ))
        })?;
        Ok(Self { dir, account, programs: programs::find()?, ports, say })
    }

    /// Says what each of the servers is.
    pub fn status(&mut self) -> Result<(), ServerError> {
        for (index, role) in self.roles()?.iter().enumerate() {
            let cluster = self.cluster(index);
            let mut line = format!("server {}  port {}  ", index + 1, self.ports[index]);
            let pid = || postmaster(&cluster).map(|pid| format!(", pid {pid}")).unwrap_or_default();
            let told = match role {
                Role::Server { followed_by } => write!(
                    line,
                    "takes writes, timeline {}{}; standbys: {followed_by}",
                    timeline(&cluster),
                    pid()
                ),
                Role::Standby { received } => {
                    write!(line, "standby{}; has received {received} bytes", pid())
                }
                Role::Down => write!(line, "down"),
                Role::Silent(said) => write!(line, "does not answer{}: {said}", pid()),
            };
            told.map_err(|_| refused("it cannot be told".to_owned()))?;
            (self.say)(&line);
        }
        Ok(())
    }

    /// Kills the server, as a power cut would: the one that takes writes, or else one that
    /// does not answer.
    pub fn kill(&mut self) -> Result<(), ServerError> {
        let roles = self.roles()?;
        let index = the_server(&roles)
            .or_else(|| roles.iter().position(|role| matches!(role, Role::Silent(_))))
            .ok_or_else(|| refused("no server takes writes".to_owned()))?;
        let pid = postmaster(&self.cluster(index))
            .ok_or_else(|| refused(format!("server {} has no pid", index + 1)))?;
        let family = tied::family(pid).iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        // One of its children may have ended meanwhile.
        self.run(&["sh", "-c", &format!("kill -9 {family}")], None)?;
        self.until("the server to be gone", |this| Ok(this.role(index)? == Role::Down))?;
        (self.say)(&format!("server {} is dead", index + 1));
        Ok(())
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

    /// Makes each server a standby that is down, and is not one: with what it still has, or else
    /// with a copy. Whoever runs the servers starts it; it follows when this returns.
    pub fn rejoin(&mut self) -> Result<(), ServerError> {
        let roles = self.roles()?;
        let first = the_server(&roles).ok_or_else(|| {
            refused("no server takes writes that could be followed: ha promote first".to_owned())
        })?;
        for index in (0..SERVERS).filter(|&index| roles[index] == Role::Down) {
            let is_unfinished = place(&self.dir, index).join(UNFINISHED).exists();
            if is_unfinished || !self.cluster(index).join(STANDBY).exists() {
                self.make_standby(first, index)?;
            }
            let follows = format!("server-{}", index + 1);
            self.until("it to follow; does anybody run the servers?", |this| {
                Ok(matches!(this.role(first)?, Role::Server { followed_by }
                    if followed_by.contains(&follows)))
            })?;
            (self.say)(&format!("server {} is a standby of server {}", index + 1, first + 1));
        }
        Ok(())
    }

    fn make_standby(&mut self, first: usize, index: usize) -> Result<(), ServerError> {
        let unfinished = place(&self.dir, index).join(UNFINISHED);
        fs::write(&unfinished, "").attempting(format!("write {}", unfinished.display()))?;
        let cluster = self.cluster(index).display().to_string();
        let source = source(&self.dir, self.ports[first]);
        // Until the promoted server has made a checkpoint, pg_rewind takes it for one that was not.
        let psql = programs::client(&self.programs, "psql").display().to_string();
        self.run_well(&[&psql, "-q", "-d", &source, "-c", "CHECKPOINT"], None)?;
        let rewind = self.program("pg_rewind");
        let rewound =
            self.run(&[&rewind, "-D", &cluster, "--source-server", &source], self.account)?;
        if let Err(error) = succeeded("pg_rewind", &rewound) {
            (self.say)(&format!("{error}so it gets a copy of all that the server has"));
            self.run_well(&["find", &cluster, "-mindepth", "1", "-delete"], self.account)?;
            let copy = self.program("pg_basebackup");
            let copy = [&copy, "-D", &cluster, "-d", &source, "-X", "stream", "-c", "fast"];
            self.run_well(&copy, self.account)?;
        }
        self.run_well(&["touch", &format!("{cluster}/{STANDBY}")], self.account)?;
        // Whoever runs the servers starts it now.
        fs::remove_file(&unfinished).attempting(format!("remove {}", unfinished.display()))
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

fn the_server(roles: &[Role; SERVERS]) -> Option<usize> {
    roles.iter().position(|role| matches!(role, Role::Server { .. }))
}

/// The process that is the server, by the file that it keeps.
fn postmaster(cluster: &Path) -> Option<u32> {
    let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._=:,%".contains(&byte);
    if word.bytes().all(is_plain) { word.to_owned() } else { format!("'{word}'") }
}

fn refused(said: String) -> ServerError {
    ServerError::Failed { program: "dev-servers ha".to_owned(), said }
}
