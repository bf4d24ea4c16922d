//! The scenarios with operators, who change the sale and cancel purchases.

use super::{
    Ablation, Exhaustive, LOST, LOST_RESTART, NONE, OLD_COPY, PAUSES, RESTART, RESTORE, ROLLBACK,
    THREE, TWO, ZOMBIES, keyed, scenario,
};
use crate::{
    defences::Defence,
    operator::Act,
    promises::{
        ACTS_ONCE, ADDS_UP, CANCELLED, IN_EFFECT, NO_LEAK, ONE_CODE, ONE_OWNER, TOLD_TRULY,
        WITHIN_TERMS,
    },
    scenario::Scenario,
    sights::{
        ADDED, EFFECTIVE, LATE_VERDICT, NEXT_CODE, NOT_SERVED, OLD_EPOCH, REFUSED, REPEATED,
        RESOLD, SOLD_OUT, TAKEN,
    },
    state::Faults,
};

const REPLY: Faults = Faults { lost: 1, ..NONE };
const REPLIES: Faults = Faults { rebuilds: 1, lost: 1, ..NONE };
const EMPTY: Faults = Faults { restarts: 1, ..NONE };
const OLD: Faults = Faults { old_copies: 1, ..NONE };
const BACK: Faults = Faults { rollbacks: 1, ..NONE };
const ACCEPTED: Faults = Faults { rebuilds: 1, restores: 1, ..NONE };
const STRAY: Faults = Faults { rebuilds: 1, lost: 1, strays: 1, ..NONE };

/// Two codes of one user.
const ONE_USER: &[u8] = &[0, 0];

/// A sale of two codes that operators steer. Units differ where some of them may go, so none are
/// merged.
const fn steered(name: &'static str, units: u8, acts: &'static [Act], faults: Faults) -> Scenario {
    Scenario { acts, merges_alike: false, ..scenario(name, units, TWO, faults) }
}

/// The same of one user, who may have one unit at first.
const fn limited(name: &'static str, units: u8, acts: &'static [Act], faults: Faults) -> Scenario {
    Scenario { users: ONE_USER, per_user_limit: 1, ..steered(name, units, acts, faults) }
}

/// Equal requests with a key, whose purchase an operator cancels.
const fn keyed_cancelled(name: &'static str, faults: Faults) -> Scenario {
    Scenario { acts: &[Act::Cancel], merges_alike: false, ..keyed(name, 1, &[0, 0], faults) }
}

/// What is explored wholly with every test run.
pub(super) fn small() -> Vec<Exhaustive> {
    use Act as A;
    let all = |scenario, sights| Exhaustive { scenario, sights };
    vec![
        all(steered("stock raised", 1, &[A::Stock(2)], REPLY), &[ADDED, OLD_EPOCH, EFFECTIVE]),
        all(steered("stock lowered", 2, &[A::Stock(1)], REPLY), &[REFUSED, OLD_EPOCH, EFFECTIVE]),
        all(limited("limit raised", 2, &[A::Limit(2)], EMPTY), &[SOLD_OUT, EFFECTIVE]),
        all(steered("ended", 1, &[A::Close], RESTART), &[OLD_EPOCH, EFFECTIVE]),
        all(steered("ended, Redis comes back old", 1, &[A::Close], OLD), &[NOT_SERVED, EFFECTIVE]),
        all(steered("ended, unnoticed rollback", 1, &[A::Close], BACK), &[OLD_EPOCH, EFFECTIVE]),
        all(steered("paused and resumed", 1, &[A::Close, A::Open], PAUSES), &[REFUSED, EFFECTIVE]),
        all(
            steered("changed, Redis outlives ledger", 1, &[A::Stock(2)], ACCEPTED),
            &[REFUSED, ADDED],
        ),
        all(steered("cancelled", 1, &[A::Cancel], LOST), &[LATE_VERDICT]),
        all(steered("cancelled, rebuilt", 1, &[A::Cancel], STRAY), &[RESOLD, LATE_VERDICT]),
        all(steered("cancelled by two", 1, &[A::Cancel, A::Cancel], REPLIES), &[RESOLD, REFUSED]),
        all(steered("cancelled, Redis comes back old", 1, &[A::Cancel], OLD_COPY), &[RESOLD]),
        all(steered("cancelled, unnoticed rollback", 1, &[A::Cancel], ROLLBACK), &[RESOLD, TAKEN]),
        all(steered("cancelled, Redis outlives ledger", 1, &[A::Cancel], ACCEPTED), &[RESOLD]),
        all(limited("cancelled, the buyer's slot", 1, &[A::Cancel], RESTART), &[RESOLD]),
        all(
            steered("cancelled beside a change", 1, &[A::Cancel, A::Stock(2)], PAUSES),
            &[RESOLD, ADDED],
        ),
        all(keyed_cancelled("keys: cancelled", LOST), &[REPEATED, NEXT_CODE, LATE_VERDICT]),
    ]
}

