//! What operators do, as a process sees it: at the other end of its line to the ledger.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    StoreError,
    operator::{ActionId, ActionRecord, Beside, Order},
    ports::{ActReply, Operation, Operator, TrailPage},
};

use crate::{ledger::Ledger, ledger_line::LedgerLine};

#[async_trait]
impl Operator for LedgerLine {
    async fn act(&self, order: &Order, beside: &Beside) -> Result<ActReply, StoreError> {
        let (sent, beside) = (order.clone(), *beside);
        let answer = move |ledger: Arc<dyn Ledger>| {
            let sent = sent.clone();
            async move { ledger.ports().act(&sent, &beside).await }
        };
        self.call(Operation::Act, order, answer).await
    }

    async fn action(&self, id: ActionId) -> Result<Option<ActionRecord>, StoreError> {
        let answer = move |ledger: Arc<dyn Ledger>| async move { ledger.ports().action(id).await };
        self.call(Operation::FindAction, &id, answer).await
    }

    async fn trail(&self, page: TrailPage) -> Result<Vec<ActionRecord>, StoreError> {
        let answer = move |ledger: Arc<dyn Ledger>| async move { ledger.ports().trail(page).await };
        self.call(Operation::Trail, &page, answer).await
    }
}
