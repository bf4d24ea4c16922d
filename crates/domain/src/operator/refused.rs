//! What stands in the way of an order.

use std::fmt::Write;

use crate::{
    Epoch, NotScheduled, Unit, UnixMillis,
    operator::{
        Noted,
        json::{Fields, Unreadable, word_in},
    },
    ports::CodeRecord,
};

/// Why an order is not carried out. It is kept, as what was done is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such sale.
    #[error("there is no such sale")]
    NoSuchSale,
    /// The sale is over: what was promised in it stands.
    #[error("the sale is over")]
    SaleEnded {
        /// Since when.
        ended_at: UnixMillis,
    },
    /// The sale has not begun, and is one of the timetable: it can be paused.
    #[error("the sale has not begun, and is one of the timetable; it can be paused")]
    NotOpenYet {
        /// When it begins.
        starts_at: UnixMillis,
    },
    /// This can be changed only before the sale opens.
    #[error("{field} can be changed only before the sale opens")]
    AlreadyOpen {
        /// What.
        field: &'static str,
    },
    /// A unit above the new stock is on hold or sold.
    #[error("unit {highest} is on hold or sold: the stock can be no less than that")]
    StockInUse {
        /// The highest of those.
        highest: Unit,
    },
    /// A user may have as many already.
    #[error("the limit is {limit}, and can only be raised once the sale has opened")]
    LimitLowered {
        /// The limit that stands.
        limit: u16,
    },
    /// The sale would be over already; to end it now is an action of its own.
    #[error("the sale would be over already")]
    EndsInThePast {
        /// The ledger's clock.
        now: UnixMillis,
    },
    /// The sale would end before it begins.
    #[error("the sale would end before it begins")]
    EndsBeforeItStarts {
        /// When it begins.
        starts_at: UnixMillis,
    },
    /// A sale of the timetable stays in its slot.
    #[error("a sale of the timetable stays in its slot")]
    OutsideItsSlot {
        /// The first moment it may have.
        from: UnixMillis,
        /// The first moment it may not have.
        to: UnixMillis,
    },
    /// No sale may be so.
    #[error("no sale may last so long, or have such terms")]
    OutOfRange,
    /// Somebody changed the sale since the operator looked at it.
    #[error("the sale was changed since{}", by(.0.as_ref()))]
    ChangedSince(
        /// How, last; `None` if the ledger knows of no change, nor of the one that was seen.
        Option<Noted>,
    ),
    /// The live store serves an epoch that the ledger never issued: the ledger has lost data.
    #[error(
        "the live store serves what the ledger does not know: the ledger was restored, and somebody has \
         to accept it first"
    )]
    LedgerBehind {
        /// The ledger's epoch.
        epoch: Epoch,
    },
    /// There is no such product.
    #[error("there is no such product")]
    NoSuchProduct,
    /// The product is archived, which is for ever.
    #[error("the product is archived")]
    ProductArchived,
    /// The ledger has no such picture.
    #[error("there is no such image")]
    NoSuchImage,
    /// There is no such code.
    #[error("there is no such code")]
    NoSuchCode,
    /// There is no purchase of the code to cancel.
    #[error("the code was not redeemed: it is {state}")]
    NotPurchased {
        /// What the code is.
        state: &'static str,
    },
    /// The purchase is cancelled.
    #[error("the purchase is cancelled already")]
    AlreadyCancelled {
        /// Since when.
        at: UnixMillis,
    },
    /// Nobody says why, and the buyer is to be told.
    #[error("a purchase is cancelled for a reason, which its receipt tells the buyer")]
    ReasonMissing,
    /// A process serves that would not know what it sees.
    #[error(
        "a process of an older version serves from the ledger, and does not know what a cancelled purchase is: \
         replace it first"
    )]
    NotYetPossible,
    /// Nothing is on hold under the code any more.
    #[error("nothing is on hold under the code: it is {state}")]
    NotOnHold {
        /// What the code is.
        state: &'static str,
    },
    /// A newer version refused it, for a reason that is not known here.
    #[error("a newer version refused it: {name}")]
    Newer {
        /// The word for it.
        name: String,
        /// All that its row says of it, as JSON.
        json: String,
    },
}

