//! Whether an order may be carried out, and what it comes to.

use crate::{
    Code, Epoch, NewSale, NotScheduled, Origin, Sale, Timetable, Unit, UnixMillis, Window,
    operator::{
        Action, ActionRecord, HoldSeen, Noted, Order, PurchaseSeen, Reason, Refused, SaleSeen, Seen,
    },
    ports::{CodeRecord, LiveEpoch},
    product::{Picture, Product, ProductChange},
    sale::SaleState,
};

/// What the process that acts knows, and the ledger does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beside {
    /// The epoch of the sale that the live store knows, if any.
    pub live: Option<LiveEpoch>,
    /// The live store does not answer. What only stops is done all the same, but no epoch is raised: it
    /// might be one that a ledger which lost data never issued, and the live store serves.
    pub is_blind: bool,
    /// The timetable, if there is one: its sales stay in their slots.
    pub timetable: Option<Timetable>,
}

/// What the ledger has of what an order is about: read in its transaction, under the lock of the sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The ledger's clock.
    pub now: UnixMillis,
    /// The sale.
    pub sale: Option<Sale>,
    /// The highest unit of the sale that is on hold or sold.
    pub highest_live: Option<Unit>,
    /// The last change of the sale that was carried out.
    pub last: Option<ActionRecord>,
    /// Where among the sales of the timetable this one, of the timetable, may be: from the end of the one
    /// before it to the start of the one after it.
    pub between: Option<(Option<UnixMillis>, Option<UnixMillis>)>,
    /// What the ledger has of the code.
    pub code: Option<CodeRecord>,
    /// Whether a process serves from the ledger that does not know what a cancelled purchase is.
    pub serves_unaware: bool,
    /// Why no sale of the product can be made, if none can.
    pub not_to_be_sold: Option<NotScheduled>,
    /// The product that is to be changed.
    pub product: Option<Product>,
    /// Whether the picture is kept that it shall have, if that does not come with the order.
    pub picture_is_kept: bool,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// A sale of an operator.
    Make(NewSale),
    /// A sale, as it is from now on. Its epoch is a new one, unless it is as it was, or nobody could ask
    /// the live store.
    Put {
        /// As it was.
        before: Sale,
        /// As it is.
        after: Sale,
    },
    /// The end of a hold.
    Release {
        /// The hold.
        code: Code,
        /// The unit it gives back.
        unit: Unit,
    },
    /// The end of a purchase.
    Cancel {
        /// Its code.
        code: Code,
        /// The unit that it gives back.
        unit: Unit,
        /// Why.
        reason: Reason,
        /// The epoch of its sale from now on: the live store lacks the cancellation at any older one. `None` of a
        /// sale that is closed.
        epoch: Option<Epoch>,
    },
    /// A product, or its next version, unless the last one says the same.
    PutProduct {
        /// As it was, if there was one.
        before: Option<Product>,
        /// What it is from now on.
        to: ProductChange,
    },
    /// The end of a product's use, unless it has come to it before.
    ArchiveProduct {
        /// As it was.
        before: Product,
    },
}

impl Decided {
    /// The sale whose epoch it raises and which is loaded at that epoch. A cancellation is not loaded by itself: the
    /// next rebuild is of as many as there are by then.
    #[must_use]
    pub fn raised(&self) -> Option<Sale> {
        match *self {
            Self::Put { before, after } => (before.epoch < after.epoch).then_some(after),
            _ => None,
        }
    }

    /// What was there before.
    #[must_use]
    pub fn before(&self) -> Option<Seen> {
        match self {
            Self::Make(_) => None,
            Self::Put { before, .. } => Some(Seen::Sale(SaleSeen::of(before))),
            Self::Release { unit, .. } => Some(Seen::Hold(HoldSeen::held(*unit))),
            Self::Cancel { unit, .. } => Some(Seen::Purchase(PurchaseSeen::standing(*unit))),
            Self::PutProduct { before, .. } => before.clone().map(Seen::Product),
            Self::ArchiveProduct { before } => Some(Seen::Product(before.clone())),
        }
    }
}

impl Order {
    /// What the order comes to, or what stands in its way. Whether it came before is looked at earlier.
    pub fn decide(&self, facts: &Facts, beside: &Beside) -> Result<Decided, Refused> {
        match self.action {
            Action::ScheduleSale { window, .. } if window.ends_at() <= facts.now => {
                Err(Refused::EndsInThePast { now: facts.now })
            }
            Action::ScheduleSale { window, terms, product } => {
                if let Some(why) = facts.not_to_be_sold {
                    return Err(Refused::not_to_be_sold(why));
                }
                let origin = Origin::Operator;
                Ok(Decided::Make(NewSale { window, terms, origin, product }))
            }
            Action::ReleaseHold(code) => match facts.code {
                Some(CodeRecord::Held { unit }) => Ok(Decided::Release { code, unit }),
                ref other => Err(Refused::no_hold(other.as_ref())),
            },
            Action::CancelPurchase(code) => self.cancel(code, facts, beside),
            Action::PutProduct(ref to) => put_product(to, facts),
            Action::ArchiveProduct(_) => match facts.product.clone() {
                Some(before) => Ok(Decided::ArchiveProduct { before }),
                None => Err(Refused::NoSuchProduct),
            },
            Action::Newer(_) => Err(Refused::NotYetPossible),
            _ => self.put(facts, beside),
        }
    }

