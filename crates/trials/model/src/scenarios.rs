//! The scenarios: small ones to explore wholly, and larger ones for those who have time.

mod steered;

use crate::{
    defences::{Defence, Defences},
    operator::Act,
    promises::{
        ACCURATE, ADDS_UP, DURABLE, HONOURED, NO_LEAK, ONE_ANSWER, ONE_CODE, ONE_OWNER,
        TRUE_ANSWER, WITHIN_LIMIT,
    },
    scenario::Scenario,
    sights::{NEXT_CODE, NOT_SERVED, OLD_EPOCH, REPEATED, SECOND_UNIT, SOLD_OUT, TAKEN, TOO_LATE},
    state::Faults,
};

const NONE: Faults = Faults {
    rebuilds: 0,
    restarts: 0,
    flushes: 0,
    old_copies: 0,
    rollbacks: 0,
    lost: 0,
    strays: 0,
    failures: 0,
    restores: 0,
    others: 0,
};
const PAUSES: Faults = NONE;
const LOST: Faults = Faults { lost: 1, strays: 1, failures: 1, ..NONE };
const RESTART: Faults = Faults { rebuilds: 1, restarts: 1, ..NONE };
const FLUSH: Faults = Faults { rebuilds: 1, flushes: 1, ..NONE };
const OLD_COPY: Faults = Faults { rebuilds: 1, old_copies: 1, ..NONE };
const ROLLBACK: Faults = Faults { rebuilds: 1, rollbacks: 1, ..NONE };
const RESTORE: Faults = Faults { rebuilds: 1, flushes: 1, restores: 1, ..NONE };
const OTHER: Faults = Faults { rebuilds: 1, flushes: 1, others: 1, ..NONE };
const ZOMBIES: Faults = Faults { rebuilds: 3, restarts: 1, flushes: 1, lost: 1, ..NONE };
const LOST_ROLLBACK: Faults = Faults { rebuilds: 2, rollbacks: 1, lost: 1, strays: 1, ..NONE };
const LOST_RESTART: Faults =
    Faults { rebuilds: 1, restarts: 1, flushes: 1, lost: 1, strays: 1, failures: 1, ..NONE };

/// Two codes of two users.
const TWO: &[u8] = &[0, 1];
/// Two codes of one user, and one of another.
const THREE: &[u8] = &[0, 0, 1];
/// Two codes of each of two users.
const FOUR: &[u8] = &[0, 0, 1, 1];
/// Two codes of each of three users.
const SIX: &[u8] = &[0, 0, 1, 1, 2, 2];

/// The two codes of one key.
const KEY_OF_TWO: &[u8] = &[0, 0];

/// A scenario, and what must come about in it.
pub struct Exhaustive {
    /// The scenario.
    pub scenario: Scenario,
    /// What must be seen.
    pub sights: &'static [&'static str],
}

/// What a defence is good for.
pub struct Ablation {
    /// The scenario without it.
    pub scenario: Scenario,
    /// The defences that are taken away.
    pub taken_away: &'static [Defence],
    /// The promise that is broken then, or `None` if others make up for it.
    pub breaks: Option<&'static str>,
}

const fn scenario(name: &'static str, units: u8, users: &'static [u8], faults: Faults) -> Scenario {
    let defences = Defences::ALL;
    Scenario {
        name,
        units,
        users,
        keyed: &[],
        per_user_limit: 2,
        acts: &[],
        rebuilders: 2,
        faults,
        defences,
        merges_alike: true,
    }
}

/// Equal requests of one user, whose key has two codes.
const fn keyed(name: &'static str, units: u8, requests: &'static [u8], faults: Faults) -> Scenario {
    Scenario { keyed: requests, ..scenario(name, units, KEY_OF_TWO, faults) }
}

/// The same beside one request of another user.
const fn keyed_beside(name: &'static str, units: u8, faults: Faults) -> Scenario {
    Scenario { keyed: &[0, 0, 1], ..scenario(name, units, THREE, faults) }
}

