//! A Redis with two replicas, and three sentinels that have one of them take its place.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::{
    node::{Ports, RedisNode, SERVER, lacking, look_until, volatile},
    tls_settings, write_certificates,
};
use crate::{ServerError, ServerTls, error::Attempting, home::Home, running::Recipe};

/// What the sentinels call what they watch.
const NAME: &str = "shop";

const SERVERS: usize = 3;
const SENTINELS: usize = 3;
/// How many of them have to miss it.
const QUORUM: usize = 2;

/// How long it may be silent before a sentinel takes it for dead; how long a failover may take, and
/// half of how long the next one has to wait, if it is not a planned one.
const DOWN_AFTER_MS: u32 = 1_000;
const FAILOVER_TIMEOUT_MS: u32 = 5_000;

/// How often they ask the servers how things are.
const LOOK_EVERY_MS: u32 = 1_000;

/// How far behind a replica may be, in seconds, to be one of those that writes need.
const LAG_MAX_S: u32 = 5;

const SENTINEL: Recipe = Recipe { program: "redis-server --sentinel", ready: "Sentinel ID is" };

/// Their settings, which they rewrite themselves.
const SERVER_FILE: &str = "redis.conf";
const SENTINEL_FILE: &str = "sentinel.conf";

/// What differs from one such Redis to another.
#[derive(Clone)]
pub struct WatchSettings {
    /// What the servers ask for, if anything, in letters and digits.
    pub server_password: Option<String>,
    /// What the sentinels ask for.
    pub sentinel_password: Option<String>,
    /// How many replicas have to be there for a server to take writes: with none, one that was cut off
    /// takes some that are lost when it is back.
    pub min_replicas_to_write: u8,
    /// With what all of them speak TLS, to each other too, and to clients who show a certificate. They are
    /// called 127.0.0.1.
    pub tls: Option<ServerTls>,
}

impl Default for WatchSettings {
    /// No passwords and no TLS, and a replica for each write.
    fn default() -> Self {
        Self { server_password: None, sentinel_password: None, min_replicas_to_write: 1, tls: None }
    }
}

/// Three servers, one of them the primary, and three sentinels, all of our own. They keep nothing on disk
/// but who they are. They are called by their index; the primary is server 0 at the start.
pub struct WatchedRedis {
    servers: Vec<RedisNode>,
    sentinels: Vec<RedisNode>,
    settings: WatchSettings,
}

impl WatchSettings {
    /// Where a server or sentinel listens for whoever is to ask it.
    fn port_of(&self, node: &RedisNode) -> u16 {
        if self.tls.is_some() { node.tls_port() } else { node.port() }
    }

    /// What each of them is told of TLS, with the files in its directory.
    fn tls_in(&self, dir: &Path, ports: Ports) -> Vec<OsString> {
        let mut settings = Vec::new();
        if self.tls.is_some() {
            settings.extend(tls_settings(dir, ports.tls, true));
            settings.extend(["--tls-replication".into(), "yes".into()]);
        }
        settings
    }

    fn write_certificates(&self, dir: &Path) -> Result<(), ServerError> {
        self.tls.as_ref().map_or(Ok(()), |tls| write_certificates(dir, tls))
    }
}

impl WatchedRedis {
    /// Starts all six, and waits until they know each other. They are gone when this value is dropped.
    pub fn start() -> Result<Self, ServerError> {
        Self::start_with(WatchSettings::default())
    }

    /// The same, with other settings.
    pub fn start_with(settings: WatchSettings) -> Result<Self, ServerError> {
        let first = start_server(&settings, None)?;
        let primary = settings.port_of(&first);
        let mut servers = vec![first];
        for _ in 1..SERVERS {
            servers.push(start_server(&settings, Some(primary))?);
        }
        // A sentinel that finds no replicas looks again after ten seconds only.
        for replica in &servers[1..] {
            look_until("a replica follows", || replica.follows())?;
        }
        let sentinels = (0..SENTINELS).map(|_| start_sentinel(&settings, primary));
        let sentinels = sentinels.collect::<Result<_, _>>()?;
        let watched = Self { servers, sentinels, settings };
        watched.await_whole()?;
        Ok(watched)
    }

    /// Its URL, for clients on this machine: the sentinels, what they call it, and the servers' password.
    #[must_use]
    pub fn url(&self) -> String {
        let port = |node| self.settings.port_of(node);
        let sentinels = self.sentinels.iter().map(|node| format!("127.0.0.1:{}", port(node)));
        let sentinels = sentinels.collect::<Vec<_>>().join(",");
        let password = self.settings.server_password.as_ref();
        let password = password.map_or(String::new(), |password| format!(":{password}@"));
        let redis = if self.settings.tls.is_some() { "rediss" } else { "redis" };
        format!("{redis}+sentinel://{password}{sentinels}/{NAME}")
    }

    /// The ports of its servers.
    #[must_use]
    pub fn servers(&self) -> Vec<u16> {
        self.servers.iter().map(RedisNode::port).collect()
    }

    /// A sentinel, to be killed or asked.
    #[must_use]
    pub fn sentinel(&self, index: usize) -> &RedisNode {
        &self.sentinels[index]
    }