    /// The end of a purchase that stands. First what it is: whoever is told that it is cancelled already need not say
    /// why it should be.
    fn cancel(&self, code: Code, facts: &Facts, beside: &Beside) -> Result<Decided, Refused> {
        let Some(CodeRecord::Sold(receipt) | CodeRecord::SoldNow(receipt)) = &facts.code else {
            return Err(Refused::no_purchase(facts.code.as_ref()));
        };
        let reason = self.why.clone().ok_or(Refused::ReasonMissing)?;
        let sale = facts.sale.ok_or(Refused::NoSuchSale)?;
        if facts.serves_unaware {
            return Err(Refused::NotYetPossible);
        }
        let epoch = match sale.state {
            SaleState::Closed => None,
            SaleState::Active | SaleState::Paused => match sale.at_next_epoch(beside.live, None) {
                Ok(raised) => Some(raised.epoch),
                Err(_) => return Err(Refused::LedgerBehind { epoch: sale.epoch }),
            },
        };
        Ok(Decided::Cancel { code, unit: receipt.unit, reason, epoch })
    }

    /// What of a sale is to be otherwise. In this order: a sale that is over cannot be changed whoever was
    /// first, and a ledger that lost data says nothing else of worth.
    fn put(&self, facts: &Facts, beside: &Beside) -> Result<Decided, Refused> {
        let before = facts.sale.ok_or(Refused::NoSuchSale)?;
        if before.state == SaleState::Closed || facts.now >= before.window.ends_at() {
            return Err(Refused::SaleEnded { ended_at: before.window.ends_at() });
        }
        // A change is never too soon after a rebuild.
        let Ok(raised) = before.at_next_epoch(beside.live, None) else {
            return Err(Refused::LedgerBehind { epoch: before.epoch });
        };
        let last = facts.last.as_ref().map_or(0, |last| last.number);
        if self.if_at.is_some_and(|seen| seen != last) {
            return Err(Refused::ChangedSince(facts.last.as_ref().map(Noted::of)));
        }
        let after = match self.action {
            Action::PauseSale(_) => Sale { state: SaleState::Paused, ..before },
            Action::ResumeSale(_) => Sale { state: SaleState::Active, ..before },
            Action::EndSale(_) => ended(before, facts.now)?,
            Action::ChangeSale { change, .. } => change.of(before, facts)?,
            _ => before,
        };
        if after == before {
            return Ok(Decided::Put { before, after });
        }
        in_its_slot(&before, after.window, facts, beside)?;
        let epoch = if beside.is_blind { before.epoch } else { raised.epoch };
        Ok(Decided::Put { before, after: Sale { epoch, ..after } })
    }
}

/// What is archived stays as it is, and a picture that nobody has is not shown.
fn put_product(to: &ProductChange, facts: &Facts) -> Result<Decided, Refused> {
    if facts.product.as_ref().is_some_and(|product| product.archived_at.is_some()) {
        return Err(Refused::ProductArchived);
    }
    if matches!(to.image, Some(Picture::Kept(_))) && !facts.picture_is_kept {
        return Err(Refused::NoSuchImage);
    }
    Ok(Decided::PutProduct { before: facts.product.clone(), to: to.clone() })
}

/// The sale with an end at this moment. One of the timetable that has not begun keeps its slot, so that no
/// other is made in it.
fn ended(sale: Sale, now: UnixMillis) -> Result<Sale, Refused> {
    let starts_at = sale.window.starts_at();
    if starts_at >= now && sale.origin == Origin::Timetable {
        return Err(Refused::NotOpenYet { starts_at });
    }
    // What never began is over in the shortest window there is.
    let window = Window::new(starts_at.min(now + -1), now);
    let window = window.map_err(|_| Refused::OutOfRange)?;
    Ok(Sale { window, ..sale })
}

/// Whether a sale of the timetable stays where it belongs: in its slot, and, if the timetable is not known,
/// in the window it has; and in nobody else's.
fn in_its_slot(
    before: &Sale,
    after: Window,
    facts: &Facts,
    beside: &Beside,
) -> Result<(), Refused> {
    if before.origin != Origin::Timetable || after == before.window {
        return Ok(());
    }
    let was = before.window;
    let slot = beside.timetable.and_then(|it| it.slot_of(was.starts_at())).unwrap_or(was);
    let (last_end, next_start) = facts.between.unwrap_or_default();
    let from = slot.starts_at().min(was.starts_at());
    let from = last_end.map_or(from, |end| from.max(end));
    let to = slot.ends_at().max(was.ends_at());
    let to = next_start.map_or(to, |start| to.min(start));
    if after.starts_at() >= from && after.ends_at() <= to {
        Ok(())
    } else {
        Err(Refused::OutsideItsSlot { from, to })
    }
}

impl Facts {
    /// What is known of nothing.
    #[must_use]
    pub const fn at(now: UnixMillis) -> Self {
        Self {
            now,
            sale: None,
            highest_live: None,
            last: None,
            between: None,
            code: None,
            serves_unaware: false,
            not_to_be_sold: None,
            product: None,
            picture_is_kept: false,
        }
    }

    /// The sale or the product as it stands, for whoever is refused.
    #[must_use]
    pub fn as_it_stands(&self) -> Option<Seen> {
        let sale = self.sale.as_ref().filter(|_| self.code.is_none());
        let sale = sale.map(|sale| Seen::Sale(SaleSeen::of(sale)));
        sale.or_else(|| self.product.clone().map(Seen::Product))
    }
}
