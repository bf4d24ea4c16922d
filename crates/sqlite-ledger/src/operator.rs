//! `Operator` on SQLite. There is one writer at a time, so its transaction is the lock of the sale.

use async_trait::async_trait;
use domain::{
    StoreError,
    operator::{ActionId, ActionRecord, Beside, Order},
    ports::{ActReply, Operation, Operator, TrailPage},
};

use crate::SqliteLedger;

#[async_trait]
impl Operator for SqliteLedger {
    async fn act(&self, order: &Order, beside: &Beside) -> Result<ActReply, StoreError> {
        let (order, beside) = (order.clone(), *beside);
        let salt = self.salt_of_new();
        self.write(Operation::Act, move |tables| tables.act(&order, &beside, salt)).await
    }

    async fn action(&self, id: ActionId) -> Result<Option<ActionRecord>, StoreError> {
        self.look(Operation::FindAction, move |tables| tables.find_action(id)).await
    }

    async fn trail(&self, page: TrailPage) -> Result<Vec<ActionRecord>, StoreError> {
        self.look(Operation::Trail, move |tables| tables.trail(page)).await
    }
}
