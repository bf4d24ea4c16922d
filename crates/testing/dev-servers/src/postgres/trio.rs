//! A server and two standbys, of which each can take the place of the first: for whoever wants to
//! watch a failover.
//!
//! All three have the same settings, and each follows whichever takes writes. Who that is stands in
//! their directories alone: a standby has the file `standby.signal`, as Postgres has it, and of those
//! without one the server is the one on the highest timeline. So it is the same after a restart. Where two
//! are on the same, somebody has to say.

mod files;

use std::{
    ffi::OsStr,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, SystemTime},
};

use self::files::{AUTHORITY, HBA, LET_IN, SETTINGS, certificates, name, ports, settings, write};
pub(super) use self::files::{
    FORKED, LOST, RUNNER, SERVERS, STANDBY, UNFINISHED, place, ports_of, source, timeline,
};
use super::PostgresServer;
use crate::{ServerError, account::Account, error::Attempting, home::Home, running::Running};

/// How often it is looked whether a standby has ended.
const TEND_EVERY: Duration = Duration::from_millis(250);

/// Three servers in a directory.
pub struct Trio {
    servers: [PostgresServer; SERVERS],
    /// Of each standby that did not start, when it was made one: it is not tried again before that is
    /// done anew.
    given_up: Mutex<[Option<SystemTime>; SERVERS]>,
    // After the servers, which live in it.
    home: Home,
}

impl Trio {
    /// Starts the servers that live in `dir`, made if there are none, with an empty database of that
    /// name. They are stopped when this value is dropped, and what they hold stays. What else there is
    /// to know is said.
    ///
    /// Run by root, a directory under `/var/tmp` may stand in, as [`PostgresServer::start_in`] has it.
    pub fn start_in(
        dir: &Path,
        database: &str,
        mut say: impl FnMut(&str),
    ) -> Result<Self, ServerError> {
        let account = Account::for_postgres()?;
        let home = Home::at(dir, account)?;
        write(home.path(), RUNNER, &process::id().to_string())?;
        let lives = |index| Home::at(&place(home.path(), index), account);
        // Servers of a run that was killed are gone, and their ports free, when these are had.
        let homes = [lives(0)?, lives(1)?, lives(2)?];
        let ports = ports(home.path())?;
        certificates(home.path(), account)?;
        write(home.path(), HBA, LET_IN)?;
        write(home.path(), SETTINGS, &settings(home.path(), ports))?;
        let server = |index, home| {
            let mut server = PostgresServer::stopped(home, account, Vec::new())?;
            server.port = ports[index];
            // A standby is called so by the server that it follows.
            server.settings = vec![format!("cluster_name={}", name(index))];
            Ok::<_, ServerError>(server)
        };
        let [one, two, three] = homes;
        let servers = [server(0, one)?, server(1, two)?, server(2, three)?];
        let trio = Self { servers, given_up: Mutex::default(), home };
        trio.start(database, &mut say)?;
        Ok(trio)
    }

    fn start(&self, database: &str, say: &mut impl FnMut(&str)) -> Result<(), ServerError> {
        let first = self.first()?;
        self.servers[first].start_again()?;
        for (index, server) in self.servers.iter().enumerate().filter(|(index, _)| *index != first)
        {
            if !server.cluster().exists() {
                self.copy_of(first, index)?;
            }
            if is_unfinished(server) {
                say(&format!(
                    "Server {} was not made a standby to the end, and stays down until it is: {}",
                    index + 1,
                    self.rejoin()
                ));
            } else if follows(server) {
                self.start_standby(index, say);
            } else {
                say(&format!(
                    "Server {} was the server before {} was promoted, and stays down until it is \
                     made a standby: {}",
                    index + 1,
                    first + 1,
                    self.rejoin()
                ));
            }
        }
        // Whoever makes it waits for a standby, which is there by now.
        if !self.servers[first].has_database(database)? {
            self.servers[first].create_database(database)?;
        }
        Ok(())
    }

    /// Starts a standby that ended, and says whether it could be. If not, the others serve without it.
    fn start_standby(&self, index: usize, say: &mut impl FnMut(&str)) -> bool {
        let number = index + 1;
        let made = made_standby(&self.servers[index]);
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        if given_up[index].is_some() && given_up[index] == made {
            return false;
        }
        let started = self.servers[index].start_again();
        given_up[index] = if started.is_ok() { None } else { made };
        if let Err(error) = &started {
            say(&format!(
                "Server {number} does not start, and stays down until it is made a standby anew: {}\n{error}",
                self.rejoin()
            ));
        }
        started.is_ok()
    }

    /// The command that makes standbys.
    fn rejoin(&self) -> String {
        format!("dev-servers ha rejoin --data {}", self.home.path().display())
    }

