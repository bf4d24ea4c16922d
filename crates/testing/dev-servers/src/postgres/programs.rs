//! Where the programs of Postgres are on this machine.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    ServerError,
    error::{Attempting, succeeded},
};

const OLDEST_VERSION: u32 = 15;

const MISSING: ServerError = ServerError::Missing {
    program: "Postgres 15 or newer",
    remedy: "`make deps` installs Debian's package postgresql; \
             or set PG_BIN to the directory that holds initdb and postgres",
};

/// The directory of the programs: `PG_BIN`, else Debian's for the newest version, else on PATH.
pub(super) fn find() -> Result<PathBuf, ServerError> {
    let has_programs = |dir: &PathBuf| dir.join("initdb").exists() && dir.join("postgres").exists();
    if let Some(dir) = env::var_os("PG_BIN") {
        return Some(PathBuf::from(dir)).filter(has_programs).ok_or(MISSING);
    }
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = debian
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|&version| version >= OLDEST_VERSION)
        .map(|version| (version, PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"))))
        .filter(|(_, dir)| has_programs(dir))
        .max();
    if let Some((_, dir)) = newest {
        return Ok(dir);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .filter(has_programs)
        .find(|dir| major(&version(dir).unwrap_or_default()) >= Some(OLDEST_VERSION))
        .ok_or(MISSING)
}

/// A client of Postgres: beside the server, or whichever is on PATH, for some have none.
pub(super) fn client(programs: &Path, name: &str) -> PathBuf {
    let beside = programs.join(name);
    if beside.exists() { beside } else { name.into() }
}

/// What the server says it is.
pub(super) fn version(programs: &Path) -> Result<String, ServerError> {
    let output = Command::new(programs.join("postgres")).arg("--version").output();
    Ok(succeeded("postgres", &output.attempting("run postgres")?)?.trim().to_owned())
}

/// Reads 15 out of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major(version: &str) -> Option<u32> {
    version.split_whitespace().nth(2)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
