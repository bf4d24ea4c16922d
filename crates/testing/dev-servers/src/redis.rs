//! Private Redis servers.

pub(crate) mod cluster;
pub(crate) mod node;
pub(crate) mod sentinels;
mod wire;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use self::node::{RedisNode, SERVER, look_until, volatile};
use crate::{ServerError, ServerTls, error::Attempting, home::Home};

/// Its files, if it speaks TLS.
const CERT: &str = "server.crt";
const KEY: &str = "server.key";
const CLIENTS: &str = "clients.crt";

/// A Redis of our own that keeps nothing on disk and evicts nothing.
pub struct RedisServer {
    node: RedisNode,
    speaks_tls: bool,
}

/// All that a Redis held at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    rdb: Vec<u8>,
}

impl RedisServer {
    /// Starts an empty server. It is gone when this value is dropped.
    pub fn start() -> Result<Self, ServerError> {
        let node = RedisNode::start(Home::temporary(None)?, SERVER, None, |_, _| volatile())?;
        Ok(Self { node, speaks_tls: false })
    }

    /// Starts an empty server that speaks TLS on a second port.
    pub fn start_with_tls(tls: &ServerTls) -> Result<Self, ServerError> {
        let home = Home::temporary(None)?;
        write_certificates(home.path(), tls)?;
        let takes_clients = tls.takes.is_some();
        let node = RedisNode::start(home, SERVER, None, |dir, ports| {
            let mut settings = volatile();
            settings.extend(tls_settings(dir, ports.tls, takes_clients));
            settings
        })?;
        Ok(Self { node, speaks_tls: true })
    }

    /// The port at which it speaks TLS; none, if it does not.
    #[must_use]
    pub fn tls_port(&self) -> u16 {
        if self.speaks_tls { self.node.tls_port() } else { 0 }
    }

    /// Lets a user in who may do everything, with this password and no other.
    pub fn let_in(&self, user: &str, password: &str) -> Result<(), ServerError> {
        self.command(&format!("ACL SETUSER {user} reset on >{password} ~* &* +@all"))
    }

    /// Cuts off whoever is in as this user.
    pub fn cut_off(&self, user: &str) -> Result<(), ServerError> {
        self.command(&format!("CLIENT KILL USER {user}"))
    }

    /// Its URL, for clients on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    /// Its port on the loopback interface.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.node.port()
    }

    /// What the server says it is, such as `Redis server v=7.0.15 …`.
    pub fn version(&self) -> Result<String, ServerError> {
        self.node.version()
    }

    /// Kills the server, with SIGKILL, and all it held.
    pub fn kill(&self) -> Result<(), ServerError> {
        self.node.kill()
    }

    /// Makes the server stand still, heard by nobody and hearing nobody, until
    /// [`resume`](Self::resume).
    pub fn pause(&self) -> Result<(), ServerError> {
        self.node.pause()
    }

    /// Lets the server go on.
    pub fn resume(&self) -> Result<(), ServerError> {
        self.node.resume()
    }

    /// Starts the server on the same port, empty, if it does not run.
    pub fn start_again(&self) -> Result<(), ServerError> {
        self.node.start_again()
    }

    /// Writes down all that the server holds, its function libraries included.
    pub fn save_snapshot(&self) -> Result<Snapshot, ServerError> {
        self.command("SAVE")?;
        let rdb = fs::read(self.rdb()).attempting("read a Redis snapshot")?;
        self.forget_rdb()?;
        Ok(Snapshot { rdb })
    }

    /// Kills the server, if it runs, and starts it on the same port with what it held at the
    /// time of the snapshot. Keys that have expired since are gone.
    pub fn start_again_from(&self, snapshot: &Snapshot) -> Result<(), ServerError> {
        self.kill()?;
        fs::write(self.rdb(), &snapshot.rdb).attempting("write a Redis snapshot")?;
        self.start_again()?;
        self.forget_rdb()
    }

    /// Removes every key. Function libraries stay.
    pub fn flush_all(&self) -> Result<(), ServerError> {
        self.command("FLUSHALL")
    }

    /// Lets it hold no more than so many bytes: what it holds beyond that stays, and whatever would
    /// add to it is refused. Zero is no limit.
    pub fn limit_memory(&self, bytes: u64) -> Result<(), ServerError> {
        self.command(&format!("CONFIG SET maxmemory {bytes}"))
    }

    /// Makes this server a replica of `master`, and waits until it holds what that one holds.
    pub fn follow(&self, master: &Self) -> Result<(), ServerError> {
        self.command(&format!("REPLICAOF 127.0.0.1 {}", master.port()))?;
        look_until("the replica holds what its master holds", || self.node.follows())
    }

    /// Makes a replica a server of its own again, with what it holds at this moment.
    pub fn stop_following(&self) -> Result<(), ServerError> {
        self.command("REPLICAOF NO ONE")
    }

    fn rdb(&self) -> PathBuf {
        self.node.dir().join("dump.rdb")
    }

    /// A file that stays would come back with the next start.
    fn forget_rdb(&self) -> Result<(), ServerError> {
        fs::remove_file(self.rdb()).attempting("remove a Redis snapshot")
    }

    fn command(&self, command: &str) -> Result<(), ServerError> {
        self.node.command(command).map(drop)
    }
}

fn tls_settings(dir: &Path, port: u16, takes_clients: bool) -> Vec<OsString> {
    let file = |name| dir.join(name).into_os_string();
    let clients = if takes_clients { "yes" } else { "no" };
    let settings = [
        ("--tls-port", port.to_string().into()),
        ("--tls-cert-file", file(CERT)),
        ("--tls-key-file", file(KEY)),
        ("--tls-ca-cert-file", file(CLIENTS)),
        ("--tls-auth-clients", clients.into()),
    ];
    settings.into_iter().flat_map(|(name, value)| [name.into(), value]).collect()
}

fn write_certificates(dir: &Path, tls: &ServerTls) -> Result<(), ServerError> {
    // It wants an authority for clients even where it asks them for nothing.
    let takes = tls.takes.as_ref().unwrap_or(&tls.shows.cert);
    for (name, content) in [(CERT, &tls.shows.cert), (KEY, &tls.shows.key), (CLIENTS, takes)] {
        let path = dir.join(name);
        fs::write(&path, content).attempting(format!("write {}", path.display()))?;
    }
    Ok(())
}
