//! Redeeming codes, giving them back, and looking them up, by the batch.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use batcher::Call;
use domain::{
    Code, Failure, StoreError, UserId, VersionId,
    ports::{CodeRecord, Operation, Redemption},
};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use crate::{
    rows,
    servers::{Answer, By},
    session::{Session, SessionError, halves},
};

const REDEEM_SQL: &str = include_str!("sql/redeem.sql");
pub(crate) const RELEASE_SQL: &str = include_str!("sql/release.sql");
pub(crate) const READ_CODES: &str = include_str!("sql/read_codes.sql");
const READ_OWNERS: &str = include_str!("sql/read_owners.sql");

/// The statements of this room.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[REDEEM_SQL, RELEASE_SQL, READ_CODES, READ_OWNERS];

/// The reply to a caller who asked about a code.
pub(crate) type CodeReply = Result<CodeRecord, StoreError>;

/// The reply to a caller who asked whose a code is.
pub(crate) type OwnerReply = Result<Option<UserId>, StoreError>;

/// Sells batches of units.
pub(crate) struct Redeem(pub(crate) Session);

#[async_trait]
impl Call<Redemption, CodeReply> for Redeem {
    const NAME: &'static str = "redeem";

    async fn make_ready(&mut self) {
        self.0.make_ready(REDEEM_SQL).await;
    }

    async fn call(&mut self, batch: Vec<Redemption>) -> Vec<CodeReply> {
        // Of several requests for one code the first is the sale, the others find it sold.
        let mut firsts = BTreeMap::new();
        for (place, redemption) in batch.iter().enumerate() {
            firsts.entry(redemption.code).or_insert((place, redemption));
        }
        let mut decided = HashMap::new();
        let mut parts = vec![firsts.values().copied().collect::<Vec<_>>()];
        while let Some(part) = parts.pop() {
            let redemptions: Vec<_> = part.iter().map(|&(_, redemption)| redemption).collect();
            match self.redeem(&redemptions).await {
                Err(SessionError::Poison(error)) if part.len() > 1 => {
                    tracing::warn!(%error, codes = part.len(), "halving a batch with a bad row");
                    parts.extend(halves(part));
                }
                Err(error) => {
                    error.log("codes were not redeemed", part.len());
                    decided.extend(
                        part.iter()
                            .map(|(_, asked)| (asked.code, Err(error.shared(Operation::Redeem)))),
                    );
                }
                Ok(replies) => decided.extend(replies),
            }
        }
        batch
            .iter()
            .enumerate()
            .map(|(place, asked)| {
                let is_first = firsts.get(&asked.code).is_some_and(|(first, _)| *first == place);
                reply_to(decided.get(&asked.code), is_first)
            })
            .collect()
    }
}

/// The reply to one of the callers, from what was decided of the code.
fn reply_to(decided: Option<&CodeReply>, is_first: bool) -> CodeReply {
    match decided {
        None => Ok(CodeRecord::Unknown),
        Some(Ok(CodeRecord::SoldNow(receipt))) if !is_first => {
            Ok(CodeRecord::Sold(receipt.clone()))
        }
        Some(Ok(record)) => Ok(record.clone()),
        Some(Err(error)) => {
            let shared = StoreError::new(Operation::Redeem, error.failure(), describe(error));
            Err(shared.with_remedy(error.remedy().cloned()))
        }
    }
}