    /// What its servers say they are, such as `Redis server v=7.0.15 …`.
    pub fn version(&self) -> Result<String, ServerError> {
        self.servers[0].version()
    }

    /// The server that the sentinels name, of those that answer the one that heard of the last failover.
    pub fn primary(&self) -> Result<usize, ServerError> {
        let named = self.sentinels.iter().filter_map(|sentinel| named(sentinel).ok());
        let latest = named.max_by_key(|named| named.epoch);
        self.index_of(latest.ok_or_else(|| lacking("no sentinel answers"))?.port)
    }

    /// Waits until all sentinels that answer name another primary than this one, which takes itself for
    /// one, too, and returns which it is.
    pub fn await_another_primary(&self, than: usize) -> Result<usize, ServerError> {
        look_until(&format!("another server than {than} is the primary"), || {
            let primary = self.primary()?;
            let port = self.settings.port_of(&self.servers[primary]);
            let mut named = self.sentinels.iter().filter_map(|sentinel| named(sentinel).ok());
            let is_it = primary != than
                && named.all(|named| named.port == port)
                && self.servers[primary].look("ROLE")?[0] == "master";
            if is_it { Ok(primary) } else { Err(lacking(self.seen())) }
        })
    }

    /// Waits until all six are there, and agree on who follows whom, and the replicas hold what the primary
    /// holds.
    pub fn await_whole(&self) -> Result<(), ServerError> {
        look_until("all servers and sentinels agree", || {
            let primary = self.primary()?;
            let port = self.settings.port_of(&self.servers[primary]);
            for (index, server) in self.servers.iter().enumerate() {
                if index == primary {
                    leads(server)?;
                } else {
                    server.follows()?;
                    let said = server.look("ROLE")?;
                    expect(said.get(2) == Some(&port.to_string()), &said)?;
                }
            }
            self.sentinels.iter().try_for_each(|sentinel| sees_all(sentinel, port))
        })
    }

    /// Kills a server, with SIGKILL, and all it held.
    pub fn kill(&self, index: usize) -> Result<(), ServerError> {
        self.servers[index].kill()
    }

    /// Makes a server stand still, heard by nobody and hearing nobody, until [`resume`](Self::resume).
    pub fn pause(&self, index: usize) -> Result<(), ServerError> {
        self.servers[index].pause()
    }

    /// Lets a server go on.
    pub fn resume(&self, index: usize) -> Result<(), ServerError> {
        self.servers[index].resume()
    }

    /// Starts a server that was killed, on the same port, empty, and as what it was: a primary takes itself
    /// for one until the sentinels make it follow another, which takes them some ten seconds. One that is
    /// back before they missed it is the primary still, and has its replicas empty, too.
    pub fn start_again(&self, index: usize) -> Result<(), ServerError> {
        self.servers[index].start_again()
    }

    /// A server's reply to a command, given as one would type it: a line for each word of a list. A reply
    /// that is an error is one.
    pub fn command(&self, index: usize, command: &str) -> Result<String, ServerError> {
        self.servers[index].command(command)
    }

    /// Has the sentinels make a replica the primary, as one does for maintenance, and returns which one it
    /// is. What the old one took meanwhile may be lost.
    pub fn failover(&self) -> Result<usize, ServerError> {
        let old = self.primary()?;
        // One that is not at its end yet keeps the next one waiting.
        look_until("a sentinel begins a failover", || {
            let ask = |sentinel: &RedisNode| sentinel.look(&format!("SENTINEL FAILOVER {NAME}"));
            let begun = self.sentinels.iter().any(|sentinel| ask(sentinel).is_ok());
            if begun { Ok(()) } else { Err(lacking(self.seen())) }
        })?;
        self.await_another_primary(old)
    }

    fn index_of(&self, port: u16) -> Result<usize, ServerError> {
        let index = self.servers.iter().position(|server| self.settings.port_of(server) == port);
        index.ok_or_else(|| lacking(format!("no server has port {port}")))
    }

    /// What each of them says, for whoever waits in vain.
    fn seen(&self) -> String {
        let servers = self.servers.iter().map(|node| (node, "INFO replication".to_owned()));
        let sentinels = self.sentinels.iter().map(|node| (node, format!("SENTINEL MASTER {NAME}")));
        let said = servers.chain(sentinels).map(|(node, command)| {
            let said = node.look(&command).map(|words| words.join("\n"));
            format!("port {}:\n{}", node.port(), said.unwrap_or_else(|error| error.to_string()))
        });
        said.collect::<Vec<_>>().join("\n")
    }
}

