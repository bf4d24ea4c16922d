//! The defences of the protocol, each of which can be taken away to see what it is good for.

use std::fmt;

/// One defence of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defence {
    /// A grant is recorded only under the epoch the ledger is at: `record_grants.sql`, `fence`.
    EpochCheck,
    /// A code that is due and has no record gets one that refuses a later: `record_tombstones.sql`.
    Tombstone,
    /// Redis serves only the epoch this very process has loaded: `library.lua`, `loaded`.
    Incarnation,
    /// Redis frees a unit only when the ledger said so: `Sweep`.
    LedgerFrees,
    /// A hold is sold only from `held`, in the statement that looks: `redeem.sql`.
    CompareAndSet,
    /// What a hold ended as is final, whatever a statement says: trigger `attempts_end_once`.
    EndOnce,
    /// A unit is live once in the ledger: index `attempts_live_unit`.
    UnitIndex,
    /// A user's slot is live once in the ledger: index `attempts_live_slot`.
    SlotIndex,
    /// What Redis does not have, the ledger is asked for: `Purchase::redeem`.
    LedgerFind,
    /// Redis refuses a snapshot no newer than the one it serves: `load.lua`, `fenced`.
    LoadFence,
    /// A rebuild waits for the records in flight: `lock_sale.sql`, `FOR UPDATE`.
    Drain,
    /// The snapshot is read after the sale is locked, not before: `PostgresLedger::raise`.
    LateSnapshot,
    /// Holds that Redis forgot are expired all the same: `expire_overdue.sql`.
    Backstop,
    /// What Redis counts is compared with the ledger, and rebuilt: `Reconcile`.
    Reconcile,
    /// A record that did not get in is looked up before anything is said of it: `look_up` in
    /// `grants.rs`.
    LookUp,
    /// A verdict acts only on a code that Redis has, so it may come twice: `settle.lua`.
    SettleOnce,
    /// No key of a live sale expires by itself: `library.lua`.
    NoExpiry,
    /// A unit is given back only if no record of it can come any more: `told` in `grants.rs`.
    CertainStale,
    /// Where Redis serves nothing and loads only what is newer than it remembers, the ledger's epoch
    /// is raised above that: `Sale::at_next_epoch`, `LiveEpoch::Fence`.
    RaiseAbove,
    /// Redis has a sale for one ledger, and neither serves nor loads it for another:
    /// `library.lua`, `other_ledger`.
    Identity,
    /// A hold that others may have asked for too is not given back by the request that could not
    /// record it: `Checkout::conclude`.
    KeptHold,
    /// A verdict names the unit of the record, and what its code holds beside that goes back:
    /// `settle.lua`.
    NamedUnit,
    /// The answer is what the record has, not what Redis granted: `Recorded::Hold`.
    RowAnswers,
    /// What Redis granted goes back at once where the record has another unit: `Checkout::conclude`.
    OtherUnitBack,
    /// A request with a key asks the ledger first: `Checkout::look_first`.
    LookFirst,
    /// A tombstone was nobody's answer: the request goes on with the next code of its key.
    PastTombstone,
    /// Whatever became of a hold, its code stays the answer to its key.
    AnswerStays,
    /// A change of terms raises the epoch in its own transaction: `change_sale.sql`.
    ChangeRaises,
    /// A change is refused where Redis serves an epoch that the ledger never issued.
    ChangeLooks,
    /// No stock is lowered below a unit that is live: `highest_live.sql`, under the sale's lock.
    StockFloor,
    /// A grant is recorded only within the terms that stand: `record_grants.sql`.
    TermsCheck,
    /// A rebuild loads the terms that were read when its epoch was raised, not those that its process
    /// remembers: `lock_sale.sql`.
    TermsWithEpoch,
    /// A rebuild whose epoch is no more the ledger's when it has read its snapshot gives up: what it read may be
    /// beyond its terms: `read_epoch.sql`. Only where there are operators does it matter.
    SnapshotOfEpoch,
    /// A change is called in effect when Redis serves its epoch, or a newer.
    ServedFirst,
    /// A change is refused if another came since its operator looked: `sales.changed_by`.
    SeenChange,
    /// An act of an id is carried out once, and its answer is what it did then: primary key of
    /// `operator_actions`, which is looked at before anything is refused.
    ActOnce,
    /// A refusal is recorded under the id of its act, too: what was run again and refused may still come.
    RefusalStays,
    /// A purchase is cancelled only from `sold`, in the statement that looks: `cancel_purchase.sql`.
    CancelOnce,
    /// A cancellation raises the epoch in its own transaction, so that Redis is known to lack it:
    /// `outdate_sale.sql`.
    CancelRaises,
    /// What Redis serves at an older epoch than the ledger's is loaded again, whatever its counts say:
    /// `Reconcile`.
    EpochsCompared,
    /// A cancelled unit comes back by a rebuild alone.
    RebuildFrees,
}

/// Which defences are up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Defences(u64);

impl Defence {
    /// Every defence.
    pub const ALL: [Self; 41] = [
        Self::EpochCheck,
        Self::Tombstone,
        Self::Incarnation,
        Self::LedgerFrees,
        Self::CompareAndSet,
        Self::EndOnce,
        Self::UnitIndex,
        Self::SlotIndex,
        Self::LedgerFind,
        Self::LoadFence,
        Self::Drain,
        Self::LateSnapshot,
        Self::Backstop,
        Self::Reconcile,
        Self::LookUp,
        Self::SettleOnce,
        Self::NoExpiry,
        Self::CertainStale,
        Self::RaiseAbove,
        Self::Identity,
        Self::KeptHold,
        Self::NamedUnit,
        Self::RowAnswers,
        Self::OtherUnitBack,
        Self::LookFirst,
        Self::PastTombstone,
        Self::AnswerStays,
        Self::ChangeRaises,
        Self::ChangeLooks,
        Self::StockFloor,
        Self::TermsCheck,
        Self::TermsWithEpoch,
        Self::SnapshotOfEpoch,
        Self::ServedFirst,
        Self::SeenChange,
        Self::ActOnce,
        Self::RefusalStays,
        Self::CancelOnce,
        Self::CancelRaises,
        Self::EpochsCompared,
        Self::RebuildFrees,
    ];

    const fn bit(self) -> u64 {
        1 << self as u32
    }
}

impl Defences {
    /// All of them, as the service has them.
    pub const ALL: Self = Self(u64::MAX);

    /// All but these.
    #[must_use]
    pub fn without(taken_away: &[Defence]) -> Self {
        Self(taken_away.iter().fold(u64::MAX, |bits, defence| bits & !defence.bit()))
    }

    /// Whether this one is up.
    #[must_use]
    pub const fn has(self, defence: Defence) -> bool {
        self.0 & defence.bit() != 0
    }
}

impl fmt::Debug for Defences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = Defence::ALL.iter().filter(|defence| !self.has(**defence));
        f.write_str("all but ")?;
        f.debug_list().entries(missing).finish()
    }
}
