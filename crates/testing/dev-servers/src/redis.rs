//! Private Redis servers.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use crate::{
    ServerError, ServerTls,
    error::Attempting,
    home::Home,
    log::Log,
    ports::on_a_free_port,
    running::{Recipe, Running},
    tied::{self, Signal},
};

const RECIPE: Recipe = Recipe { program: "redis-server", ready: "Ready to accept connections" };

/// Its files, if it speaks TLS.
const CERT: &str = "server.crt";
const KEY: &str = "server.key";
const CLIENTS: &str = "clients.crt";

const MISSING: ServerError = ServerError::Missing {
    program: "Redis",
    remedy: "`make deps` installs Debian's package redis-server; \
             or set REDIS_BIN to the directory that holds redis-server",
};

/// How long the server may think about one of our commands.
const REPLY_LIMIT: Duration = Duration::from_secs(30);

/// How often a replica is asked whether it is done, and how long to wait in between.
const LOOKS_MAX: u32 = 3_000;
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A Redis of our own that keeps nothing on disk and evicts nothing.
pub struct RedisServer {
    program: PathBuf,
    port: u16,
    /// Where it speaks TLS, if it does.
    tls: Option<TlsPort>,
    running: Mutex<Option<Running>>,
    home: Home,
}

#[derive(Clone, Copy)]
struct TlsPort {
    port: u16,
    takes_clients: bool,
}

/// All that a Redis held at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    rdb: Vec<u8>,
}

impl RedisServer {
    /// Starts an empty server. It is gone when this value is dropped.
    pub fn start() -> Result<Self, ServerError> {
        let home = Home::temporary(None)?;
        let running = Mutex::new(None);
        let mut server = Self { program: program()?, port: 0, tls: None, running, home };
        let (port, running) = on_a_free_port(|port| server.run(port, None))?;
        server.port = port;
        *server.running() = Some(running);
        Ok(server)
    }

    /// Starts an empty server that speaks TLS on a second port.
    pub fn start_with_tls(tls: &ServerTls) -> Result<Self, ServerError> {
        let home = Home::temporary(None)?;
        let running = Mutex::new(None);
        let mut server = Self { program: program()?, port: 0, tls: None, running, home };
        server.write_certificates(tls)?;
        let takes_clients = tls.takes.is_some();
        let (tls_port, (port, running)) = on_a_free_port(|tls_port| {
            let tls = Some(TlsPort { port: tls_port, takes_clients });
            on_a_free_port(|port| server.run(port, tls))
        })?;
        server.port = port;
        server.tls = Some(TlsPort { port: tls_port, takes_clients });
        *server.running() = Some(running);
        Ok(server)
    }

    /// The port at which it speaks TLS; none, if it does not.
    #[must_use]
    pub fn tls_port(&self) -> u16 {
        self.tls.map_or(0, |tls| tls.port)
    }

    /// Lets a user in who may do everything, with this password and no other.
    pub fn let_in(&self, user: &str, password: &str) -> Result<(), ServerError> {
        self.command(&format!("ACL SETUSER {user} reset on >{password} ~* &* +@all"))
    }

    /// Cuts off whoever is in as this user.
    pub fn cut_off(&self, user: &str) -> Result<(), ServerError> {
        let mut reply = String::new();
        let sent = self.send(&format!("CLIENT KILL USER {user}"));
        sent.and_then(|mut from| from.read_line(&mut reply))
            .attempting("cut off a user of Redis")?;
        Ok(())
    }

