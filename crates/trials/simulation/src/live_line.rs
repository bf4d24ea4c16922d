//! The live side as a process sees it: at the other end of a line.

use async_trait::async_trait;
use domain::{
    Code, SaleId, StoreError, Unit, UnixMillis,
    ports::{
        CodeStore, HoldRequest, LiveStatus, LoadReply, PlaceReply, SaleSnapshot, SaleStore, Verdict,
    },
};
use fakes::{Operation, at_once};

use crate::{coverage::Fence, network::Line};

/// A process's line to the live side.
pub(crate) struct LiveLine(pub(crate) Line);

#[async_trait]
impl SaleStore for LiveLine {
    async fn load(
        &self,
        snapshot: &SaleSnapshot,
        ledger_now: UnixMillis,
    ) -> Result<LoadReply, StoreError> {
        let (stage, sent) = (self.0.stage.clone(), snapshot.clone());
        let deliver = move || {
            let reply = at_once(stage.live.load(&sent, ledger_now));
            stage.fenced(reply, |reply| (*reply == LoadReply::Fenced).then_some(Fence::LoadFenced))
        };
        self.0.call(Operation::Load, snapshot, deliver).await
    }

    async fn status(&self, sale: SaleId) -> Result<Option<LiveStatus>, StoreError> {
        let live = self.0.stage.live.clone();
        self.0.call(Operation::Status, &sale, move || at_once(live.status(sale))).await
    }

    async fn forget(&self, sale: SaleId) -> Result<(), StoreError> {
        let live = self.0.stage.live.clone();
        self.0.call(Operation::Forget, &sale, move || at_once(live.forget(sale))).await
    }
}

#[async_trait]
impl CodeStore for LiveLine {
    async fn place_hold(&self, request: HoldRequest) -> Result<PlaceReply, StoreError> {
        let (stage, sent) = (self.0.stage.clone(), request.clone());
        let deliver = move || {
            let reply = at_once(stage.live.place_hold(sent.clone()));
            stage.fenced(reply, |reply| {
                (*reply == PlaceReply::NotLoaded).then_some(Fence::NotLoaded)
            })
        };
        self.0.call(Operation::PlaceHold, &request, deliver).await
    }

    async fn find(&self, code: Code) -> Result<Option<Unit>, StoreError> {
        let live = self.0.stage.live.clone();
        self.0.call(Operation::FindUnit, &code, move || at_once(live.find(code))).await
    }

    async fn due(&self, sale: SaleId, limit: usize) -> Result<Option<Vec<Code>>, StoreError> {
        let live = self.0.stage.live.clone();
        self.0.call(Operation::Due, &sale, move || at_once(live.due(sale, limit))).await
    }

    async fn settle(&self, sale: SaleId, verdicts: &[(Code, Verdict)]) -> Result<(), StoreError> {
        let (live, sent) = (self.0.stage.live.clone(), verdicts.to_vec());
        let deliver = move || at_once(live.settle(sale, &sent));
        self.0.call(Operation::Settle, &(sale, verdicts), deliver).await
    }

    fn settle_soon(&self, code: Code, verdict: Verdict) {
        let live = self.0.stage.live.clone();
        let deliver = move || {
            live.settle_soon(code, verdict);
            Ok(())
        };
        self.0.send(Operation::SettleSoon, &(code, verdict), deliver, None);
    }
}
