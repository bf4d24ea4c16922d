//! Recording checkout attempts, by the batch.

use std::collections::HashMap;

use async_trait::async_trait;
use batcher::{Call, Place};
use domain::{
    Code, Failure, StoreError, UnixMillis,
    ports::{Attempt, AttemptPlace, Grant, Outcome, Recorded},
};
use tokio_postgres::{Row, types::ToSql};

use crate::{
    not_accepted, rows,
    session::{Session, SessionError, halves},
};

const RECORD: &str = "LedgerStore::record";
const RECORD_ATTEMPTS: &str = include_str!("sql/record_attempts.sql");
const READ_CODES: &str = include_str!("sql/read_codes.sql");

/// What a caller is told of his attempt.
pub(crate) type RecordReply = Result<Recorded, StoreError>;

/// A place in the queue of attempts.
pub(crate) struct AttemptSeat(pub(crate) Place<Attempt, RecordReply>);

#[async_trait]
impl AttemptPlace for AttemptSeat {
    async fn record(self: Box<Self>, attempt: Attempt) -> RecordReply {
        self.0.submit(attempt).await.map_err(not_accepted(RECORD))?
    }
}

/// Writes batches of attempts.
pub(crate) struct RecordAttempts(pub(crate) Session);

#[async_trait]
impl Call<Attempt, RecordReply> for RecordAttempts {
    async fn call(&mut self, batch: Vec<Attempt>) -> Vec<RecordReply> {
        let mut replies: Vec<Option<RecordReply>> = Vec::new();
        replies.resize_with(batch.len(), || None);
        let mut parts = vec![batch.iter().enumerate().collect::<Vec<_>>()];
        while let Some(part) = parts.pop() {
            let attempts: Vec<_> = part.iter().map(|&(_, attempt)| attempt).collect();
            match self.record(&attempts).await {
                Err(SessionError::Poison(error)) if part.len() > 1 => {
                    tracing::warn!(%error, attempts = part.len(), "halving a batch with a bad row");
                    parts.extend(halves(part));
                }
                Err(error) => {
                    error.log("attempts were not recorded", part.len());
                    for (place, _) in part {
                        replies[place] = Some(Err(error.shared(RECORD)));
                    }
                }
                Ok(recorded) => {
                    for ((place, _), reply) in part.into_iter().zip(recorded) {
                        replies[place] = Some(reply);
                    }
                }
            }
        }
        replies.into_iter().flatten().collect()
    }
}

impl RecordAttempts {
    /// Writes the attempts in one transaction, and tells of each what became of it.
    ///
    /// When the outcome gets lost, the grants are written again with the same codes: those
    /// that got in are found, the others get in now or never. Refusals have no code to be
    /// found by, so theirs stays unknown, and their callers are not answered.
    async fn record(&mut self, attempts: &[&Attempt]) -> Result<Vec<RecordReply>, SessionError> {
        let columns = Columns::of(attempts);
        let first = self.0.query_patiently(RECORD_ATTEMPTS, &columns.parameters()).await;
        let (rows, refusals_known) = match first {
            Ok(rows) => (rows, true),
            Err(error) if error.failure() == Failure::Unknown && !columns.codes.is_empty() => {
                tracing::warn!(%error, grants = columns.codes.len(), "recording grants again");
                let grants = columns.without_refusals();
                (self.0.query_again(RECORD_ATTEMPTS, &grants.parameters()).await?, false)
            }
            Err(error) => return Err(error),
        };
        let known = read_holds(&rows)?;
        let others = self.look_up(attempts, &known).await;
        Ok(attempts
            .iter()
            .map(|attempt| match attempt.outcome {
                Outcome::Refused(_) if refusals_known => Ok(Recorded::Refusal),
                Outcome::Refused(_) => {
                    let reason = "whether the refusal was recorded is not known";
                    Err(StoreError::new(RECORD, Failure::Unknown, reason))
                }
                Outcome::Granted(grant) => match (known.get(&grant.code), &others) {
                    (Some(&expires_at), _) => Ok(Recorded::Hold { expires_at }),
                    (None, Ok(found)) => {
                        Ok(found.get(&grant.code).copied().unwrap_or(Recorded::Stale))
                    }
                    // The insert is done: that the look-up is not says nothing of its outcome.
                    (None, Err(error)) => {
                        Err(StoreError::new(RECORD, Failure::Unknown, error.to_string()))
                    }
                },
            })
            .collect())
    }

