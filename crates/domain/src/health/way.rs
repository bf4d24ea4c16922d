//! The way a request goes, gone once without wanting anything.

use std::sync::Arc;

use super::Pulse;
use crate::{
    Code, Failure, Item, Ports, SaleId, StoreError, Unit, UserId,
    ports::{CodeStore, HoldRequest, LedgerStore, PlaceReply, Redemption},
};

/// The way of one thread's checkouts and purchases to the stores, and how those went.
pub struct Way {
    ledger: Arc<dyn LedgerStore>,
    codes: Arc<dyn CodeStore>,
    /// How the checkouts went.
    pub checkouts: Pulse,
    /// How the purchases went.
    pub purchases: Pulse,
}

impl Way {
    pub(super) fn of(Ports { ledger, codes, clock, .. }: &Ports) -> Self {
        let pulse = || Pulse::new(clock.clone());
        let (checkouts, purchases) = (pulse(), pulse());
        Self { ledger: ledger.clone(), codes: codes.clone(), checkouts, purchases }
    }

    /// Whether the ledger takes what is written to it this way: no code is redeemed by it, since
    /// none was ever given that leads to this sale.
    pub(super) async fn can_record(&self) -> bool {
        // The queue of attempts, whose worker may be gone; the place is given back at once.
        if self.ledger.permit().is_err_and(|error| !is_busy(&error)) {
            return false;
        }
        let Ok(unit) = Unit::try_from(1) else { return false };
        let item = Item { name: String::new(), image: String::new() };
        let redemption = Redemption { code: NOBODYS, unit, item };
        self.ledger.redeem(redemption).await.map_or_else(|error| is_busy(&error), |_| true)
    }

    /// Whether the live store takes what is asked of it this way: it serves no such sale, and so
    /// says after it has found the memory and the right to grant a unit.
    pub(super) async fn can_take(&self) -> bool {
        let Ok(user) = "health".parse::<UserId>() else { return false };
        let placed = self.codes.place_hold(HoldRequest { code: NOBODYS, user }).await;
        match placed {
            Ok(PlaceReply::NotLoaded) => true,
            Ok(_) => false,
            Err(error) => is_busy(&error),
        }
    }
}

/// A code of the last sale there can be, some ten thousand years ahead. Nobody was ever given it.
const NOBODYS: Code = Code::new(SaleId(SaleId::MAX), 0);

/// Whether a store was not asked because many others are asking it: it is busy, not broken.
fn is_busy(error: &StoreError) -> bool {
    error.failure() == Failure::Overloaded
}
