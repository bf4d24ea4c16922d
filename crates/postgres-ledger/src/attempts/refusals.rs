//! Recording refused attempts.

use domain::ports::{Attempt, Outcome, Recorded};
use tokio_postgres::types::ToSql;

use crate::{
    attempts::{RecordReply, Statement},
    session::{Session, SessionError},
};

pub(super) const RECORD_REFUSALS: &str = include_str!("../sql/record_refusals.sql");

pub(super) struct RecordRefusals(pub(super) Session);

impl Statement for RecordRefusals {
    /// When the outcome gets lost it stays unknown, and the callers are not answered: a
    /// refusal has no code to be found by, so writing it again could make two of one.
    async fn record(&mut self, attempts: &[&Attempt]) -> Result<Vec<RecordReply>, SessionError> {
        let mut columns = Columns::default();
        for attempt in attempts {
            if let Outcome::Refused(refusal) = attempt.outcome {
                columns.sales.push(attempt.sale.get());
                columns.users.push(attempt.user.as_str());
                columns.outcomes.push(refusal.name());
            }
        }
        self.0.query_patiently(RECORD_REFUSALS, &columns.parameters()).await?;
        Ok(attempts.iter().map(|_| Ok(Recorded::Refusal)).collect())
    }
}

/// The parameters of `record_refusals.sql`.
#[derive(Default)]
struct Columns<'a> {
    sales: Vec<i64>,
    users: Vec<&'a str>,
    outcomes: Vec<&'static str>,
}

impl Columns<'_> {
    fn parameters(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.sales, &self.users, &self.outcomes]
    }
}