fn describe(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

impl Redeem {
    /// Sells what is held of these codes, each of which comes once and in order, in one
    /// transaction.
    ///
    /// When the outcome gets lost the same is run again, and what it then finds sold counts as
    /// sold by this call: its client is the one whose answer is still owed.
    async fn redeem(
        &mut self,
        redemptions: &[&Redemption],
    ) -> Result<HashMap<Code, CodeReply>, SessionError> {
        let codes: Vec<_> = redemptions.iter().map(|asked| rows::uuid(asked.code)).collect();
        debug_assert!(codes.is_sorted(), "the statement locks in this order");
        let units: Vec<_> = redemptions
            .iter()
            .map(|asked| i32::try_from(asked.unit.get()).unwrap_or(i32::MAX))
            .collect();
        let names: Vec<_> = redemptions.iter().map(|asked| asked.item.name.as_str()).collect();
        let images: Vec<_> = redemptions.iter().map(|asked| asked.item.image.as_str()).collect();

        let versions: Vec<_> =
            redemptions.iter().map(|asked| asked.item.product.map(VersionId::get)).collect();

        let columns: [&(dyn ToSql + Sync); 5] = [&codes, &units, &names, &images, &versions];
        let (sold, outcome_was_lost) = match self.0.query_patiently(REDEEM_SQL, &columns).await {
            Ok(rows) => (rows, false),
            Err(error) if error.failure() == Failure::Unknown => {
                tracing::warn!(%error, codes = codes.len(), "redeeming codes again");
                let again = self.0.query_again(REDEEM_SQL, &columns).await?;
                (again, true)
            }
            Err(error) => return Err(error),
        };
        let mut replies = HashMap::with_capacity(codes.len());
        for row in &sold {
            replies.insert(rows::code(row)?, Ok(CodeRecord::SoldNow(rows::receipt(row)?)));
        }
        saw_sold(&self.0, By::Writing, replies.keys().copied());
        let rest: Vec<_> = redemptions
            .iter()
            .map(|asked| asked.code)
            .filter(|code| !replies.contains_key(code))
            .collect();
        let uuids: Vec<_> = rest.iter().map(|&code| rows::uuid(code)).collect();
        let found = read_codes(&mut self.0, &uuids).await.map_err(unseen);
        // What a run whose outcome got lost has sold is new.
        let by = if outcome_was_lost { By::Writing } else { By::Finding };
        saw_sold(&self.0, by, sold_of(&found));
        for (code, reply) in rest.iter().zip(tell_all(&rest, &found, Operation::Redeem)) {
            let reply = match reply {
                Ok(CodeRecord::Sold(receipt)) if outcome_was_lost => {
                    Ok(CodeRecord::SoldNow(receipt))
                }
                reply => reply,
            };
            replies.insert(*code, reply);
        }
        Ok(replies)
    }
}

/// Gives batches of holds back.
pub(crate) struct Release(pub(crate) Session);

#[async_trait]
impl Call<Code, CodeReply> for Release {
    const NAME: &'static str = "release";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<CodeReply> {
        let codes: Vec<_> = batch.iter().map(|&code| rows::uuid(code)).collect();
        let released = match self.0.query_patiently(RELEASE_SQL, &[&codes]).await {
            Err(error) if error.failure() == Failure::Unknown => {
                self.0.query_again(RELEASE_SQL, &[&codes]).await
            }
            decided => decided,
        };
        let found = match released {
            Ok(_) => read_codes(&mut self.0, &codes).await.map_err(unseen),
            Err(error) => Err(error),
        };
        tell_all(&batch, &found, Operation::Release)
    }
}

/// Looks batches of codes up.
pub(crate) struct Find(pub(crate) Session);

#[async_trait]
impl Call<Code, CodeReply> for Find {
    const NAME: &'static str = "find_code";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<CodeReply> {
        let codes: Vec<_> = batch.iter().map(|&code| rows::uuid(code)).collect();
        let found = self.0.look_up(READ_CODES, &[&codes]).await;
        let found = found.and_then(|rows| records(&rows));
        saw_sold(&self.0, By::Finding, sold_of(&found));
        tell_all(&batch, &found, Operation::FindCode)
    }
}

/// Notes what is answered as sold, which a receipt is given for.
pub(crate) fn saw_sold(session: &Session, by: By, codes: impl Iterator<Item = Code>) {
    let sold = codes.map(|code| Answer { code, is_sold: true }).collect::<Vec<_>>();
    session.saw(by, sold.into_iter());
}

fn sold_of(
    found: &Result<HashMap<Code, CodeRecord>, SessionError>,
) -> impl Iterator<Item = Code> + '_ {
    let sold = found.iter().flatten().filter(|(_, record)| matches!(record, CodeRecord::Sold(_)));
    sold.map(|(&code, _)| code)
}

/// Looks up whose batches of codes are.
pub(crate) struct FindOwner(pub(crate) Session);

#[async_trait]
impl Call<Code, OwnerReply> for FindOwner {
    const NAME: &'static str = "find_owner";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<OwnerReply> {
        let codes: Vec<_> = batch.iter().map(|&code| rows::uuid(code)).collect();
        let found = read_owners(&mut self.0, &codes).await;
        let owner = |code| match &found {
            Ok(owners) => Ok(owners.get(code).cloned()),
            Err(error) => Err(error.shared(Operation::FindOwner)),
        };
        batch.iter().map(owner).collect()
    }
}

/// Whose these codes are. Those that nobody was given are left out.
async fn read_owners(
    session: &mut Session,
    codes: &[Uuid],
) -> Result<HashMap<Code, UserId>, SessionError> {
    let rows = session.look_up(READ_OWNERS, &[&codes]).await?;
    rows.iter().map(|row| Ok((rows::code(row)?, rows::user(row)?))).collect()
}

fn unseen(error: SessionError) -> SessionError {
    SessionError::Unseen(Box::new(error))
}

fn tell_all(
    batch: &[Code],
    found: &Result<HashMap<Code, CodeRecord>, SessionError>,
    operation: Operation,
) -> Vec<CodeReply> {
    batch
        .iter()
        .map(|code| match found {
            Ok(records) => Ok(records.get(code).cloned().unwrap_or(CodeRecord::Unknown)),
            Err(error) => Err(error.shared(operation)),
        })
        .collect()
}

/// What the ledger has of these codes. Those without a record are left out.
async fn read_codes(
    session: &mut Session,
    codes: &[Uuid],
) -> Result<HashMap<Code, CodeRecord>, SessionError> {
    if codes.is_empty() {
        return Ok(HashMap::new());
    }
    records(&session.query_patiently(READ_CODES, &[&codes]).await?)
}

fn records(rows: &[Row]) -> Result<HashMap<Code, CodeRecord>, SessionError> {
    rows.iter().map(|row| Ok((rows::code(row)?, rows::code_record(row)?))).collect()
}
