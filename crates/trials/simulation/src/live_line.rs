//! The live store as a process sees it: at the other end of a line.

use std::{fmt::Debug, future::ready, sync::Arc};

use async_trait::async_trait;
use domain::{
    Code, SaleId, StoreError, Unit, UnixMillis,
    ports::{
        CodeStore, HoldRequest, LiveStatus, LoadReply, PlaceReply, SaleSnapshot, SaleStore,
        TurnAsked, Turns, Verdict,
    },
};
use fakes::{FakeLive, Operation, at_once};

use crate::{coverage::Fence, line::Line};

/// A process's line to the live store.
pub(crate) struct LiveLine(pub(crate) Line);

impl LiveLine {
    /// Asks the live store for what `answer` makes of it, which it does at once.
    async fn call<T: Debug + Send + 'static>(
        &self,
        operation: Operation,
        asked: &(impl Debug + Sync),
        answer: impl Fn(&FakeLive) -> Result<T, StoreError> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let live = Arc::clone(&self.0.world.stores.live);
        self.0.call(operation, asked, move || ready(answer(&live))).await
    }
}

#[async_trait]
impl SaleStore for LiveLine {
    async fn load(
        &self,
        snapshot: &SaleSnapshot,
        ledger_now: UnixMillis,
    ) -> Result<LoadReply, StoreError> {
        let (world, sent) = (self.0.world.clone(), snapshot.clone());
        let load = move |live: &FakeLive| {
            let reply = at_once(live.load(&sent, ledger_now));
            world.fenced(reply, |reply| {
                matches!(reply, LoadReply::Fenced { .. }).then_some(Fence::LoadFenced)
            })
        };
        self.call(Operation::Load, snapshot, load).await
    }

    async fn status(&self, sale: SaleId) -> Result<Option<LiveStatus>, StoreError> {
        self.call(Operation::Status, &sale, move |live| at_once(live.status(sale))).await
    }

    async fn forget(&self, sale: SaleId) -> Result<(), StoreError> {
        self.call(Operation::Forget, &sale, move |live| at_once(live.forget(sale))).await
    }
}

#[async_trait]
impl CodeStore for LiveLine {
    async fn place_hold(&self, request: HoldRequest) -> Result<PlaceReply, StoreError> {
        let (world, sent) = (self.0.world.clone(), request.clone());
        let place_hold = move |live: &FakeLive| {
            let reply = at_once(live.place_hold(sent.clone()));
            world.fenced(reply, |reply| {
                (*reply == PlaceReply::NotLoaded).then_some(Fence::NotLoaded)
            })
        };
        self.call(Operation::PlaceHold, &request, place_hold).await
    }

    async fn find(&self, code: Code) -> Result<Option<Unit>, StoreError> {
        self.call(Operation::FindUnit, &code, move |live| at_once(live.find(code))).await
    }

    async fn due(&self, sale: SaleId, limit: usize) -> Result<Option<Vec<Code>>, StoreError> {
        self.call(Operation::Due, &sale, move |live| at_once(live.due(sale, limit))).await
    }

    async fn settle(&self, sale: SaleId, verdicts: &[(Code, Verdict)]) -> Result<(), StoreError> {
        let sent = verdicts.to_vec();
        let settle = move |live: &FakeLive| at_once(live.settle(sale, &sent));
        self.call(Operation::Settle, &(sale, verdicts), settle).await
    }

    fn settle_soon(&self, code: Code, verdict: Verdict) {
        let live = Arc::clone(&self.0.world.stores.live);
        let settle = move || {
            live.settle_soon(code, verdict);
            ready(Ok(()))
        };
        self.0.send(Operation::SettleSoon, &(code, verdict), settle, None);
    }
}

#[async_trait]
impl Turns for LiveLine {
    async fn take(&self, asked: TurnAsked) -> Result<bool, StoreError> {
        self.call(Operation::TakeTurn, &asked, move |live| at_once(live.take(asked))).await
    }
}