    /// What the ledger has of the grants that did not get in.
    async fn look_up(
        &mut self,
        attempts: &[&Attempt],
        known: &HashMap<Code, UnixMillis>,
    ) -> Result<HashMap<Code, Recorded>, SessionError> {
        let missing: Vec<_> = attempts
            .iter()
            .filter_map(|attempt| granted(attempt))
            .filter(|grant| !known.contains_key(&grant.code))
            .map(|grant| rows::uuid(grant.code))
            .collect();
        if missing.is_empty() {
            return Ok(HashMap::new());
        }
        let mut found = self.0.query_patiently(READ_CODES, &[&missing]).await;
        if found.as_ref().is_err_and(|error| error.failure() == Failure::Unknown) {
            found = self.0.query_again(READ_CODES, &[&missing]).await;
        }
        found?
            .iter()
            .map(|row| {
                let recorded = match rows::column(row, "state")? {
                    "held" | "sold" => {
                        Recorded::Hold { expires_at: rows::moment(row, "expires_at")? }
                    }
                    _ => Recorded::TooLate,
                };
                Ok((rows::code(row)?, recorded))
            })
            .collect()
    }
}

fn granted(attempt: &Attempt) -> Option<Grant> {
    match attempt.outcome {
        Outcome::Granted(grant) => Some(grant),
        Outcome::Refused(_) => None,
    }
}

fn read_holds(rows: &[Row]) -> Result<HashMap<Code, UnixMillis>, SessionError> {
    rows.iter().map(|row| Ok((rows::code(row)?, rows::moment(row, "expires_at")?))).collect()
}

/// The parameters of `record_attempts.sql`: a batch, column by column.
#[derive(Default)]
struct Columns<'a> {
    sales: Vec<i64>,
    users: Vec<&'a str>,
    codes: Vec<uuid::Uuid>,
    units: Vec<i32>,
    slots: Vec<i16>,
    epochs: Vec<i64>,
    refused_sales: Vec<i64>,
    refused_users: Vec<&'a str>,
    refused_outcomes: Vec<&'static str>,
}

impl<'a> Columns<'a> {
    fn of(attempts: &[&'a Attempt]) -> Self {
        let mut columns = Self::default();
        for attempt in attempts {
            match attempt.outcome {
                Outcome::Granted(grant) => {
                    columns.sales.push(attempt.sale.get());
                    columns.users.push(attempt.user.as_str());
                    columns.codes.push(rows::uuid(grant.code));
                    // What does not fit is above every stock and limit, and refused as such.
                    columns.units.push(i32::try_from(grant.unit.get()).unwrap_or(i32::MAX));
                    columns.slots.push(i16::try_from(grant.slot.0).unwrap_or(i16::MAX));
                    columns.epochs.push(grant.epoch.0);
                }
                Outcome::Refused(refusal) => {
                    columns.refused_sales.push(attempt.sale.get());
                    columns.refused_users.push(attempt.user.as_str());
                    columns.refused_outcomes.push(refusal.name());
                }
            }
        }
        columns
    }

    fn without_refusals(self) -> Self {
        Self {
            refused_sales: Vec::new(),
            refused_users: Vec::new(),
            refused_outcomes: Vec::new(),
            ..self
        }
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.sales,
            &self.users,
            &self.codes,
            &self.units,
            &self.slots,
            &self.epochs,
            &self.refused_sales,
            &self.refused_users,
            &self.refused_outcomes,
        ]
    }
}