/// What is explored wholly with every test run.
#[must_use]
pub fn small() -> Vec<Exhaustive> {
    let all = |scenario, sights| Exhaustive { scenario, sights };
    vec![
        all(scenario("pauses and crashes", 2, FOUR, PAUSES), &[SOLD_OUT, TOO_LATE]),
        all(scenario("lost and late replies", 2, THREE, LOST), &[SOLD_OUT, TOO_LATE]),
        all(scenario("Redis restarts empty", 2, THREE, RESTART), &[SOLD_OUT, OLD_EPOCH]),
        all(scenario("FLUSHALL", 2, THREE, FLUSH), &[SOLD_OUT, OLD_EPOCH]),
        all(scenario("Redis comes back old", 2, THREE, OLD_COPY), &[OLD_EPOCH, NOT_SERVED]),
        all(scenario("unnoticed rollback", 2, THREE, ROLLBACK), &[OLD_EPOCH, TAKEN]),
        all(scenario("rollback, lost replies", 1, TWO, LOST_ROLLBACK), &[TAKEN, TOO_LATE]),
        all(scenario("Redis outlives its ledger", 1, TWO, RESTORE), &[SOLD_OUT, OLD_EPOCH]),
        all(scenario("two ledgers on one Redis", 1, TWO, OTHER), &[SOLD_OUT, NOT_SERVED]),
        all(scenario("zombie rebuilders", 1, TWO, ZOMBIES), &[OLD_EPOCH, TOO_LATE]),
        all(scenario("empty, lost replies", 1, THREE, LOST_RESTART), &[OLD_EPOCH, TOO_LATE]),
        all(keyed_beside("keys: pauses", 2, PAUSES), &[REPEATED, NEXT_CODE, SECOND_UNIT]),
        all(keyed("keys: three equal", 2, &[0, 0, 0], LOST), &[REPEATED, NEXT_CODE, SECOND_UNIT]),
        all(keyed("keys: Redis empty", 2, &[0, 0], LOST_RESTART), &[REPEATED, NEXT_CODE]),
        all(keyed("keys: Redis comes back old", 2, &[0, 0], OLD_COPY), &[REPEATED, NOT_SERVED]),
        all(keyed("keys: unnoticed rollback", 2, &[0, 0], ROLLBACK), &[REPEATED, SECOND_UNIT]),
        all(keyed("keys: Redis outlives ledger", 1, &[0, 0], RESTORE), &[REPEATED, OLD_EPOCH]),
    ]
    .into_iter()
    .chain(steered::small())
    .collect()
}

/// What takes minutes.
#[must_use]
pub fn large() -> Vec<Scenario> {
    let everything = Faults {
        rebuilds: 2,
        restarts: 1,
        flushes: 1,
        old_copies: 1,
        rollbacks: 1,
        lost: 1,
        strays: 1,
        failures: 1,
        ..NONE
    };
    let zombies = Faults { rebuilds: 3, restarts: 1, flushes: 1, old_copies: 1, ..LOST };
    vec![
        scenario("pauses, five codes", 2, &SIX_LESS_ONE, PAUSES),
        scenario("empty, two units", 2, THREE, LOST_RESTART),
        scenario("rollback, four codes", 2, FOUR, ROLLBACK),
        scenario("two rebuilds", 2, THREE, Faults { rebuilds: 2, restarts: 1, ..NONE }),
        scenario("everything, two codes", 1, TWO, everything),
        scenario("zombies, two codes", 1, TWO, zombies),
    ]
    .into_iter()
    .chain(steered::large(everything))
    .collect()
}

const SIX_LESS_ONE: [u8; 5] = [0, 0, 1, 1, 2];

/// What is too large to explore, and is walked through at random.
#[must_use]
pub fn vast() -> Vec<Scenario> {
    let noticed = Faults {
        rebuilds: 6,
        restarts: 2,
        flushes: 2,
        old_copies: 2,
        rollbacks: 0,
        lost: 3,
        strays: 2,
        failures: 2,
        ..NONE
    };
    // Nothing is saved by merging where nothing is kept, and a trace can be read.
    let walked = |name, faults| Scenario { merges_alike: false, ..scenario(name, 3, SIX, faults) };
    vec![
        walked("random, noticed faults", noticed),
        walked("random, with rollbacks", Faults { rollbacks: 2, ..noticed }),
        Scenario { acts: &[Act::Cancel, Act::Cancel], ..walked("random, cancelled", noticed) },
        Scenario { acts: &[Act::Stock(2), Act::Close], ..walked("random, changed", noticed) },
    ]
}

