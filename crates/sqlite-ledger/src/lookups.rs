//! `Lookups` on SQLite.

use async_trait::async_trait;
use batcher::Call;
use domain::{
    Code, StoreError,
    ports::{CodeLife, Lookups, Operation, UnitsOfUser, UserOfSale},
};

use crate::{SqliteLedger, not_accepted, worker::Worker};

/// The reply to a caller, of their code.
pub(crate) type LifeReply = Result<Option<CodeLife>, StoreError>;

/// The reply to a caller, of their user.
pub(crate) type UnitsReply = Result<UnitsOfUser, StoreError>;

#[async_trait]
impl Lookups for SqliteLedger {
    async fn code(&self, code: Code) -> LifeReply {
        let way = if self.is_filed(code.sale()) { &self.look_up_filed } else { &self.look_up };
        way.submit(code).await.map_err(not_accepted(Operation::LookUpCode))?
    }

    async fn units(&self, of: UserOfSale) -> UnitsReply {
        let way = if self.is_filed(of.sale) { &self.filed_units } else { &self.units };
        way.submit(of).await.map_err(not_accepted(Operation::LookUpUnits))?
    }
}

/// Looks up what codes are.
pub(crate) struct LookUp(pub(crate) Worker);

#[async_trait]
impl Call<Code, LifeReply> for LookUp {
    const NAME: &'static str = "look_up_code";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<LifeReply> {
        self.0.batch(Operation::LookUpCode, batch, |tables, batch| tables.lives(batch)).await
    }
}

/// Looks up what codes are whose sales are closed, past the guard.
pub(crate) struct LookUpFiled(pub(crate) Worker);

#[async_trait]
impl Call<Code, LifeReply> for LookUpFiled {
    const NAME: &'static str = "look_up_archived_code";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<LifeReply> {
        self.0.batch(Operation::LookUpCode, batch, |tables, batch| tables.filed_lives(batch)).await
    }
}

/// Looks up what users have.
pub(crate) struct Units(pub(crate) Worker);

#[async_trait]
impl Call<UserOfSale, UnitsReply> for Units {
    const NAME: &'static str = "look_up_units";

    async fn call(&mut self, batch: Vec<UserOfSale>) -> Vec<UnitsReply> {
        self.0.batch(Operation::LookUpUnits, batch, |tables, batch| tables.units(batch)).await
    }
}

/// Looks up what users have of sales that are closed, past the guard.
pub(crate) struct FiledUnits(pub(crate) Worker);

#[async_trait]
impl Call<UserOfSale, UnitsReply> for FiledUnits {
    const NAME: &'static str = "look_up_archived_units";

    async fn call(&mut self, batch: Vec<UserOfSale>) -> Vec<UnitsReply> {
        self.0.batch(Operation::LookUpUnits, batch, |tables, batch| tables.filed_units(batch)).await
    }
}