/// What takes minutes.
pub(super) fn large(everything: Faults) -> Vec<Scenario> {
    use Act as A;
    vec![
        steered("changed, everything", 1, &[A::Stock(2)], everything),
        steered("stock raised, rebuilds", 1, &[A::Stock(2)], LOST_RESTART),
        steered("ended, zombies", 1, &[A::Close], ZOMBIES),
        steered("paused, resumed, rebuilt", 1, &[A::Close, A::Open], REPLIES),
        steered("changed, restored", 1, &[A::Stock(2)], RESTORE),
        steered("cancelled beside a change", 1, &[A::Cancel, A::Stock(2)], RESTART),
        steered("lowered, zombies", 2, &[A::Stock(1), A::Close], ZOMBIES),
        steered("cancelled, everything", 1, &[A::Cancel], everything),
        Scenario { users: THREE, ..steered("cancelled, three codes", 2, &[A::Cancel], REPLIES) },
    ]
}

/// Each defence of what operators do taken away, alone or with what makes up for it.
pub(super) fn ablations() -> Vec<Ablation> {
    use Act as A;
    use Defence as D;
    let without = |taken_away, scenario: Scenario, breaks| {
        let scenario = scenario.without(taken_away);
        Ablation { scenario, taken_away, breaks }
    };
    let raised = |faults| steered("raised", 1, &[A::Stock(2)], faults);
    let lowered = |faults| steered("lowered", 2, &[A::Stock(1)], faults);
    let ended = |faults| steered("ended", 1, &[A::Close], faults);
    let two = |faults| steered("two operators", 1, &[A::Stock(2), A::Close], faults);
    let cancelled = |faults| steered("cancelled", 1, &[A::Cancel], faults);
    let late = steered("cancelled, late verdict", 1, &[A::Cancel], LOST_RESTART);
    vec![
        without(&[D::ChangeRaises], ended(PAUSES), Some(WITHIN_TERMS)),
        without(&[D::EpochCheck], ended(PAUSES), Some(WITHIN_TERMS)),
        without(&[D::Drain], ended(PAUSES), Some(WITHIN_TERMS)),
        without(&[D::StockFloor], lowered(PAUSES), Some(WITHIN_TERMS)),
        // The epoch keeps the grants of before away, and these what would come all the same.
        without(&[D::TermsCheck], lowered(REPLY), None),
        without(&[D::TermsCheck, D::EpochCheck], lowered(PAUSES), Some(WITHIN_TERMS)),
        without(&[D::TermsWithEpoch], ended(PAUSES), Some(IN_EFFECT)),
        without(&[D::SnapshotOfEpoch], raised(RESTART), Some(ADDS_UP)),
        without(&[D::ServedFirst], raised(PAUSES), Some(IN_EFFECT)),
        without(&[D::LoadFence], ended(RESTART), Some(IN_EFFECT)),
        without(&[D::ChangeLooks], raised(RESTORE), Some(IN_EFFECT)),
        without(&[D::SeenChange], two(PAUSES), Some(ACTS_ONCE)),
        without(&[D::ActOnce], raised(REPLIES), Some(TOLD_TRULY)),
        without(&[D::ActOnce, D::SeenChange], raised(REPLIES), Some(ACTS_ONCE)),
        without(&[D::RefusalStays], lowered(REPLIES), Some(TOLD_TRULY)),
        without(
            &[D::CancelOnce],
            steered("cancelled by two", 1, &[A::Cancel, A::Cancel], PAUSES),
            Some(CANCELLED),
        ),
        without(&[D::ActOnce], cancelled(REPLIES), Some(TOLD_TRULY)),
        without(&[D::ActOnce, D::CancelOnce], cancelled(REPLIES), Some(CANCELLED)),
        without(&[D::CompareAndSet, D::EndOnce], cancelled(REPLIES), Some(CANCELLED)),
        without(&[D::RebuildFrees], cancelled(PAUSES), Some(ADDS_UP)),
        without(&[D::UnitIndex], cancelled(ROLLBACK), Some(ONE_OWNER)),
        // Whoever does not compare the epochs compares the counts, when all is quiet.
        without(&[D::CancelRaises], cancelled(RESTART), None),
        without(&[D::EpochsCompared], cancelled(RESTART), None),
        without(&[D::Reconcile], cancelled(RESTART), None),
        without(&[D::CancelRaises, D::Reconcile], cancelled(PAUSES), Some(NO_LEAK)),
        without(&[D::EpochsCompared, D::Reconcile], cancelled(PAUSES), Some(NO_LEAK)),
        // A rebuild that began before it loads what was sold then, at an epoch that is not the ledger's.
        without(&[D::SnapshotOfEpoch], cancelled(RESTART), None),
        // A late verdict takes a unit that came back to a code: the two stores are compared.
        without(&[D::Reconcile], late, Some(NO_LEAK)),
        without(&[D::AnswerStays], keyed_cancelled("keys: cancelled", PAUSES), Some(ONE_CODE)),
    ]
}