    /// The one that takes writes, by what the directories hold; the first is made if there is none.
    fn first(&self) -> Result<usize, ServerError> {
        if self.servers.iter().all(|server| !server.cluster().exists()) {
            self.make_first()?;
            return Ok(0);
        }
        let failed = |said: String| {
            let program = "finding the server".to_owned();
            ServerError::Failed { program, said }
        };
        let dir = self.home.path().display();
        let candidates = (0..SERVERS).filter(|&index| {
            let server = &self.servers[index];
            server.cluster().exists() && !follows(server) && !is_unfinished(server)
        });
        let rank = |index: usize| {
            let server = &self.servers[index];
            (!server.dir().join(FORKED).exists(), timeline(&server.cluster()))
        };
        let candidates = candidates.collect::<Vec<_>>();
        let best = candidates.iter().map(|&index| rank(index)).max();
        let best = candidates.into_iter().filter(|&index| Some(rank(index)) == best);
        match best.collect::<Vec<_>>()[..] {
            [] => Err(failed(format!("each of those in {dir} is a standby"))),
            [first] => Ok(first),
            [one, two, ..] => Err(failed(format!(
                "servers {} and {} were promoted beside each other: say which one is not the server, \
                 with dev-servers ha kill N --data {dir}, which loses what only that one has",
                one + 1,
                two + 1
            ))),
        }
    }

    fn make_first(&self) -> Result<(), ServerError> {
        let server = &self.servers[0];
        server.init()?;
        let include = format!("include '{}'\n", self.home.path().join(SETTINGS).display());
        let path = server.cluster().join("postgresql.conf");
        let appended = OpenOptions::new().append(true).open(&path);
        appended
            .and_then(|mut file| file.write_all(include.as_bytes()))
            .attempting(format!("write {}", path.display()))
    }

    /// Makes a server a standby, with a copy of what the first one holds.
    fn copy_of(&self, first: usize, index: usize) -> Result<(), ServerError> {
        let server = &self.servers[index];
        // Without it, a copy that does not know yet that it is one would be taken for a server.
        write(server.dir(), UNFINISHED, "")?;
        let source = source(self.home.path(), self.servers[first].port);
        server.make_cluster("pg_basebackup", |copy| {
            copy.args(["-d", &source, "-X", "stream", "-c", "fast", "-D"]);
        })?;
        server.write(STANDBY, "")?;
        let path = server.dir().join(UNFINISHED);
        fs::remove_file(&path).attempting(format!("remove {}", path.display()))
    }

    /// Starts again each standby that ends, also one that was the server and was made a standby, until
    /// the other end of `stop` is gone. One that takes writes stays down when it ends, for
    /// another may have taken its place.
    pub fn tend(&self, stop: &Receiver<()>, mut say: impl FnMut(&str)) {
        while matches!(stop.recv_timeout(TEND_EVERY), Err(RecvTimeoutError::Timeout)) {
            for (index, server) in self.servers.iter().enumerate() {
                // Asked in any case: who was killed is there until somebody asks.
                let is_alive = server.running().as_mut().is_some_and(Running::is_alive);
                if is_alive || !follows(server) || is_unfinished(server) {
                    continue;
                }
                if self.start_standby(index, &mut say) {
                    say(&format!("server {} is a standby, and was started", index + 1));
                }
            }
        }
    }

    /// The URL of a database, for clients on this machine, with all three servers and what tells that
    /// they are these.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let servers = self.servers.each_ref();
        let url = PostgresServer::url_of_all(&servers, database);
        let authority = self.home.path().join(AUTHORITY);
        format!("{url}?sslmode=verify-full&sslrootcert={}", percent_encoded(authority.as_os_str()))
    }

    /// The directory that holds the three.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.home.path()
    }

    /// What the servers say they are, such as `postgres (PostgreSQL) 15.18`.
    pub fn version(&self) -> Result<String, ServerError> {
        self.servers[0].version()
    }
}

impl Drop for Trio {
    fn drop(&mut self) {
        // Those that take writes first, so that their standbys hear of all that was written. Nobody is
        // left to tell of an error.
        for server in self.servers.iter().filter(|server| !follows(server)) {
            let _ = server.stop();
        }
        let _ = fs::remove_file(self.home.path().join(RUNNER));
    }
}

fn follows(server: &PostgresServer) -> bool {
    server.cluster().join(STANDBY).exists()
}

/// When it was made one.
fn made_standby(server: &PostgresServer) -> Option<SystemTime> {
    fs::metadata(server.cluster().join(STANDBY)).and_then(|signal| signal.modified()).ok()
}

fn is_unfinished(server: &PostgresServer) -> bool {
    server.dir().join(UNFINISHED).exists()
}

/// As a URL has it.
fn percent_encoded(text: &OsStr) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let encoded = |&byte: &u8| match byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.as_encoded_bytes().iter().map(encoded).collect()
}
