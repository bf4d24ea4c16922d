//! The way a request goes, gone once without wanting anything.

use std::{borrow::Cow, sync::Arc};

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
    pub(super) async fn can_record(&self) -> Result<(), Ill> {
        // The queue of attempts, whose worker may be gone; the place is given back at once.
        self.ledger.permit().map(drop).or_else(|error| unless_busy(&error))?;
        let unit = Unit::try_from(1).map_err(|_| Ill::default())?;
        let item = Item { name: String::new(), image: String::new(), product: None };
        let redemption = Redemption { code: NOBODYS, unit, item };
        self.ledger.redeem(redemption).await.map(drop).or_else(|error| unless_busy(&error))
    }

    /// Whether the live store takes what is asked of it this way: it serves no such sale, and so
    /// says after it has found the memory and the right to grant a unit.
    pub(super) async fn can_take(&self) -> Result<(), Ill> {
        let user = "health".parse::<UserId>().map_err(|_| Ill::default())?;
        let placed =
            self.codes.place_hold(HoldRequest { code: NOBODYS, user, has_key: false }).await;
        match placed {
            Ok(PlaceReply::NotLoaded) => Ok(()),
            Ok(_) => Err(Ill::default()),
            Err(error) => unless_busy(&error),
        }
    }
}

/// A code of the last sale there can be, some ten thousand years ahead. Nobody was ever given it.
const NOBODYS: Code = Code::new(SaleId(SaleId::MAX), 0);

/// What keeps a store from doing what is asked of it, and what can be done about that, if it is known.
#[derive(Debug, Default)]
pub(super) struct Ill {
    pub(super) remedy: Option<Cow<'static, str>>,
    /// There was no answer in time, so nothing is known of why.
    pub(super) is_silent: bool,
}

impl Ill {
    pub(super) const fn silent() -> Self {
        Self { remedy: None, is_silent: true }
    }
}

impl From<&StoreError> for Ill {
    fn from(error: &StoreError) -> Self {
        Self { remedy: error.remedy().cloned(), is_silent: false }
    }
}

/// A store that was not asked because many others are asking it is busy, not broken.
fn unless_busy(error: &StoreError) -> Result<(), Ill> {
    if error.failure() == Failure::Overloaded { Ok(()) } else { Err(error.into()) }
}
