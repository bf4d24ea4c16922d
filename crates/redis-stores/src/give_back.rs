//! Verdicts that somebody waits for: who gives a hold back may ask for it again at once.

use async_trait::async_trait;
use batcher::Call;
use domain::{
    Code, StoreError,
    ports::{Operation, Verdict},
};

use crate::{
    code_store::{by_sale, settle::settle},
    line::Line,
    shared,
};

/// Carries out verdicts by the batch, and says so.
pub(crate) struct GiveBack(pub(crate) Line);

#[async_trait]
impl Call<(Code, Verdict), Result<(), StoreError>> for GiveBack {
    const NAME: &'static str = "give_back";

    async fn call(&mut self, batch: Vec<(Code, Verdict)>) -> Vec<Result<(), StoreError>> {
        let mut replies: Vec<Result<(), StoreError>> = Vec::new();
        replies.resize_with(batch.len(), || Ok(()));
        for (sale, indexes) in by_sale(batch.iter().map(|(code, _)| code.sale())) {
            let of_sale: Vec<_> = indexes.iter().map(|&index| batch[index]).collect();
            let settled = match settle(&mut self.0, sale, &of_sale).await {
                // Perhaps only the connection was old; and a verdict may come twice.
                Err(lost) if lost.is_lost() => settle(&mut self.0, sale, &of_sale).await,
                decided => decided,
            };
            if let Err(error) = settled {
                let error_for = shared(&error, Operation::Settle);
                for index in indexes {
                    replies[index] = Err(error_for());
                }
            }
        }
        replies
    }
}