/// Who changed it, and how.
fn by(last: Option<&Noted>) -> String {
    last.map_or_else(String::new, |Noted { number, by, action }| {
        let mut text = String::new();
        let _ = write!(text, ": {action} by {by}, number {number} of the trail");
        text
    })
}

const FIELDS: [&str; 2] = ["starts_at", "hold_ms"];
const STATES: [&str; 5] = ["sold", "expired", "released", "cancelled", "held"];

impl Refused {
    /// Why nothing is on hold under a code.
    pub(crate) const fn no_hold(record: Option<&CodeRecord>) -> Self {
        match record {
            None | Some(CodeRecord::Unknown | CodeRecord::Held { .. }) => Self::NoSuchCode,
            Some(CodeRecord::SoldNow(_) | CodeRecord::Sold(_)) => Self::NotOnHold { state: "sold" },
            Some(CodeRecord::Expired) => Self::NotOnHold { state: "expired" },
            Some(CodeRecord::Released) => Self::NotOnHold { state: "released" },
            Some(CodeRecord::Cancelled(_)) => Self::NotOnHold { state: "cancelled" },
        }
    }

    /// Why there is no purchase of a code to cancel.
    pub(crate) fn no_purchase(record: Option<&CodeRecord>) -> Self {
        match record {
            Some(CodeRecord::Held { .. }) => Self::NotPurchased { state: "held" },
            Some(CodeRecord::Expired) => Self::NotPurchased { state: "expired" },
            Some(CodeRecord::Released) => Self::NotPurchased { state: "released" },
            Some(CodeRecord::Cancelled(receipt)) => {
                let at = receipt.cancelled.as_ref().map_or(receipt.purchased_at, |it| it.at);
                Self::AlreadyCancelled { at }
            }
            None | Some(CodeRecord::Unknown | CodeRecord::SoldNow(_) | CodeRecord::Sold(_)) => {
                Self::NoSuchCode
            }
        }
    }

    /// Why no sale of a product can be made. One of an operator overlaps whatever there is, so it is the
    /// product.
    pub(crate) const fn not_to_be_sold(why: NotScheduled) -> Self {
        match why {
            NotScheduled::UnknownProduct => Self::NoSuchProduct,
            NotScheduled::ArchivedProduct => Self::ProductArchived,
            NotScheduled::Overlaps => Self::OutOfRange,
        }
    }