    /// Its URL, for clients on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port on the loopback interface.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the server says it is, such as `Redis server v=7.0.15 …`.
    pub fn version(&self) -> Result<String, ServerError> {
        let output = Command::new(&self.program).arg("--version").output();
        let text = output.attempting("run redis-server")?.stdout;
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// Kills the server, with SIGKILL, and all it held.
    pub fn kill(&self) -> Result<(), ServerError> {
        self.running().take().map_or(Ok(()), |mut running| running.end(Signal::Kill).map(drop))
    }

    /// Makes the server stand still, heard by nobody and hearing nobody, until
    /// [`resume`](Self::resume).
    pub fn pause(&self) -> Result<(), ServerError> {
        self.running().as_ref().map_or(Ok(()), |running| running.tell_all(Signal::Stop))
    }

    /// Lets the server go on.
    pub fn resume(&self) -> Result<(), ServerError> {
        self.running().as_ref().map_or(Ok(()), |running| running.tell_all(Signal::Continue))
    }

    /// Starts the server on the same port, empty, if it does not run.
    pub fn start_again(&self) -> Result<(), ServerError> {
        let mut running = self.running();
        if !running.as_mut().is_some_and(Running::is_alive) {
            drop(running.take());
            *running = Some(self.run(self.port, self.tls)?);
        }
        Ok(())
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
        self.command(&format!("REPLICAOF 127.0.0.1 {}", master.port))?;
        // A replica tells nobody when it is done; it has to be asked.
        for _ in 0..LOOKS_MAX {
            if self.replication()?.contains("master_link_status:up") {
                return Ok(());
            }
            thread::sleep(LOOK_AGAIN);
        }
        let said = format!("it does not follow:\n{}", self.replication()?);
        Err(ServerError::Failed { program: RECIPE.program.to_owned(), said })
    }

    /// Makes a replica a server of its own again, with what it holds at this moment.
    pub fn stop_following(&self) -> Result<(), ServerError> {
        self.command("REPLICAOF NO ONE")
    }

    fn run(&self, port: u16, tls: Option<TlsPort>) -> Result<Running, ServerError> {
        let mut command = tied::command(&self.program, Signal::Kill);
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dbfilename", "dump.rdb", "--dir"])
            .arg(self.home.path())
            .args(["--maxmemory-policy", "noeviction", "--daemonize", "no", "--logfile", ""])
            // A replica is wanted now, not when more of them may have come.
            .args(["--repl-diskless-sync-delay", "0"]);
        if let Some(TlsPort { port, takes_clients }) = tls {
            let file = |name| self.home.path().join(name);
            command.args(["--tls-port", &port.to_string()]);
            command.arg("--tls-cert-file").arg(file(CERT)).arg("--tls-key-file").arg(file(KEY));
            command.arg("--tls-ca-cert-file").arg(file(CLIENTS));
            command.args(["--tls-auth-clients", if takes_clients { "yes" } else { "no" }]);
        }
        // Ctrl-C in a terminal is for the service; its databases must outlive its last words.
        command.stdin(self.home.claim().attempting("start redis-server")?).process_group(0);
        command.current_dir("/");
        Running::start(RECIPE, command, Log::anew(self.home.path().join("redis-server.log"))?)
    }

    fn write_certificates(&self, tls: &ServerTls) -> Result<(), ServerError> {
        // It wants an authority for clients even where it asks them for nothing.
        let takes = tls.takes.as_ref().unwrap_or(&tls.shows.cert);
        for (name, content) in [(CERT, &tls.shows.cert), (KEY, &tls.shows.key), (CLIENTS, takes)] {
            let path = self.home.path().join(name);
            fs::write(&path, content).attempting(format!("write {}", path.display()))?;
        }
        Ok(())
    }

    fn rdb(&self) -> PathBuf {
        self.home.path().join("dump.rdb")
    }

    /// A file that stays would come back with the next start.
    fn forget_rdb(&self) -> Result<(), ServerError> {
        fs::remove_file(self.rdb()).attempting("remove a Redis snapshot")
    }

    /// What the server says of its master and its replicas.
    fn replication(&self) -> Result<String, ServerError> {
        let ask = || -> io::Result<String> {
            let mut text = String::new();
            self.send("INFO replication\r\nQUIT")?.read_to_string(&mut text)?;
            Ok(text)
        };
        ask().attempting("ask Redis for its replication")
    }

    /// Sends a command whose good answer is `OK`.
    fn command(&self, command: &str) -> Result<(), ServerError> {
        let ask = || -> io::Result<String> {
            let mut reply = String::new();
            self.send(command)?.read_line(&mut reply)?;
            Ok(reply)
        };
        match ask().attempting(format!("send {command} to Redis"))?.trim() {
            "+OK" => Ok(()),
            said => Err(ServerError::Failed {
                program: RECIPE.program.to_owned(),
                said: said.to_owned(),
            }),
        }
    }

    /// Sends a command; returns where the reply comes from.
    fn send(&self, command: &str) -> io::Result<BufReader<TcpStream>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(REPLY_LIMIT))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        Ok(BufReader::new(stream))
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        // A test that panicked has left the server as it is, which is all there is to know.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Nobody is left to tell; a server that stays is ended with the process.
        let _ = self.kill();
    }
}

/// The program, Redis or Valkey: in `REDIS_BIN`, else on PATH.
fn program() -> Result<PathBuf, ServerError> {
    let places = env::var_os("REDIS_BIN").or_else(|| env::var_os("PATH")).unwrap_or_default();
    env::split_paths(&places)
        .flat_map(|dir| ["redis-server", "valkey-server"].map(|program| dir.join(program)))
        .find(|program| program.exists())
        .ok_or(MISSING)
}