/// A primary, or else a replica of the one at a port.
fn start_server(settings: &WatchSettings, of: Option<u16>) -> Result<RedisNode, ServerError> {
    let home = Home::temporary(None)?;
    // In a file: whom a server follows is changed there by the sentinels, and holds after a restart.
    let follow = of.map_or(String::new(), |port| format!("replicaof 127.0.0.1 {port}\n"));
    let file = write(home.path(), SERVER_FILE, &follow)?;
    settings.write_certificates(home.path())?;
    let password = settings.server_password.as_deref();
    RedisNode::start(home, SERVER, password, |dir, ports| {
        let mut arguments = vec![OsString::from(&file)];
        arguments.extend(volatile());
        arguments.extend(settings.tls_in(dir, ports));
        let replicas = settings.min_replicas_to_write.to_string();
        let lag = LAG_MAX_S.to_string();
        let needs = [("--min-replicas-to-write", &*replicas), ("--min-replicas-max-lag", &*lag)];
        // Each of them may be the primary one day.
        let secret = password.map(|word| [("--requirepass", word), ("--masterauth", word)]);
        let all = needs.into_iter().chain(secret.into_iter().flatten());
        arguments.extend(all.flat_map(|(name, value)| [name.into(), value.into()]));
        arguments
    })
}

fn start_sentinel(settings: &WatchSettings, primary: u16) -> Result<RedisNode, ServerError> {
    let home = Home::temporary(None)?;
    let mut lines = vec![
        format!("sentinel monitor {NAME} 127.0.0.1 {primary} {QUORUM}"),
        format!("sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}"),
        format!("sentinel failover-timeout {NAME} {FAILOVER_TIMEOUT_MS}"),
        format!("sentinel parallel-syncs {NAME} 1"),
    ];
    if let Some(password) = &settings.server_password {
        lines.push(format!("sentinel auth-pass {NAME} {password}"));
    }
    if let Some(password) = &settings.sentinel_password {
        // They ask each other for it, too.
        lines.push(format!("requirepass {password}"));
    }
    let file = write(home.path(), SENTINEL_FILE, &(lines.join("\n") + "\n"))?;
    let password = settings.sentinel_password.as_deref();
    settings.write_certificates(home.path())?;
    let arguments = |dir: &Path, ports| {
        let mut arguments = vec![file.clone().into(), "--sentinel".into()];
        arguments.extend(settings.tls_in(dir, ports));
        arguments
    };
    let sentinel = RedisNode::start(home, SENTINEL, password, arguments)?;
    // Otherwise it notices ten seconds late that a server follows another. A failover itself takes as long
    // as ever: whoever has one going on looks every second anyway.
    sentinel.command(&format!("SENTINEL DEBUG INFO-PERIOD {LOOK_EVERY_MS}"))?;
    Ok(sentinel)
}

fn write(dir: &Path, name: &str, content: &str) -> Result<PathBuf, ServerError> {
    let path = dir.join(name);
    fs::write(&path, content).attempting(format!("write {}", path.display()))?;
    Ok(path)
}

/// Whom a sentinel names, and which failover that came from.
struct Named {
    port: u16,
    epoch: u64,
}

fn named(sentinel: &RedisNode) -> Result<Named, ServerError> {
    // In the middle of a failover, it is this reply that names the new one first.
    let address = sentinel.look(&format!("SENTINEL GET-MASTER-ADDR-BY-NAME {NAME}"))?;
    let known = sentinel.look(&format!("SENTINEL MASTER {NAME}"))?;
    let port = address.get(1).and_then(|port| port.parse().ok());
    let epoch = values(&known, "config-epoch").next().and_then(|epoch| epoch.parse().ok());
    let named = port.zip(epoch).map(|(port, epoch)| Named { port, epoch });
    named.ok_or_else(|| lacking(known.join(" ")))
}

/// Nothing, if a server is a primary whose replicas are all there.
fn leads(server: &RedisNode) -> Result<(), ServerError> {
    let said = server.look("INFO replication")?;
    let replicas = format!("connected_slaves:{}", SERVERS - 1);
    expect(said[0].contains("role:master") && said[0].contains(&replicas), &said)
}

/// Nothing, if a sentinel knows all others, doubts none, and takes the server at this port for the primary.
fn sees_all(sentinel: &RedisNode, primary: u16) -> Result<(), ServerError> {
    let ask = |what: &str| sentinel.look(&format!("SENTINEL {what} {NAME}"));
    let (one, replicas, others) = (ask("MASTER")?, ask("REPLICAS")?, ask("SENTINELS")?);
    expect(values(&one, "port").eq([primary.to_string()]), &one)?;
    expect(values(&one, "flags").eq(["master"]), &one)?;
    expect(values(&replicas, "flags").eq(["slave"; SERVERS - 1]), &replicas)?;
    expect(values(&replicas, "master-link-status").all(|status| status == "ok"), &replicas)?;
    // What they said of a primary that was dead may stay with them.
    let is_well = |flags| ["sentinel", "sentinel,master_down"].contains(&flags);
    let well = values(&others, "flags").filter(|&flags| is_well(flags)).count();
    expect(well == SENTINELS - 1, &others)
}

/// The values of a field, in a list of names and values or in several, one after the other.
fn values<'a>(words: &'a [String], name: &str) -> impl Iterator<Item = &'a str> {
    let pairs = words.chunks_exact(2).filter(move |pair| pair[0] == name);
    pairs.map(|pair| pair[1].as_str())
}

fn expect(is_so: bool, said: &[String]) -> Result<(), ServerError> {
    if is_so { Ok(()) } else { Err(lacking(said.join(" "))) }
}