    /// The word for it; words stay.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::NoSuchSale => "sale-not-found",
            Self::SaleEnded { .. } => "sale-ended",
            Self::NotOpenYet { .. } => "sale-not-open",
            Self::AlreadyOpen { .. } => "sale-already-open",
            Self::StockInUse { .. } => "stock-in-use",
            Self::LimitLowered { .. } => "limit-lowered",
            Self::EndsInThePast { .. } => "ends-in-the-past",
            Self::EndsBeforeItStarts { .. } => "ends-before-it-starts",
            Self::OutsideItsSlot { .. } => "outside-its-slot",
            Self::OutOfRange => "out-of-range",
            Self::ChangedSince(_) => "sale-changed-since",
            Self::LedgerBehind { .. } => "ledger-behind",
            Self::NoSuchProduct => "product-not-found",
            Self::ProductArchived => "product-archived",
            Self::NoSuchImage => "image-not-found",
            Self::NoSuchCode => "code-not-found",
            Self::NotOnHold { .. } => "not-on-hold",
            Self::NotPurchased { .. } => "not-purchased",
            Self::AlreadyCancelled { .. } => "already-cancelled",
            Self::ReasonMissing => "reason-missing",
            Self::NotYetPossible => "not-yet-possible",
            Self::Newer { name, .. } => name,
        }
    }

    pub(super) fn to_json(&self) -> String {
        if let Self::Newer { json, .. } = self {
            return json.clone();
        }
        let fields = Fields::new().text("refused", self.name());
        match self {
            Self::SaleEnded { ended_at: at } => fields.number("ended_at", at.0),
            Self::NotOpenYet { starts_at: at } | Self::EndsBeforeItStarts { starts_at: at } => {
                fields.number("starts_at", at.0)
            }
            Self::AlreadyOpen { field } => fields.text("field", field),
            Self::StockInUse { highest } => fields.number("highest_unit", highest.get().into()),
            Self::LimitLowered { limit } => fields.number("per_user_limit", (*limit).into()),
            Self::EndsInThePast { now } => fields.number("now", now.0),
            Self::OutsideItsSlot { from, to } => fields.number("from", from.0).number("to", to.0),
            Self::ChangedSince(Some(Noted { number, by, action })) => {
                fields.number("number", *number).text("by", by.as_str()).text("action", action)
            }
            Self::LedgerBehind { epoch } => fields.number("epoch", epoch.0),
            Self::NotOnHold { state } | Self::NotPurchased { state } => fields.text("state", state),
            Self::AlreadyCancelled { at } => fields.number("cancelled_at", at.0),
            Self::NoSuchSale
            | Self::OutOfRange
            | Self::NoSuchProduct
            | Self::ProductArchived
            | Self::NoSuchImage
            | Self::NoSuchCode
            | Self::ReasonMissing
            | Self::NotYetPossible
            | Self::Newer { .. }
            | Self::ChangedSince(None) => fields,
        }
        .write()
    }

    /// What a newer version said, by its word if that can be read.
    pub(super) fn newer(json: &str) -> Self {
        let name = word_in(json, "refused").unwrap_or_else(|| "not-known-here".to_owned());
        Self::Newer { name, json: json.to_owned() }
    }

    pub(super) fn from_json(text: &str) -> Result<Self, Unreadable> {
        match Self::read(text) {
            // A word that is said of it is a newer one.
            Err(Unreadable("field" | "state")) => Ok(Self::newer(text)),
            read => read,
        }
    }

    fn read(text: &str) -> Result<Self, Unreadable> {
        let fields = Fields::read(text)?;
        let moment = |name| fields.int(name).map(UnixMillis);
        Ok(match fields.word("refused")? {
            "sale-not-found" => Self::NoSuchSale,
            "sale-ended" => Self::SaleEnded { ended_at: moment("ended_at")? },
            "sale-not-open" => Self::NotOpenYet { starts_at: moment("starts_at")? },
            "sale-already-open" => Self::AlreadyOpen { field: fields.one_of("field", &FIELDS)? },
            "stock-in-use" => Self::StockInUse {
                highest: Unit::try_from(fields.small::<u32>("highest_unit")?)
                    .map_err(|_| Unreadable("highest_unit"))?,
            },
            "limit-lowered" => Self::LimitLowered { limit: fields.small("per_user_limit")? },
            "ends-in-the-past" => Self::EndsInThePast { now: moment("now")? },
            "ends-before-it-starts" => Self::EndsBeforeItStarts { starts_at: moment("starts_at")? },
            "outside-its-slot" => Self::OutsideItsSlot { from: moment("from")?, to: moment("to")? },
            "out-of-range" => Self::OutOfRange,
            "sale-changed-since" if !fields.has("number") => Self::ChangedSince(None),
            "sale-changed-since" => Self::ChangedSince(Some(Noted {
                number: fields.int("number")?,
                by: fields.word("by")?.parse().map_err(|_| Unreadable("by"))?,
                action: fields.word("action")?.to_owned(),
            })),
            "ledger-behind" => Self::LedgerBehind { epoch: Epoch(fields.int("epoch")?) },
            "product-not-found" => Self::NoSuchProduct,
            "product-archived" => Self::ProductArchived,
            "image-not-found" => Self::NoSuchImage,
            "code-not-found" => Self::NoSuchCode,
            "not-purchased" => Self::NotPurchased { state: fields.one_of("state", &STATES)? },
            "already-cancelled" => Self::AlreadyCancelled { at: moment("cancelled_at")? },
            "reason-missing" => Self::ReasonMissing,
            "not-yet-possible" => Self::NotYetPossible,
            "not-on-hold" => Self::NotOnHold { state: fields.one_of("state", &STATES)? },
            _ => Self::newer(text),
        })
    }
}
