//! What of a sale can be changed, and when.

use crate::{
    Sale, Terms, UnixMillis, Window,
    operator::{Facts, Refused, SaleSeen},
    sale::TermsError,
};

/// What is to be otherwise of a sale; what is not named stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    starts_at: Option<UnixMillis>,
    ends_at: Option<UnixMillis>,
    stock: Option<u32>,
    per_user_limit: Option<u16>,
    hold_ms: Option<i64>,
}

/// The fields of a [`Change`], before they were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is named after the column")]
pub struct Changed {
    pub starts_at: Option<UnixMillis>,
    pub ends_at: Option<UnixMillis>,
    pub stock: Option<u32>,
    pub per_user_limit: Option<u16>,
    pub hold_ms: Option<i64>,
}

/// Why there is no such change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Nothing is to be otherwise.
    #[error("nothing is to be changed: name starts_at, ends_at, stock, per_user_limit or hold_ms")]
    Nothing,
    /// No sale has such terms.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// It would end before it begins.
    #[error("must be after the start")]
    Window,
}

impl ChangeError {
    /// Which field is wrong; `None` if all are missing.
    #[must_use]
    pub const fn field(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Terms(error) => Some(error.field()),
            Self::Window => Some("ends_at"),
        }
    }
}

impl Change {
    /// A change to what a sale may be; whether a certain one may be so is decided with the order.
    pub fn new(changed: Changed) -> Result<Self, ChangeError> {
        let Changed { starts_at, ends_at, stock, per_user_limit, hold_ms } = changed;
        if changed == Changed::default() {
            return Err(ChangeError::Nothing);
        }
        let any = (stock.unwrap_or(1), per_user_limit.unwrap_or(1), hold_ms.unwrap_or(1_000));
        Terms::of_new_sale(any.0, any.1, any.2)?;
        if let (Some(starts_at), Some(ends_at)) = (starts_at, ends_at) {
            Window::new(starts_at, ends_at).map_err(|_| ChangeError::Window)?;
        }
        Ok(Self { starts_at, ends_at, stock, per_user_limit, hold_ms })
    }

    /// The fields.
    #[must_use]
    pub const fn changed(self) -> Changed {
        let Self { starts_at, ends_at, stock, per_user_limit, hold_ms } = self;
        Changed { starts_at, ends_at, stock, per_user_limit, hold_ms }
    }

    /// The sale as it is then, at the epoch that it has; or what stands in the way.
    ///
    /// Before it opens, everything can be changed. While it is open or paused, its end can be moved, the stock
    /// be raised, or lowered to no less than the highest unit that is live, and the limit be raised.
    pub(crate) fn of(self, sale: Sale, facts: &Facts) -> Result<Sale, Refused> {
        let Self { starts_at, ends_at, stock, per_user_limit, hold_ms } = self;
        let before = sale.terms;
        let (was, limit) = (sale.window, per_user_limit.unwrap_or(before.per_user_limit()));
        let (stock, hold_ms) =
            (stock.unwrap_or(before.stock()), hold_ms.unwrap_or(before.hold_ms()));
        // A live store whose clock is ahead has opened it.
        let has_opened = facts.now >= was.starts_at() || facts.highest_live.is_some();
        let starts_at = starts_at.unwrap_or(was.starts_at());
        if has_opened && starts_at != was.starts_at() {
            return Err(Refused::AlreadyOpen { field: "starts_at" });
        }
        if has_opened && hold_ms != before.hold_ms() {
            return Err(Refused::AlreadyOpen { field: "hold_ms" });
        }
        if has_opened && limit < before.per_user_limit() {
            return Err(Refused::LimitLowered { limit: before.per_user_limit() });
        }
        if let Some(highest) = facts.highest_live.filter(|unit| unit.get() > stock) {
            return Err(Refused::StockInUse { highest });
        }
        let terms = Terms::new(stock, limit, hold_ms).map_err(|_| Refused::OutOfRange)?;
        let window = Self::window(starts_at, ends_at.unwrap_or(was.ends_at()), facts.now)?;
        Ok(Sale { window, terms, ..sale })
    }

    fn window(
        starts_at: UnixMillis,
        ends_at: UnixMillis,
        now: UnixMillis,
    ) -> Result<Window, Refused> {
        if ends_at <= now {
            return Err(Refused::EndsInThePast { now });
        }
        let window = Window::new(starts_at, ends_at);
        let window = window.map_err(|_| Refused::EndsBeforeItStarts { starts_at })?;
        // As long as a new one may be, at the most.
        Window::of_new_sale(starts_at, ends_at - starts_at).map_err(|_| Refused::OutOfRange)?;
        Ok(window)
    }
}

/// Whether a sale says something else than it did before to somebody who was refused: it offers more, or opens
/// at another time.
pub(super) fn gives(before: &SaleSeen, after: &SaleSeen) -> bool {
    let (was, is) = (before.terms, after.terms);
    is.stock() > was.stock()
        || after.window.starts_at() != before.window.starts_at()
        || is.per_user_limit() > was.per_user_limit()
        || after.window.ends_at() > before.window.ends_at()
        || before.state != after.state
}
