//! The keys that buyers' tokens are checked with: read at the start, and again when they change.

use std::sync::Arc;

use credentials::{AccessError, FileError, NamedFile};
use http_api::{Identity, KeysError};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Believed,
    environment::wall_clock,
    kept_file::{Kept, keep},
};

/// Why the keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenKeysError {
    /// The file is of no use.
    #[error(transparent)]
    File(#[from] FileError),
    /// It was not read to its end.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// What is in it is of no use.
    #[error("{setting}: {} {source}", path.display())]
    Keys { setting: &'static str, path: std::path::PathBuf, source: KeysError },
}

/// Who says of whom requests are, and the file of the keys for it.
#[derive(Clone)]
pub(crate) struct TokenKeys {
    pub(crate) identity: Arc<Identity>,
    file: NamedFile,
}

impl TokenKeys {
    /// Reads the keys.
    pub(crate) fn read(believed: Believed) -> Result<Self, TokenKeysError> {
        let Believed { source, file, rules } = believed;
        let text = file.read_secret()?;
        let identity = Identity::new(source, &text, rules, wall_clock);
        let identity = identity.map(Arc::new).map_err(|error| unusable(&file, error))?;
        Ok(Self { identity, file })
    }

    /// Looks at the file again and again until told to stop. One that is of no use changes nothing.
    pub(crate) async fn keep(self, stop: CancellationToken) {
        let kept = Kept {
            what: "the keys of buyers' tokens",
            show_outdated: telemetry::show_token_keys_outdated,
        };
        keep(kept, stop, move || self.look()).await;
    }

    fn look(&self) -> Result<Option<usize>, TokenKeysError> {
        let text = self.file.read_secret()?;
        self.identity.renew(&text).map_err(|error| unusable(&self.file, error))
    }
}

fn unusable(file: &NamedFile, source: KeysError) -> TokenKeysError {
    TokenKeysError::Keys { setting: file.setting, path: file.path.clone(), source }
}
