//! The live store of a command that was not told where it is.

use async_trait::async_trait;
use domain::{
    Code, Failure, SaleId, StoreError, Unit, UnixMillis,
    ports::{
        CodeStore, HoldRequest, LiveStatus, LoadReply, Operation, PlaceReply, SaleSnapshot,
        SaleStore, Verdict,
    },
};

/// Whatever is asked of it fails, and nothing is done.
pub(crate) struct NoLive;

fn unknown<T>(operation: Operation) -> Result<T, StoreError> {
    let why = "REDIS_URL does not say where the live store is";
    Err(StoreError::new(operation, Failure::NotDone, why))
}

#[async_trait]
impl SaleStore for NoLive {
    async fn load(&self, _: &SaleSnapshot, _: UnixMillis) -> Result<LoadReply, StoreError> {
        unknown(Operation::Load)
    }

    async fn status(&self, _: SaleId) -> Result<Option<LiveStatus>, StoreError> {
        unknown(Operation::Status)
    }

    async fn forget(&self, _: SaleId) -> Result<(), StoreError> {
        unknown(Operation::Forget)
    }
}

#[async_trait]
impl CodeStore for NoLive {
    async fn place_hold(&self, _: HoldRequest) -> Result<PlaceReply, StoreError> {
        unknown(Operation::PlaceHold)
    }

    async fn find(&self, _: Code) -> Result<Option<Unit>, StoreError> {
        unknown(Operation::FindUnit)
    }

    async fn due(&self, _: SaleId, _: usize) -> Result<Option<Vec<Code>>, StoreError> {
        unknown(Operation::Due)
    }

    async fn settle(&self, _: SaleId, _: &[(Code, Verdict)]) -> Result<(), StoreError> {
        unknown(Operation::Settle)
    }

    fn settle_soon(&self, _: Code, _: Verdict) {}
}
