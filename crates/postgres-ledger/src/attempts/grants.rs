//! Recording granted attempts: the holds.

use std::collections::HashMap;

use domain::{
    Code, Failure, StoreError,
    ports::{Attempt, Grant, Granted, Operation, Outcome, Recorded},
};
use tokio_postgres::{Row, types::ToSql};

use crate::{
    attempts::{RecordReply, Statement},
    rows,
    servers::{Answer, By},
    session::{Session, SessionError},
};

/// Fails as a whole when one of the grants meets a record that is there, or another grant of its code. That is rare, and not
/// being ready for it spares a search in each index: `docs/decisions/05`.
pub(super) const RECORD_NEW_GRANTS: &str =
    concat!(include_str!("../sql/record_grants.sql"), "RETURNING code, unit, slot, expires_at");

/// Leaves out what meets a record that is there.
pub(super) const RECORD_MISSING_GRANTS: &str = concat!(
    include_str!("../sql/record_grants.sql"),
    "ON CONFLICT DO NOTHING RETURNING code, unit, slot, expires_at"
);

pub(super) const READ_GRANTS: &str = include_str!("../sql/read_grants.sql");

pub(super) struct RecordGrants(pub(super) Session);

impl Statement for RecordGrants {
    /// When the outcome gets lost, the grants are written again with the same codes: those
    /// that got in are found, the others get in now or never.
    async fn record(&mut self, attempts: &[&Attempt]) -> Result<Vec<RecordReply>, SessionError> {
        let grants: Vec<_> = attempts.iter().filter_map(|attempt| granted(attempt)).collect();
        let columns = Columns::of(&grants);
        let parameters = columns.parameters();
        let mut written = self.0.query_patiently(RECORD_NEW_GRANTS, &parameters).await;
        if written.as_ref().is_err_and(SessionError::is_duplicate) {
            written = self.0.query_patiently(RECORD_MISSING_GRANTS, &parameters).await;
        }
        let outcome_was_lost =
            written.as_ref().is_err_and(|error| error.failure() == Failure::Unknown);
        if let Err(error) = &written
            && outcome_was_lost
        {
            tracing::warn!(%error, grants = grants.len(), "recording grants again");
            written = self.0.query_again(RECORD_MISSING_GRANTS, &parameters).await;
        }
        let stands = read_holds(&written?)?;
        // Before the rest is looked up, for which a promoted server may be found, and looked at for what
        // was answered.
        saw_held(&self.0, stands.keys().copied());
        let others = self.look_up(&grants, &stands).await;
        // What a run before has recorded is as new as what this one has.
        let found = others.iter().flatten().filter(|(_, it)| matches!(it, Recorded::Hold { .. }));
        saw_held(&self.0, found.map(|(&code, _)| code));
        Ok(grants
            .iter()
            .map(|(_, grant)| reply_to(grant.code, &stands, &others, outcome_was_lost))
            .collect())
    }
}

impl RecordGrants {
    /// What the ledger has of the grants that did not get in.
    async fn look_up(
        &mut self,
        grants: &[(&Attempt, Grant)],
        stands: &HashMap<Code, Granted>,
    ) -> Result<HashMap<Code, Recorded>, SessionError> {
        let codes = grants.iter().map(|(_, grant)| grant.code);
        let missing: Vec<_> =
            codes.filter(|code| !stands.contains_key(code)).map(rows::uuid).collect();
        if missing.is_empty() {
            return Ok(HashMap::new());
        }
        let mut found = self.0.query_patiently(READ_GRANTS, &[&missing]).await;
        if found.as_ref().is_err_and(|error| error.failure() == Failure::Unknown) {
            found = self.0.query_again(READ_GRANTS, &[&missing]).await;
        }
        found?.iter().map(|row| Ok((rows::code(row)?, rows::recorded_grant(row)?))).collect()
    }
}

/// Notes what is answered as held.
fn saw_held(session: &Session, codes: impl Iterator<Item = Code>) {
    let held = codes.map(|code| Answer { code, is_sold: false }).collect::<Vec<_>>();
    session.saw(By::Writing, held.into_iter());
}

/// The reply to a grant: by the holds this statement wrote, and by what the
/// ledger has of the others.
fn reply_to(
    code: Code,
    stands: &HashMap<Code, Granted>,
    others: &Result<HashMap<Code, Recorded>, SessionError>,
    outcome_was_lost: bool,
) -> RecordReply {
    match (stands.get(&code), others) {
        (Some(&granted), _) => Ok(Recorded::Hold(granted)),
        (None, Ok(found)) => match found.get(&code) {
            Some(&recorded) => Ok(recorded),
            // The first run may still be on its way to the server, and find room there.
            None if outcome_was_lost => {
                let reason = "there is no record, but the one sent first may still come";
                Err(StoreError::new(Operation::Record, Failure::Unknown, reason))
            }
            None => Ok(Recorded::Stale),
        },
        // The insert is done: that the look-up is not says nothing of its outcome.
        (None, Err(error)) => {
            let unseen = StoreError::new(Operation::Record, Failure::Unknown, error.to_string());
            Err(unseen.with_remedy(error.remedy()))
        }
    }
}

fn granted(attempt: &Attempt) -> Option<(&Attempt, Grant)> {
    match attempt.outcome {
        Outcome::Granted(grant) => Some((attempt, grant)),
        Outcome::Refused(_) => None,
    }
}

fn read_holds(rows: &[Row]) -> Result<HashMap<Code, Granted>, SessionError> {
    rows.iter().map(|row| Ok((rows::code(row)?, rows::granted(row)?))).collect()
}

/// The parameters of `record_grants.sql`: a batch, column by column.
#[derive(Default)]
struct Columns<'a> {
    sales: Vec<i64>,
    users: Vec<&'a str>,
    codes: Vec<uuid::Uuid>,
    units: Vec<i32>,
    slots: Vec<i16>,
    epochs: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn of(grants: &[(&'a Attempt, Grant)]) -> Self {
        let mut columns = Self::default();
        for (attempt, grant) in grants {
            columns.sales.push(attempt.sale.get());
            columns.users.push(attempt.user.as_str());
            columns.codes.push(rows::uuid(grant.code));
            // What does not fit is above every stock and limit, and refused as such.
            columns.units.push(i32::try_from(grant.unit.get()).unwrap_or(i32::MAX));
            columns.slots.push(i16::try_from(grant.slot.0).unwrap_or(i16::MAX));
            columns.epochs.push(grant.epoch.0);
        }
        columns
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 6] {
        [&self.sales, &self.users, &self.codes, &self.units, &self.slots, &self.epochs]
    }
}

#[cfg(test)]
mod tests;
