//! Who this ledger is: `LedgerIdentity` on Postgres.

use async_trait::async_trait;
use domain::{LedgerId, StoreError, answer::Doing, ports::LedgerIdentity};
use tokio_postgres::Row;

use crate::{PostgresLedger, rows, session::SessionError};

const IDENTITY_SQL: &str = include_str!("sql/identity.sql");
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
    /// Gives this ledger another identity: it is a copy, and shall live beside its original. No
    /// process may serve from it meanwhile, for each keeps the identity that it has heard.
    pub async fn renew_identity(&self) -> Result<LedgerId, StoreError> {
        let rows = self.session().query(RENEW_IDENTITY_SQL, &[]).await;
        rows.and_then(|rows| read(&rows))
            .map_err(|error| error.during(Doing::step("PostgresLedger::renew_identity")))
    }
}

fn read(rows: &[Row]) -> Result<LedgerId, SessionError> {
    let unreadable = |what: &str| SessionError::Unreadable(format!("the ledger's identity {what}"));
    let row = rows.first().ok_or_else(|| unreadable("is missing"))?;
    let digits: &str = rows::column(row, "identity")?;
    u128::from_str_radix(digits, 16).map(LedgerId).map_err(|_| unreadable("is no number"))
}
