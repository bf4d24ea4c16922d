//! What the directory of the three servers holds beside their clusters.

use std::{
    fs::{self, Permissions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{
    Authority, ServerError,
    account::Account,
    error::Attempting,
    ports::{free_port, is_free},
};

/// How many servers there are. A promoted one sells nothing before a standby follows it.
pub(in crate::postgres) const SERVERS: usize = 3;

/// In the directory of all three, for programs of Postgres and for the service.
pub(super) const AUTHORITY: &str = "authority.crt";
const CERT: &str = "server.crt";
const KEY: &str = "server.key";
pub(super) const HBA: &str = "pg_hba.conf";
pub(super) const SETTINGS: &str = "servers.conf";
const PORTS: &str = "ports";

/// In the directory of all three, while somebody runs them: who does.
pub(in crate::postgres) const RUNNER: &str = "run.pid";

/// In the directory of a server whose files are being replaced by a copy of another's.
pub(in crate::postgres) const UNFINISHED: &str = "unfinished";

/// In the directory of a server that was killed while another one took writes, too: what only it has is
/// given up, and its timeline may be another's, too.
pub(in crate::postgres) const FORKED: &str = "forked";

/// In the directory of a server that got a copy: what it had before.
pub(in crate::postgres) const LOST: &str = "postgres-lost";

/// In a cluster that follows another.
pub(in crate::postgres) const STANDBY: &str = "standby.signal";

/// Over TLS alone, and to what docs/failover.md lets in: the superuser from this machine, without a
/// password, as other servers of ours.
pub(super) const LET_IN: &str = "\
hostssl flashsale   postgres 127.0.0.1/32 trust
hostssl replication postgres 127.0.0.1/32 trust
hostssl postgres    postgres 127.0.0.1/32 trust
";

/// What one of them is called: as a standby by the server that it follows, too.
pub(super) fn name(index: usize) -> String {
    format!("server-{}", index + 1)
}

/// Where one of them lives.
pub(in crate::postgres) fn place(dir: &Path, index: usize) -> PathBuf {
    dir.join(name(index))
}

/// How programs of Postgres get into the one at this port.
pub(in crate::postgres) fn source(dir: &Path, port: u16) -> String {
    let authority = dir.join(AUTHORITY);
    format!(
        "host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=verify-full sslrootcert={}",
        authority.display()
    )
}

/// The ports of the servers, as they were given to them.
pub(in crate::postgres) fn ports_of(dir: &Path) -> Option<[u16; SERVERS]> {
    let text = fs::read_to_string(dir.join(PORTS)).ok()?;
    let ports = text.split_whitespace().map(|port| port.parse().ok());
    ports.collect::<Option<Vec<u16>>>()?.try_into().ok()
}

/// The last timeline that a cluster knows of.
pub(in crate::postgres) fn timeline(cluster: &Path) -> u32 {
    let entries = fs::read_dir(cluster.join("pg_wal")).into_iter().flatten().flatten();
    let histories = entries.filter_map(|entry| {
        let name = entry.file_name();
        u32::from_str_radix(name.to_str()?.strip_suffix(".history")?, 16).ok()
    });
    histories.max().unwrap_or(1)
}

/// The ports of before, if they are free, for whoever has written them down.
pub(super) fn ports(dir: &Path) -> Result<[u16; SERVERS], ServerError> {
    if let Some(ports) = ports_of(dir)
        && ports.iter().all(|&port| is_free(port))
    {
        return Ok(ports);
    }
    let mut ports = [0; SERVERS];
    for index in 0..SERVERS {
        while ports[index] == 0 || ports[..index].contains(&ports[index]) {
            ports[index] = free_port().attempting("find a free port")?;
        }
    }
    write(dir, PORTS, &ports.map(|port| port.to_string()).join(" "))?;
    Ok(ports)
}

/// Makes an authority that nobody knows who is not told of it, and has it sign the one certificate that
/// the three share, for they are on one machine.
pub(super) fn certificates(dir: &Path, account: Option<Account>) -> Result<(), ServerError> {
    // Written last.
    if dir.join(AUTHORITY).exists() {
        return Ok(());
    }
    let authority = Authority::new("the authority of one HA stack")?;
    let issued = authority.issue("127.0.0.1")?;
    write(dir, CERT, &issued.cert)?;
    let key = dir.join(KEY);
    crate::postgres::tls::private(&key)
        .and_then(|mut file| file.write_all(issued.key.as_bytes()))
        .attempting(format!("write {}", key.display()))?;
    if let Some(account) = account {
        account.owns(&key)?;
    }
    write(dir, AUTHORITY, &authority.pem())
}

/// What all three are told.
pub(super) fn settings(dir: &Path, ports: [u16; SERVERS]) -> String {
    let file = |name: &str| dir.join(name).display().to_string();
    let hosts = ["127.0.0.1"; SERVERS].join(",");
    let ports = ports.map(|port| port.to_string()).join(",");
    let names = (0..SERVERS).map(|index| format!("\"{}\"", name(index))).collect::<Vec<_>>();
    format!(
        "# Written anew at each start. Any of the three can be the server, so all have the same.
hba_file = '{}'
ssl = on
ssl_cert_file = '{}'
ssl_key_file = '{}'
# A commit is answered once a standby has it on its disk. Names, for else whatever takes the log may say so.
synchronous_commit = on
synchronous_standby_names = 'ANY 1 ({})'
# A standby follows whichever takes writes.
primary_conninfo = 'host={hosts} port={ports} user=postgres target_session_attrs=read-write \
connect_timeout=2 sslmode=verify-full sslrootcert={}'
wal_retrieve_retry_interval = '500ms'
# What a standby may miss, and still follow without a copy.
wal_keep_size = '512MB'
# For pg_rewind.
wal_log_hints = on
",
        file(HBA),
        file(CERT),
        file(KEY),
        names.join(", "),
        file(AUTHORITY)
    )
}

pub(super) fn write(dir: &Path, name: &str, content: &str) -> Result<(), ServerError> {
    let path = dir.join(name);
    // The user that Postgres runs as reads it, too.
    let readable = || fs::set_permissions(&path, Permissions::from_mode(0o644));
    fs::write(&path, content)
        .and_then(|()| readable())
        .attempting(format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So that what the page does can be done by whom it lets in.
    #[test]
    fn the_databases_that_are_let_in_to_are_those_of_the_page() {
        let page = include_str!("../../../../../../docs/failover.md");
        let (_, shown) = page.split_once("# pg_hba.conf").unwrap();
        let (shown, _) = shown.split_once("```").unwrap();

        let databases = |lines: &str| {
            let words = lines.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            let let_in = words.filter(|words| words.first() == Some(&"hostssl"));
            let_in.map(|words| words[1].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(databases(LET_IN), databases(shown));
    }
}
