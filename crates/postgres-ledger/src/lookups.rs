//! `Lookups` on Postgres: looking up what codes are and what users have, by the batch.

use std::collections::HashMap;

use async_trait::async_trait;
use batcher::Call;
use domain::{
    Code, StoreError, UnixMillis,
    ports::{CodeLife, CodeState, Lookups, Operation, UnitsOfUser, UserOfSale},
};
use tokio_postgres::Row;

use crate::{
    PostgresLedger,
    codes::saw_sold,
    not_accepted, rows,
    servers::By,
    session::{Session, SessionError},
};

const LOOK_UP_CODES: &str = include_str!("sql/look_up_codes.sql");
const LOOK_UP_UNITS: &str = include_str!("sql/look_up_units.sql");

/// The statements of this room.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[LOOK_UP_CODES, LOOK_UP_UNITS];

/// The reply to a caller, of their code.
pub(crate) type LifeReply = Result<Option<CodeLife>, StoreError>;

/// The reply to a caller, of their user.
pub(crate) type UnitsReply = Result<UnitsOfUser, StoreError>;

#[async_trait]
impl Lookups for PostgresLedger {
    async fn code(&self, code: Code) -> LifeReply {
        self.look_up.submit(code).await.map_err(not_accepted(Operation::LookUpCode))?
    }

    async fn units(&self, of: UserOfSale) -> UnitsReply {
        self.units.submit(of).await.map_err(not_accepted(Operation::LookUpUnits))?
    }
}

/// Looks up what codes are.
pub(crate) struct LookUp(pub(crate) Session);

#[async_trait]
impl Call<Code, LifeReply> for LookUp {
    const NAME: &'static str = "look_up_code";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<LifeReply> {
        let codes: Vec<_> = batch.iter().map(|&code| rows::uuid(code)).collect();
        let found = self.0.look_up(LOOK_UP_CODES, &[&codes]).await.and_then(|found| {
            let lives = found.iter().map(|row| Ok((rows::code(row)?, rows::life(row)?)));
            lives.collect::<Result<HashMap<_, _>, _>>()
        });
        let sold = found.iter().flatten().filter(|(_, life)| life.state == CodeState::Sold);
        saw_sold(&self.0, By::Finding, sold.map(|(&code, _)| code));
        let life = |code| match &found {
            Ok(lives) => Ok(lives.get(code).cloned()),
            Err(error) => Err(error.shared(Operation::LookUpCode)),
        };
        batch.iter().map(life).collect()
    }
}

/// Looks up what users have.
pub(crate) struct Units(pub(crate) Session);

#[async_trait]
impl Call<UserOfSale, UnitsReply> for Units {
    const NAME: &'static str = "look_up_units";

    async fn call(&mut self, batch: Vec<UserOfSale>) -> Vec<UnitsReply> {
        let sales: Vec<_> = batch.iter().map(|of| of.sale.get()).collect();
        let users: Vec<_> = batch.iter().map(|of| of.user.as_str()).collect();
        let found = self.0.look_up(LOOK_UP_UNITS, &[&sales, &users]).await;
        let found = found.and_then(|found| read_units(&found, batch.len()));
        let bought = found.iter().flatten().flat_map(|units| &units.bought);
        saw_sold(&self.0, By::Finding, bought.map(|receipt| receipt.code));
        match found {
            Ok(units) => units.into_iter().map(Ok).collect(),
            Err(error) => batch.iter().map(|_| Err(error.shared(Operation::LookUpUnits))).collect(),
        }
    }
}

/// The rows of `look_up_units.sql`, for so many who asked.
fn read_units(found: &[Row], asked: usize) -> Result<Vec<UnitsOfUser>, SessionError> {
    let (held, bought, cancelled) = (Vec::new(), Vec::new(), Vec::new());
    let none = UnitsOfUser { held, bought, cancelled, seen_at: UnixMillis(0) };
    let mut units = vec![none; asked];
    for row in found {
        let place = rows::count(row, "place")?;
        let of = usize::try_from(place).ok().and_then(|place| units.get_mut(place.checked_sub(1)?));
        let Some(of) = of else { continue };
        of.seen_at = rows::moment(row, "now")?;
        match rows::column(row, "state")? {
            None => {}
            Some("held") => of.held.push(rows::held_unit(row)?),
            Some("cancelled") => of.cancelled.push(rows::receipt(row)?),
            Some(_) => of.bought.push(rows::receipt(row)?),
        }
    }
    Ok(units)
}
