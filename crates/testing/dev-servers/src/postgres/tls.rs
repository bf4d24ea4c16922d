//! Clusters that let in who shows what they want to see.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::PostgresServer;
use crate::{Issued, ServerError, ServerTls, account::Account, error::Attempting, home::Home};

impl PostgresServer {
    /// Starts a fresh cluster that lets in whom `hba` says, the lines of a `pg_hba.conf`, which must
    /// let in the superuser from this machine; and that speaks TLS, if it is told what to show.
    pub fn start_guarded(hba: &str, tls: Option<&ServerTls>) -> Result<Self, ServerError> {
        let account = Account::for_postgres()?;
        Self::open(Home::temporary(account)?, account, Vec::new(), |server| {
            server.init()?;
            server.write("pg_hba.conf", hba)?;
            let Some(tls) = tls else { return Ok(()) };
            server.write_certificate(&tls.shows)?;
            let mut settings = String::from("ssl = on\n");
            if let Some(takes) = &tls.takes {
                server.write("clients.crt", takes)?;
                settings += "ssl_ca_file = 'clients.crt'\n";
            }
            let path = server.cluster().join("postgresql.conf");
            let appended = OpenOptions::new().append(true).open(&path);
            appended
                .and_then(|mut file| file.write_all(settings.as_bytes()))
                .attempting(format!("write {}", path.display()))
        })
    }

    /// Has it show another certificate from now on.
    pub fn show(&self, shows: &Issued) -> Result<(), ServerError> {
        self.write_certificate(shows)?;
        self.psql("postgres", "SELECT pg_reload_conf()").map(drop)
    }

    /// Cuts off whoever is in as this role.
    pub fn cut_off(&self, role: &str) -> Result<(), ServerError> {
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
        );
        self.psql("postgres", &sql).map(drop)
    }

    fn write_certificate(&self, shows: &Issued) -> Result<(), ServerError> {
        self.write("server.crt", &shows.cert)?;
        self.write("server.key", &shows.key)
    }

    /// Puts a file into the cluster, in one step: the server may read it at any moment.
    pub(super) fn write(&self, name: &str, content: &str) -> Result<(), ServerError> {
        let path = self.cluster().join(name);
        let new = self.cluster().join(format!("{name}.new"));
        let written = private(&new).and_then(|mut file| file.write_all(content.as_bytes()));
        written.attempting(format!("write {}", new.display()))?;
        if let Some(account) = self.account {
            account.owns(&new)?;
        }
        fs::rename(&new, &path).attempting(format!("write {}", path.display()))
    }
}

/// A new file that its owner alone may read, as Postgres wants its key to be.
pub(in crate::postgres) fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}
