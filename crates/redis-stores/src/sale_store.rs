//! `SaleStore` on Redis: whole sales.

use async_trait::async_trait;
use batcher::Call;
use deadpool_redis::redis::Value;
use domain::{
    Epoch, SaleId, StoreError, Terms, UnixMillis, Window,
    ports::{LiveStatus, LoadReply, Operation, SaleSnapshot, SaleStore},
};

use crate::{
    RedisStores,
    keys::SaleKeys,
    line::{Line, LineError, Replied, fcall},
    load::load,
    not_accepted,
    reply::{Reply, unknown},
    shared,
};

#[async_trait]
impl SaleStore for RedisStores {
    async fn load(
        &self,
        snapshot: &SaleSnapshot,
        ledger_now: UnixMillis,
    ) -> Result<LoadReply, StoreError> {
        let loaded = load(&mut self.line(), snapshot, ledger_now).await;
        loaded.map_err(|error| error.during(Operation::Load))
    }

    async fn status(&self, sale: SaleId) -> Result<Option<LiveStatus>, StoreError> {
        self.status.submit(sale).await.map_err(not_accepted(Operation::Status))?
    }

    async fn forget(&self, sale: SaleId) -> Result<(), StoreError> {
        let value = self.line().invoke(fcall("flashsale_v4_forget", &SaleKeys::of(sale))).await;
        value
            .and_then(|value| read_forgotten(&value))
            .map_err(|error| error.during(Operation::Forget))
    }
}

/// Asks what is served of sales: the upkeep asks for all that are at hand together.
pub(crate) struct LookAtSales(pub(crate) Line);

#[async_trait]
impl Call<SaleId, Result<Option<LiveStatus>, StoreError>> for LookAtSales {
    const NAME: &'static str = "status";

    async fn call(&mut self, batch: Vec<SaleId>) -> Vec<Result<Option<LiveStatus>, StoreError>> {
        let command = |&sale: &SaleId| fcall("flashsale_v4_status", &SaleKeys::of(sale));
        let replied = self.0.invoke_each(batch.iter().map(command).collect()).await;
        let read = |replied: Replied| {
            let status = replied.and_then(|value| Ok(read_status(&value)?));
            status.map_err(|error| shared(&error, Operation::Status)())
        };
        replied.into_iter().map(read).collect()
    }
}

pub(crate) fn read_forgotten(value: &Value) -> Result<(), LineError> {
    match Reply::read(value)?.only()? {
        "forgotten" => Ok(()),
        "other_ledger" => Err(LineError::OtherLedger),
        word => Err(unknown(word)),
    }
}

pub(crate) fn read_status(value: &Value) -> Result<Option<LiveStatus>, LineError> {
    let mut reply = Reply::read(value)?;
    match reply.word()? {
        "not_loaded" => return reply.end().map(|()| None),
        "newer_library" => return Err(LineError::Superseded),
        "other_ledger" => return Err(LineError::OtherLedger),
        "loading" => return Err(LineError::Loading),
        "served" => {}
        word => return Err(unknown(word)),
    }
    let epoch = Epoch(reply.parse()?);
    let now = UnixMillis(reply.parse()?);
    let starts_at = UnixMillis(reply.parse()?);
    let ends_at = UnixMillis(reply.parse()?);
    let terms = Terms::new(reply.parse()?, reply.parse()?, reply.parse()?).ok();
    let paused = match reply.word()? {
        "paused" => true,
        "active" => false,
        word => return Err(unknown(word)),
    };
    let (free, held, sold) = (reply.parse()?, reply.parse()?, reply.parse()?);
    let changes = reply.parse()?;
    reply.end()?;
    let window = Window::new(starts_at, ends_at).ok();
    Ok(Some(LiveStatus { epoch, now, window, terms, paused, free, held, sold, changes }))
}
