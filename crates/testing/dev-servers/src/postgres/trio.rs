//! A server and two standbys, of which each can take the place of the first: for whoever wants to
//! watch a failover.
//!
//! All three have the same settings, and each follows whichever takes writes. Who that is stands in
//! their directories alone: a standby has the file `standby.signal`, as Postgres has it, and of those
//! without one the server is the one on the highest timeline. So it is the same after a restart.

mod files;

use std::{
    ffi::OsStr,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use self::files::{AUTHORITY, HBA, LET_IN, SETTINGS, certificates, ports, settings, write};
pub(super) use self::files::{SERVERS, STANDBY, UNFINISHED, place, ports_of, source, timeline};
use super::PostgresServer;
use crate::{ServerError, account::Account, error::Attempting, home::Home, running::Running};

/// How often it is looked whether a standby has ended.
const TEND_EVERY: Duration = Duration::from_millis(250);

/// Three servers in a directory.
pub struct Trio {
    servers: [PostgresServer; SERVERS],
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
            server.settings = vec![format!("cluster_name=server-{}", index + 1)];
            Ok::<_, ServerError>(server)
        };
        let [one, two, three] = homes;
        let trio = Self { servers: [server(0, one)?, server(1, two)?, server(2, three)?], home };
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
            if follows(server) {
                server.start_again()?;
            } else {
                say(&format!(
                    "Server {} was the server before {} was promoted, and stays down until it is \
                     made a standby: dev-servers ha rejoin",
                    index + 1,
                    first + 1
                ));
            }
        }
        // Whoever makes it waits for a standby, which is there by now.
        if !self.servers[first].has_database(database)? {
            self.servers[first].create_database(database)?;
        }
        Ok(())
    }

    /// The one that takes writes, by what the directories hold; the first is made if there is none.
    fn first(&self) -> Result<usize, ServerError> {
        if self.servers.iter().all(|server| !server.cluster().exists()) {
            self.make_first()?;
            return Ok(0);
        }
        let candidates = (0..SERVERS).filter(|&index| {
            let server = &self.servers[index];
            server.cluster().exists() && !follows(server) && !is_unfinished(server)
        });
        candidates.max_by_key(|&index| timeline(&self.servers[index].cluster())).ok_or_else(|| {
            ServerError::Failed {
                program: "finding the server".to_owned(),
                said: format!("each of those in {} is a standby", self.home.path().display()),
            }
        })
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
        // Of each, whether it was said that it does not start.
        let mut is_said = [false; SERVERS];
        while matches!(stop.recv_timeout(TEND_EVERY), Err(RecvTimeoutError::Timeout)) {
            for (index, server) in self.servers.iter().enumerate() {
                // Asked in any case: who was killed is there until somebody asks.
                let is_alive = server.running().as_mut().is_some_and(Running::is_alive);
                if is_alive || !follows(server) || is_unfinished(server) {
                    continue;
                }
                let started = server.start_again();
                let number = index + 1;
                match started {
                    Ok(()) => say(&format!("server {number} is a standby, and was started")),
                    Err(error) if !is_said[index] => {
                        say(&format!("server {number} does not start: {error}"));
                    }
                    Err(_) => {}
                }
                is_said[index] = !server.running().as_mut().is_some_and(Running::is_alive);
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
    }
}

fn follows(server: &PostgresServer) -> bool {
    server.cluster().join(STANDBY).exists()
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
