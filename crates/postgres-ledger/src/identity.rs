//! Who this ledger is: `LedgerIdentity` on Postgres.

use async_trait::async_trait;
use domain::{Failure, LedgerId, StoreError, answer::Doing, ports::LedgerIdentity};
use tokio_postgres::Row;

use crate::{PostgresLedger, rows, session::SessionError, settings::SERVING};

const IDENTITY_SQL: &str = include_str!("sql/identity.sql");
const RENEW: Doing = Doing::step("PostgresLedger::renew_identity");
const SERVING_SQL: &str = include_str!("sql/serving.sql");
const RENEW_IDENTITY_SQL: &str = include_str!("sql/renew_identity.sql");

#[async_trait]
impl LedgerIdentity for PostgresLedger {
    async fn identity(&self) -> Result<LedgerId, StoreError> {
        let rows = self.session().query(IDENTITY_SQL, &[]).await;
        rows.and_then(|rows| read(&rows))
            .map_err(|error| error.during(Doing::step("LedgerIdentity::identity")))
    }
}

impl PostgresLedger {
    /// Gives this ledger another identity: it is a copy, and shall live beside its original.
    ///
    /// # Errors
    ///
    /// [`Failure::NotDone`] also while a process serves from it, for each keeps the identity that it
    /// has heard. A version before this one is not noticed.
    pub async fn renew_identity(&self) -> Result<LedgerId, StoreError> {
        let failed = |error: SessionError| error.during(RENEW);
        let mut session = self.session();
        let renewed = session.query(RENEW_IDENTITY_SQL, &[&SERVING]).await.map_err(failed)?;
        if !renewed.is_empty() {
            return read(&renewed).map_err(failed);
        }
        let found = session.query(SERVING_SQL, &[&SERVING]).await.map_err(failed)?;
        let holders = found.first().map(|row| rows::column::<Option<String>>(row, "holders"));
        let holders = holders.transpose().map_err(failed)?.flatten();
        let who = holders.unwrap_or_else(|| "a process that is gone now".to_owned());
        let reason =
            format!("it is served from ({who}): stop every process that serves from it first");
        Err(StoreError::new(RENEW, Failure::NotDone, reason))
    }
}

fn read(rows: &[Row]) -> Result<LedgerId, SessionError> {
    let unreadable = |what: &str| SessionError::Unreadable(format!("the ledger's identity {what}"));
    let row = rows.first().ok_or_else(|| unreadable("is missing"))?;
    let digits: &str = rows::column(row, "identity")?;
    u128::from_str_radix(digits, 16).map(LedgerId).map_err(|_| unreadable("is no number"))
}