/// Each defence taken away, alone or with what makes up for it.
#[must_use]
pub fn ablations() -> Vec<Ablation> {
    use Defence as D;
    let without = |taken_away, scenario: Scenario, breaks| {
        let scenario = scenario.without(taken_away);
        Ablation { scenario, taken_away, breaks }
    };
    let small = |faults| scenario("", 1, TWO, faults);
    let limit_one = Scenario { per_user_limit: 1, ..scenario("", 2, &[0, 0], ROLLBACK) };
    let twice = Faults { rebuilds: 2, restarts: 1, flushes: 1, ..NONE };
    let equal = |faults| keyed("", 2, &[0, 0], faults);
    let failed = Faults { failures: 1, ..NONE };
    let lost = Faults { rebuilds: 1, rollbacks: 1, lost: 1, ..NONE };
    vec![
        without(&[D::EpochCheck], small(RESTART), Some(ACCURATE)),
        without(&[D::Tombstone], small(PAUSES), Some(ACCURATE)),
        without(&[D::Incarnation], small(OLD_COPY), Some(ACCURATE)),
        without(&[D::LedgerFrees], small(PAUSES), Some(ACCURATE)),
        without(&[D::Drain], small(RESTART), Some(ACCURATE)),
        without(&[D::LateSnapshot], small(RESTART), Some(ACCURATE)),
        without(&[D::CertainStale], small(lost), Some(ACCURATE)),
        without(&[D::RaiseAbove], small(RESTORE), Some(NO_LEAK)),
        without(&[D::Identity], small(OTHER), Some(ACCURATE)),
        without(&[D::UnitIndex], small(ROLLBACK), Some(ONE_OWNER)),
        without(&[D::SlotIndex], limit_one, Some(WITHIN_LIMIT)),
        without(&[D::LedgerFind], small(RESTART), Some(HONOURED)),
        without(&[D::LookUp], small(RESTART), Some(DURABLE)),
        without(&[D::SettleOnce], small(PAUSES), Some(ADDS_UP)),
        without(&[D::NoExpiry], small(PAUSES), Some(ADDS_UP)),
        // Two locks on one door: while either is there, nothing happens.
        without(&[D::CompareAndSet], small(LOST_RESTART), None),
        without(&[D::EndOnce], small(LOST_RESTART), None),
        without(&[D::CompareAndSet, D::EndOnce], small(PAUSES), Some(ONE_ANSWER)),
        without(&[D::Backstop], small(ROLLBACK), None),
        without(&[D::Reconcile], small(ROLLBACK), None),
        without(&[D::Backstop, D::Reconcile], small(ROLLBACK), Some(NO_LEAK)),
        without(&[D::NoExpiry, D::Reconcile], small(PAUSES), Some(NO_LEAK)),
        // It spares a rebuild; what makes an old snapshot harmless is the epoch check.
        without(&[D::LoadFence], small(twice), None),
        without(&[D::LoadFence, D::EpochCheck], small(twice), Some(ACCURATE)),
        // The fences keep Redis right and the indexes the ledger: without both, a unit is sold twice.
        without(&[D::UnitIndex, D::EpochCheck], small(RESTART), Some(ONE_OWNER)),
        without(&[D::UnitIndex, D::Tombstone], small(PAUSES), Some(ONE_OWNER)),
        without(&[D::UnitIndex, D::Incarnation], small(OLD_COPY), Some(ONE_OWNER)),
        without(&[D::UnitIndex, D::LedgerFrees], small(PAUSES), Some(ONE_OWNER)),
        // Equal requests: what one of them does by the code, it does to the others' hold.
        without(&[D::KeptHold], equal(failed), Some(ACCURATE)),
        without(&[D::NamedUnit], equal(FLUSH), Some(ACCURATE)),
        without(&[D::RowAnswers], equal(FLUSH), Some(TRUE_ANSWER)),
        without(&[D::PastTombstone], equal(PAUSES), Some(DURABLE)),
        without(&[D::AnswerStays], equal(PAUSES), Some(ONE_CODE)),
        // The sweep gives it back when it is due.
        without(&[D::OtherUnitBack], equal(FLUSH), None),
        // It spares the live store a second unit; what is recorded is the answer all the same.
        without(&[D::LookFirst], equal(FLUSH), None),
    ]
    .into_iter()
    .chain(steered::ablations())
    .collect()
}
