//! What an operator ordered, and what they were told.

use uuid::Uuid;

/// An order, from when it was given first to when it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// Its name: however often it is given, it is one order.
    pub(crate) id: Uuid,
    pub(crate) what: What,
    pub(crate) sent_ms: i64,
    pub(crate) answered_ms: i64,
    /// How often it was given until it was answered.
    pub(crate) tries: usize,
    pub(crate) told: Told,
    /// What was told to whoever gave it once more after that.
    pub(crate) again: Option<Told>,
}

/// What is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A sale of these units from one moment to another, ms since the Unix epoch.
    Schedule {
        starts_ms: i64,
        ends_ms: i64,
    },
    Pause,
    Resume,
    End,
    /// Another end, ms since the Unix epoch.
    EndAt(i64),
    Stock(u32),
    Limit(u16),
    /// Gives somebody's hold back.
    Release(Uuid),
    /// Cancels somebody's purchase.
    Cancel(Uuid),
}

/// What was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Done {
        number: i64,
        sale: i64,
        in_effect: bool,
        is_replayed: bool,
    },
    Refused {
        number: i64,
        why: String,
        is_replayed: bool,
    },
    /// Nothing, or that nothing is known: it may have been done.
    Unknown(String),
    /// What nobody may be told.
    Wrong(String),
}

impl What {
    /// What the trail calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Schedule { .. } => "sale-scheduled",
            Self::Pause => "sale-paused",
            Self::Resume => "sale-resumed",
            Self::End => "sale-ended",
            Self::EndAt(_) | Self::Stock(_) | Self::Limit(_) => "sale-changed",
            Self::Release(_) => "hold-released",
            Self::Cancel(_) => "purchase-cancelled",
        }
    }

    /// Whether it is about a sale, and not about a unit of it.
    pub(crate) const fn changes_sale(self) -> bool {
        !matches!(self, Self::Release(_) | Self::Cancel(_))
    }

    /// Whether the sale is loaded anew for it.
    pub(crate) const fn raises_epoch(self) -> bool {
        !matches!(self, Self::Release(_))
    }
}

impl Told {
    /// The number of the row that the trail has of it.
    pub(crate) const fn number(&self) -> Option<i64> {
        match self {
            Self::Done { number, .. } | Self::Refused { number, .. } => Some(*number),
            Self::Unknown(_) | Self::Wrong(_) => None,
        }
    }

    pub(crate) const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    pub(crate) const fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }
}
