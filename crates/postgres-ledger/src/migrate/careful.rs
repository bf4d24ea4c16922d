//! Applying migrations on a connection whose word is weighed as everywhere else.

use std::time::Duration;

use refinery::Migration;
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use tokio::time::timeout;
use tokio_postgres::error::DbError;

use crate::servers::Connection;

/// A connection to migrate on. What it commits may wait for a standby, with the locks of the migration,
/// for ever.
pub(super) struct Careful<'c> {
    pub(super) connection: &'c mut Connection,
    /// How long a commit is waited for.
    pub(super) patience: Duration,
}

/// Why a step of a migration did not end well.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Driver(#[from] tokio_postgres::Error),
    /// The server did it, or will.
    #[error("no standby has confirmed it")]
    Unconfirmed,
}

impl StepError {
    /// What the server says, if it says anything.
    pub(super) fn db_error(&self) -> Option<&DbError> {
        match self {
            Self::Driver(error) => error.as_db_error(),
            Self::Unconfirmed => None,
        }
    }
}

impl AsyncTransaction for Careful<'_> {
    type Error = StepError;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        queries: T,
    ) -> Result<usize, StepError> {
        let mut count = 0;
        let transaction = self.connection.transaction().await?;
        for query in queries {
            transaction.batch_execute(query).await?;
            count += 1;
        }
        let committed = timeout(self.patience, transaction.commit()).await;
        committed.map_err(|_| StepError::Unconfirmed)??;
        if self.connection.is_trusted() { Ok(count) } else { Err(StepError::Unconfirmed) }
    }
}

impl AsyncQuery<Vec<Migration>> for Careful<'_> {
    async fn query<'a>(&'a mut self, query: &'a str) -> Result<Vec<Migration>, StepError> {
        let client: &mut tokio_postgres::Client = self.connection;
        Ok(AsyncQuery::query(client, query).await?)
    }
}

impl AsyncMigrate for Careful<'_> {}
