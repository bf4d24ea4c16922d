//! Verdicts that somebody waits for: who gives a hold back may ask for it again at once.

use async_trait::async_trait;
use batcher::Call;
use domain::{
    Code, StoreError,
    ports::{Operation, Verdict},
};

use crate::{
    code_store::{
        by_sale, picked,
        settle::{read_replied, settle_command},
    },
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
        let of_sales = by_sale(batch.iter().map(|(code, _)| code.sale()));
        let commands =
            of_sales.iter().map(|(sale, indexes)| settle_command(*sale, picked(&batch, indexes)));
        // Perhaps only the connection was old; and a verdict may come twice.
        let settled = self.0.invoke_each_again_if_lost(commands.collect()).await;
        for (replied, (_, indexes)) in settled.into_iter().zip(of_sales) {
            if let Err(error) = read_replied(replied) {
                let error_for = shared(&error, Operation::Settle);
                for index in indexes {
                    replies[index] = Err(error_for());
                }
            }
        }
        replies
    }
}
