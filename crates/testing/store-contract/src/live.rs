//! The live store under test.

use std::sync::Arc;

use domain::{
    Code, Sale, Unit, UserId,
    ports::{
        Clock, CodeStore, Grant, HoldRequest, LiveStatus, LiveUnit, LoadReply, PlaceReply,
        SaleSnapshot, SaleStore, Verdict,
    },
};

use crate::fixtures::{NOW, new_code, open_sale};

/// A live store, and the time it lives by.
#[derive(Clone)]
pub struct Live {
    /// Its sales.
    pub sales: Arc<dyn SaleStore>,
    /// Their codes.
    pub codes: Arc<dyn CodeStore>,
    /// Lets the time of both pass.
    pub clock: Arc<dyn Clock>,
}

impl Live {
    /// A live store that is one store; waiting on `clock` lets the store's time pass.
    pub fn new<S: SaleStore + CodeStore + 'static>(store: Arc<S>, clock: Arc<dyn Clock>) -> Self {
        Self { sales: store.clone(), codes: store, clock }
    }

    /// Loads a fresh sale that is open.
    pub async fn open(&self, stock: u32, per_user_limit: u16) -> Sale {
        let sale = open_sale(stock, per_user_limit);
        assert_eq!(self.load(sale, vec![]).await, LoadReply::Loaded);
        sale
    }

    /// Loads a sale at [`NOW`].
    pub async fn load(&self, sale: Sale, live: Vec<LiveUnit>) -> LoadReply {
        self.sales.load(&SaleSnapshot { sale, live }, NOW).await.unwrap()
    }

    /// Asks for a unit under a new code.
    pub async fn ask(&self, sale: &Sale, user: &UserId) -> PlaceReply {
        self.ask_under(new_code(sale.id), user).await
    }

    /// Asks for a unit of the code's sale under it.
    pub async fn ask_under(&self, code: Code, user: &UserId) -> PlaceReply {
        let request = HoldRequest { code, user: user.clone(), has_key: false };
        self.codes.place_hold(request).await.unwrap()
    }

    /// Takes a unit that can be had.
    pub async fn take(&self, sale: &Sale, user: &UserId) -> Grant {
        match self.ask(sale, user).await {
            PlaceReply::Granted(grant) => grant,
            refused => panic!("a unit was to be had: {refused:?}"),
        }
    }

    /// The status of a sale that is served.
    pub async fn status(&self, sale: &Sale) -> LiveStatus {
        self.sales.status(sale.id).await.unwrap().expect("the sale is served")
    }

    /// The units of a sale that are free, held and sold.
    pub async fn counts(&self, sale: &Sale) -> [u32; 3] {
        let LiveStatus { free, held, sold, .. } = self.status(sale).await;
        [free, held, sold]
    }

    /// The unit of a live code.
    pub async fn find(&self, code: Code) -> Option<Unit> {
        self.codes.find(code).await.unwrap()
    }

    /// The due codes of a sale that is served.
    pub async fn due(&self, sale: &Sale, limit: usize) -> Vec<Code> {
        self.codes.due(sale.id, limit).await.unwrap().expect("the sale is served")
    }

    /// Carries out verdicts.
    pub async fn settle(&self, sale: &Sale, verdicts: &[(Code, Verdict)]) {
        self.codes.settle(sale.id, verdicts).await.unwrap();
    }
}
