//! The tokens of operators: those of a file, or on a directory one that is made at the first start.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use credentials::{AccessError, FileError, NamedFile};
use http_api::{Hosts, NewToken, Operators, TokenSource, TokensError};
use tokio_util::sync::CancellationToken;

use crate::kept_file::{Kept, keep};

/// The file of the token that whoever has the machine has.
const OWN_TOKEN: &str = "admin.token";

/// What it is called until it is whole.
const OWN_TOKEN_IN_MAKING: &str = "admin.token.new";

/// What is said to name that file where an error names a setting.
const DATA_DIR: &str = "DATA_DIR";

/// What the file of a token is made with.
const OWNERS_ALONE: u32 = 0o600;

/// What nobody may do with a file of tokens who is neither the owner nor in the group.
const OTHERS: u32 = 0o007;

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperatorTokensError {
    /// The file is of no use.
    #[error(transparent)]
    File(#[from] FileError),
    /// It was not read to its end.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// What is in it is of no use.
    #[error("{setting}: {}: {why}", path.display())]
    Tokens { setting: &'static str, path: PathBuf, why: TokensError },
    /// There is nothing to draw one from.
    #[error("the system has no random source to draw a token from")]
    NoRandom,
    /// It cannot be kept.
    #[error("cannot make {}, the token of whoever has the machine", path.display())]
    Make { path: PathBuf, source: io::Error },
}

/// Who operates, and the file that says so.
#[derive(Clone)]
pub(crate) struct OperatorTokens {
    pub(crate) operators: Arc<Operators>,
    pub(crate) source: TokenSource,
    file: NamedFile,
}

impl OperatorTokens {
    /// Reads the list in a file.
    pub(crate) fn listed(file: NamedFile, hosts: Hosts) -> Result<Self, OperatorTokensError> {
        Self::read(TokenSource::List, file, hosts)
    }

    /// Reads the token of a directory, which is made if there is none.
    pub(crate) fn of_directory(dir: &Path, hosts: Hosts) -> Result<Self, OperatorTokensError> {
        let path = dir.join(OWN_TOKEN);
        make_if_missing(&path, &dir.join(OWN_TOKEN_IN_MAKING))?;
        Self::read(TokenSource::Own, NamedFile { setting: DATA_DIR, path }, hosts)
    }

    fn read(
        source: TokenSource,
        file: NamedFile,
        hosts: Hosts,
    ) -> Result<Self, OperatorTokensError> {
        let text = file.read_secret()?;
        let operators = Operators::new(source, &text, hosts);
        let operators = operators.map(Arc::new).map_err(|error| unusable(&file, error))?;
        if is_open_to_others(&file.path) {
            tracing::warn!(
                "{} ({}) can be read or written by everybody on this machine, and says who operates: \
                 `chmod o= {0}`",
                file.path.display(),
                file.setting,
            );
        }
        Ok(Self { operators, source, file })
    }

    /// Where they are.
    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    /// Looks at the file again and again until told to stop. One that is of no use changes nothing.
    pub(crate) async fn keep(self, stop: CancellationToken) {
        let kept = Kept {
            what: "the tokens of operators",
            show_outdated: telemetry::show_operator_tokens_outdated,
        };
        keep(kept, stop, move || self.look()).await;
    }

    fn look(&self) -> Result<Option<usize>, OperatorTokensError> {
        let text = self.file.read_secret()?;
        self.operators.renew(&text).map_err(|error| unusable(&self.file, error))
    }
}

fn unusable(file: &NamedFile, why: TokensError) -> OperatorTokensError {
    OperatorTokensError::Tokens { setting: file.setting, path: file.path.clone(), why }
}

/// Makes a token for its owner alone. It is whole or not there, also after the power was cut. The
/// directory is served by this process and no other.
fn make_if_missing(path: &Path, in_making: &Path) -> Result<(), OperatorTokensError> {
    let failed = |source| OperatorTokensError::Make { path: path.to_owned(), source };
    if path.try_exists().map_err(failed)? {
        return Ok(());
    }
    let token = NewToken::draw().ok_or(OperatorTokensError::NoRandom)?.token;
    let make = || {
        match fs::remove_file(in_making) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file =
            File::options().write(true).create_new(true).mode(OWNERS_ALONE).open(in_making)?;
        writeln!(file, "{token}")?;
        file.sync_all()?;
        fs::rename(in_making, path)
    };
    make().map_err(failed)
}

fn is_open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & OTHERS != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        Hosts::Of(std::net::Ipv4Addr::LOCALHOST.into())
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_token_of_a_directory_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        // Left by a process that was killed.
        fs::write(dir.path().join(OWN_TOKEN_IN_MAKING), "fsa_").unwrap();

        OperatorTokens::of_directory(dir.path(), hosts()).unwrap();
        let path = dir.path().join(OWN_TOKEN);
        let made = fs::read_to_string(&path).unwrap();
        let tokens = OperatorTokens::of_directory(dir.path(), hosts()).unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), made);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(tokens.operators.count(), 1);
    }

    #[test]
    fn a_token_of_a_directory_that_is_of_no_use_is_named_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(OWN_TOKEN);
        fs::write(&path, "geheim\n").unwrap();

        let error = OperatorTokens::of_directory(dir.path(), hosts()).err().unwrap().to_string();

        assert!(error.contains("DATA_DIR: ") && error.contains(OWN_TOKEN), "{error}");
        assert!(!error.contains("geheim"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "geheim\n");
    }

    #[test]
    fn a_file_that_others_may_read_or_write_is_known_for_that() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens");
        fs::write(&path, "# nobody\n").unwrap();
        for (mode, is_open) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_open_to_others(&path), is_open, "{mode:o}");
        }
    }
}
