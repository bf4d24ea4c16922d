//! The keys that buyers' tokens are checked with: read at the start, and again when they change.

use std::{sync::Arc, time::Duration};

use credentials::{AccessError, FileError, NamedFile, Reader};
use http_api::{Identity, KeysError};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{config::Believed, environment::wall_clock};

/// How often the file is looked at. It is read whole: it is small, and what tells of a change without
/// that can miss one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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

    /// Looks at the file again and again until told to stop. One that is of no use changes nothing: the
    /// keys stay that were read before, and whoever watches is told.
    pub(crate) async fn keep(self, stop: CancellationToken) {
        let (mut looks, reader) = (interval(LOOK_EVERY), Reader::default());
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            let this = self.clone();
            let looked = reader.read(move || this.look()).await;
            telemetry::show_token_keys_outdated(looked.is_err());
            match looked {
                Ok(Some(keys)) => tracing::info!(keys, "read the keys of buyers' tokens again"),
                Ok(None) if told.is_some() => tracing::info!("the keys of buyers' tokens are good"),
                Ok(None) => {}
                Err(error) => {
                    let text = error.to_string();
                    if told.as_ref() != Some(&text) {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "the keys of buyers' tokens stay as they were");
                    }
                    told = Some(text);
                    continue;
                }
            }
            told = None;
        }
    }

    fn look(&self) -> Result<Option<usize>, TokenKeysError> {
        let text = self.file.read_secret()?;
        self.identity.renew(&text).map_err(|error| unusable(&self.file, error))
    }
}

fn unusable(file: &NamedFile, source: KeysError) -> TokenKeysError {
    TokenKeysError::Keys { setting: file.setting, path: file.path.clone(), source }
}
