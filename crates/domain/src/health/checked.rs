//! What a look at a process finds.

use std::borrow::Cow;

use crate::{Phase, SaleId};

/// What can be said of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It answers, and does what a checkout asks of it.
    Up,
    /// It answers, but refuses to write: for want of memory or of a right, say, or because it may
    /// only read.
    Refuses,
    /// It does not answer.
    Down,
}

/// Why no unit of an open sale can be had, though there may be some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unserved {
    /// The live store does not serve it.
    NotServed,
    /// The live store serves an epoch the ledger never issued: the ledger has lost data.
    LedgerBehind,
    /// The live store serves an older epoch than the ledger's: no grant of it is recorded.
    Outdated,
}

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
pub struct Checked {
    /// The ledger.
    pub ledger: Reach,
    /// What an operator can do about it, if it says why it refuses.
    pub ledger_remedy: Option<Cow<'static, str>>,
    /// The live store.
    pub live: Reach,
    /// What an operator can do about that.
    pub live_remedy: Option<Cow<'static, str>>,
    /// Where the sale is that a shop shows; `Ok(None)` if there is none. An error if neither store
    /// could say.
    pub sale: Result<Option<Phase>, ()>,
    /// The open sales of which nothing can be had.
    pub unserved: Vec<(SaleId, Unserved)>,
    /// What an operator can do about that, if the live store says why.
    pub unserved_remedy: Option<Cow<'static, str>>,
    /// A request of a buyer has been waiting for more than three seconds, and none got on.
    pub stands_still: bool,
    /// The last checkout, or the last purchase, failed for want of a store, a moment ago.
    pub is_failing: bool,
    /// What an operator can do about that, if it is known.
    pub failing_remedy: Option<Cow<'static, str>>,
    /// Whether the sales of this process are known.
    pub has_sales: bool,
    /// Whether this process is still about to serve its sales for the first time.
    pub is_starting: bool,
}

impl Checked {
    /// Whether this process can sell: a buyer who asks for a unit gets one if it is to be had.
    #[must_use]
    pub fn can_sell(&self) -> bool {
        self.can_serve()
            && self.live == Reach::Up
            && self.unserved.is_empty()
            && self.sale.is_ok()
            && !self.stands_still
            && !self.is_failing
    }

    /// Whether requests may be sent to this process: purchases go on while the live store is down.
    #[must_use]
    pub fn can_serve(&self) -> bool {
        self.ledger == Reach::Up && self.has_sales && !self.is_starting
    }
}
