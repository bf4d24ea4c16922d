//! What must be true of the stores, whoever looks and whenever; and what an audit found.
//!
//! The ledger is judged by itself, in one snapshot. The live store is judged by itself, at one
//! moment, and against the ledger: see [`live`].

pub mod live;

use std::collections::{BTreeMap, BTreeSet};

/// What must be true of the stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// The tables are what the migrations made them.
    SchemaStands,
    /// No unit is live twice.
    UnitsLiveOnce,
    /// No slot of a user is live twice.
    SlotsLiveOnce,
    /// Nothing is beyond a sale's terms.
    WithinTerms,
    /// What is sold has its purchase, and the other way round.
    SoldHasReceipt,
    /// The counters of sold units are right.
    SoldCounted,
    /// No code has two records.
    CodesOnce,
    /// No two sales of the timetable are on at a time.
    WindowsApart,
    /// No record contradicts itself.
    RecordsWhole,
    /// No grant is of an epoch still to come.
    EpochsIssued,
    /// Holds that are due end.
    HoldsEnd,
    /// A closed sale has no hold.
    ClosedHoldNothing,
    /// The live store does not contradict itself.
    LiveWhole,
    /// The live store serves no epoch still to come.
    LiveEpochIssued,
    /// The live store offers nothing that the ledger has given away.
    LiveAgrees,
}

impl Invariant {
    /// All of them, those of the ledger first.
    pub const ALL: [Self; 15] = [
        Self::SchemaStands,
        Self::UnitsLiveOnce,
        Self::SlotsLiveOnce,
        Self::WithinTerms,
        Self::SoldHasReceipt,
        Self::SoldCounted,
        Self::CodesOnce,
        Self::WindowsApart,
        Self::RecordsWhole,
        Self::EpochsIssued,
        Self::HoldsEnd,
        Self::ClosedHoldNothing,
        Self::LiveWhole,
        Self::LiveEpochIssued,
        Self::LiveAgrees,
    ];

    /// Its name, which stays.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SchemaStands => "schema-stands",
            Self::UnitsLiveOnce => "units-live-once",
            Self::SlotsLiveOnce => "slots-live-once",
            Self::WithinTerms => "within-terms",
            Self::SoldHasReceipt => "sold-has-receipt",
            Self::SoldCounted => "sold-counted",
            Self::CodesOnce => "codes-once",
            Self::WindowsApart => "windows-apart",
            Self::RecordsWhole => "records-whole",
            Self::EpochsIssued => "epochs-issued",
            Self::HoldsEnd => "holds-end",
            Self::ClosedHoldNothing => "closed-hold-nothing",
            Self::LiveWhole => "live-whole",
            Self::LiveEpochIssued => "live-epoch-issued",
            Self::LiveAgrees => "live-agrees",
        }
    }

    /// What it says, for an operator.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::SchemaStands => {
                "the constraints, indexes and triggers that keep the promises are in force"
            }
            Self::UnitsLiveOnce => "no unit of a sale is held or sold twice",
            Self::SlotsLiveOnce => "no slot of a user is held or sold twice",
            Self::WithinTerms => "units and slots are within the stock and the limit of their sale",
            Self::SoldHasReceipt => "a hold is sold if and only if it has exactly one purchase",
            Self::SoldCounted => "the counters of sold units add up to the purchases",
            Self::CodesOnce => "a code has one record",
            Self::WindowsApart => "no two sales of the timetable are on at the same time",
            Self::RecordsWhole => "outcome, state and columns of every record fit together",
            Self::EpochsIssued => "no grant is of an epoch that its sale has not reached",
            Self::HoldsEnd => "no hold stands half a minute after it was due",
            Self::ClosedHoldNothing => "a closed sale has no hold",
            Self::LiveWhole => {
                "on the live store each unit is free, held or sold, and codes match slots"
            }
            Self::LiveEpochIssued => {
                "the live store serves no epoch that the ledger has not issued"
            }
            Self::LiveAgrees => "nothing live in the ledger is free on the live store",
        }
    }

    /// Whether it is about the live store too.
    #[must_use]
    pub const fn needs_live_store(self) -> bool {
        matches!(self, Self::LiveWhole | Self::LiveEpochIssued | Self::LiveAgrees)
    }
}

/// The most breaches of one invariant that are listed one by one.
pub const ROWS_MAX: usize = 10;

/// What breaks an invariant: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaches {
    count: u64,
    rows: Vec<String>,
}

impl Breaches {
    /// As many breaches, of which these rows are the first.
    #[must_use]
    pub fn counted(count: u64, mut rows: Vec<String>) -> Self {
        rows.truncate(ROWS_MAX);
        Self { count, rows }
    }

    /// One more.
    pub fn add(&mut self, row: impl FnOnce() -> String) {
        self.count += 1;
        if self.rows.len() < ROWS_MAX {
            self.rows.push(row());
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The first of them, in words for an operator: at most [`ROWS_MAX`]. Of a code they show the
    /// first digits only.
    #[must_use]
    pub fn rows(&self) -> &[String] {
        &self.rows
    }

    fn extend(&mut self, other: Self) {
        self.count += other.count;
        self.rows.extend(other.rows);
        self.rows.truncate(ROWS_MAX);
    }
}

/// The holds that stand although they are long due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateHolds {
    /// The holds.
    pub breaches: Breaches,
    /// Whether a process of the service is there, which would end them.
    pub is_attended: bool,
}

/// What an audit found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    checked: BTreeMap<Invariant, Breaches>,
    left: BTreeSet<Invariant>,
    notes: Vec<String>,
}

/// What an audit comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// All there is was checked and holds.
    Holds,
    /// Something is broken, whether or not all was checked.
    Broken,
    /// What was checked holds, but not all could be checked.
    Unknown,
}

impl Findings {
    /// Notes that an invariant was checked, and what breaks it; added to what was found before.
    pub fn check(&mut self, invariant: Invariant, breaches: Breaches) {
        self.checked.entry(invariant).or_default().extend(breaches);
    }

    /// Notes that there is nothing an invariant is about, so that it was not looked at.
    pub fn leave(&mut self, invariant: Invariant) {
        self.left.insert(invariant);
    }

    /// Whether there was nothing to look at.
    #[must_use]
    pub fn was_left(&self, invariant: Invariant) -> bool {
        self.left.contains(&invariant)
    }

    /// Notes something an operator should know that is no breach.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// What breaks an invariant, or `None` if it was not checked.
    #[must_use]
    pub fn of(&self, invariant: Invariant) -> Option<&Breaches> {
        self.checked.get(&invariant)
    }

    /// What an operator should know besides.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What it comes to.
    #[must_use]
    pub fn conclusion(&self) -> Conclusion {
        if self.checked.values().any(|breaches| breaches.count > 0) {
            Conclusion::Broken
        } else if Invariant::ALL.iter().all(|it| self.of(*it).is_some() || self.was_left(*it)) {
            Conclusion::Holds
        } else {
            Conclusion::Unknown
        }
    }
}
