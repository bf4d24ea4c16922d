//! The steps, each of which happens at once.

/// One thing that happens at once. Requests, codes and units are counted from 0; up to
/// `Acknowledge` it is a request's number that is named first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A request with a key asks the ledger for its code, before all else.
    LookFirst(usize),
    /// Redis grants a code a unit, and the request hears of it.
    Place(usize, u8),
    /// A call that nobody waits for any more places a hold.
    StrayPlace(usize, u8),
    /// The record passes the fence; the insert is yet to come.
    PassFence(usize),
    /// The grant is recorded, or left out.
    Record(usize),
    /// The same, but the outcome gets lost.
    RecordUnheard(usize),
    /// The outcome is given up before the server has begun: it may still do it.
    RecordDelayed(usize),
    /// What was given up comes to the server after all.
    RecordLate(usize),
    /// The server refuses for want of something; nothing is written.
    RecordFails(usize),
    /// A request whose record did not get in looks what is there.
    LookUp(usize),
    /// A grant without a record is given back.
    GiveBack(usize),
    /// What Redis granted is given back, for the record of the code has another unit.
    GiveOtherBack(usize),
    /// The user gets the code.
    Acknowledge(usize),
    /// Somebody redeems the code; Redis is asked for it.
    LookInRedis(usize),
    /// The same, while Redis does not answer.
    MissRedis(usize),
    /// The ledger is asked for the code.
    Find(usize),
    /// The unit is sold, or the answer is no.
    Redeem(usize),
    /// The same, but the outcome gets lost.
    RedeemUnheard(usize),
    /// The row is written as sold, after it was looked at.
    WriteSold(usize),
    /// The same, but the outcome gets lost, and it is written again.
    WriteSoldUnheard(usize),
    /// The owner gives the hold back.
    Release(usize),
    /// A sweep found the code due in Redis; it has no record and gets a tombstone.
    Tombstone(usize),
    /// The hold is due by the clock of Postgres.
    Expire(usize),
    /// Redis is told what the ledger decided.
    Settle(usize),
    /// Redis is told that a code was sold, which it was once, and may be cancelled since.
    SettleSold(usize),
    /// Redis frees a hold that is due by itself.
    FreeUnasked(usize),
    /// The code vanishes from Redis.
    Vanish(usize),
    /// A rebuild reads its snapshot.
    ReadSnapshot(usize),
    /// A rebuild raises the epoch.
    RaiseEpoch(usize),
    /// An operator accepts a ledger that knows less than Redis, and begins a rebuild above it.
    Accept(usize),
    /// A rebuild loads its snapshot.
    Load(usize),
    /// A rebuilder dies.
    Abandon(usize),
    /// Redis comes back empty.
    Restart,
    /// FLUSHALL.
    Flush,
    /// A copy of Redis is made.
    Copy,
    /// Redis comes back with the copy.
    RestartWithCopy,
    /// The copy is put under the running Redis.
    RollBack,
    /// An empty ledger comes in the place of this one, beside the same Redis.
    RestoreLedger,
    /// Another ledger loads its sale of this number.
    LoadOfOther,
    /// An operator looks at the sale, before changing it.
    LookAtSale(usize),
    /// An operator's act is carried out, of a cancellation on this code.
    Act(usize, usize),
    /// The same, but the outcome gets lost.
    ActUnheard(usize, usize),
    /// The outcome is given up before the server has begun: it may still do it.
    ActDelayed(usize, usize),
    /// What was given up comes to the server after all.
    ActLate(usize),
    /// A cancellation puts its unit back by itself.
    FreeByHand(usize),
    /// An operator is told that what they changed is in effect.
    AnswerInEffect(usize),
    /// An operator is told that it stands, and is in effect soon.
    AnswerNotYet(usize),
}

impl Step {
    /// Whether this is something gone wrong, or a rebuild that nobody need have asked for.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        matches!(
            self,
            Self::StrayPlace(..)
                | Self::RecordUnheard(_)
                | Self::RecordDelayed(_)
                | Self::RecordFails(_)
                | Self::RedeemUnheard(_)
                | Self::WriteSoldUnheard(_)
                | Self::ActUnheard(..)
                | Self::ActDelayed(..)
                | Self::RaiseEpoch(_)
                | Self::Accept(_)
                | Self::Abandon(_)
                | Self::Restart
                | Self::Flush
                | Self::Copy
                | Self::RestartWithCopy
                | Self::RollBack
                | Self::RestoreLedger
                | Self::LoadOfOther
        )
    }
}
