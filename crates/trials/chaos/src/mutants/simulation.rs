//! Defences of the domain and of the fakes that it is simulated on.

use super::{Mutant, TriedBy};

pub(super) const MUTANTS: [Mutant; 14] = [
    Mutant {
        name: "no-epoch-check",
        tried_by: TriedBy::Simulation,
        what: "a grant of an old epoch is recorded",
        changes: &[(
            "crates/domain/src/sale.rs",
            "&& grant.epoch == self.epoch",
            "&& grant.epoch <= self.epoch",
        )],
    },
    Mutant {
        name: "no-tombstone",
        tried_by: TriedBy::Simulation,
        what: "a code that was judged is recorded late",
        changes: &[(
            "crates/testing/fakes/src/ledger.rs",
            "if self.of_code(code).is_none() {",
            "if sale.get() < 0 {",
        )],
    },
    Mutant {
        name: "no-incarnation-check",
        tried_by: TriedBy::Simulation,
        what: "a live store with an old copy serves it",
        changes: &[(
            "crates/testing/fakes/src/live.rs",
            "&& there == self.loaded.get(&(ledger, sale)).copied()",
            "",
        )],
    },
    Mutant {
        name: "no-ledger-identity",
        tried_by: TriedBy::Simulation,
        what: "a sale in the live store is anybody's who has one of its number",
        changes: &[(
            "crates/testing/fakes/src/live.rs",
            "self.owners.get(&sale).is_some_and(|owner| *owner != ledger)",
            "self.owners.get(&sale).is_some_and(|owner| *owner != ledger && ledger.0 > 9)",
        )],
    },
    Mutant {
        name: "restored-unasked",
        tried_by: TriedBy::Simulation,
        what: "a restored ledger passes what the live store serves, and no operator is asked",
        changes: &[(
            "crates/domain/src/sale.rs",
            "return Err(RaiseReply::Behind { ledger: self.epoch });",
            "served",
        )],
    },
    Mutant {
        name: "settles-twice",
        tried_by: TriedBy::Simulation,
        what: "a verdict that comes again is carried out again",
        changes: &[(
            "crates/memory-stores/src/sale.rs",
            "= self.holds.remove(&code) else",
            "= self.holds.get(&code).cloned() else",
        )],
    },
    Mutant {
        name: "no-unique-unit",
        tried_by: TriedBy::Simulation,
        what: "a unit may be live twice",
        changes: &[(
            "crates/testing/fakes/src/ledger.rs",
            "(other.unit == unit || same_slot)",
            "same_slot",
        )],
    },
    Mutant {
        name: "no-unique-slot",
        tried_by: TriedBy::Simulation,
        what: "a slot may be live twice",
        changes: &[(
            "crates/testing/fakes/src/ledger.rs",
            "(other.unit == unit || same_slot)",
            "(other.unit == unit || (same_slot && unit.get() == 0))",
        )],
    },
    Mutant {
        name: "refusals-unrecorded",
        tried_by: TriedBy::Simulation,
        what: "a refusal is answered though its record failed",
        changes: &[(
            "crates/domain/src/checkout.rs",
            "recorded.map(|_| Err(refusal))",
            "{ drop(recorded); Ok(Err(refusal)) }",
        )],
    },
    Mutant {
        name: "misses-are-trusted",
        tried_by: TriedBy::Simulation,
        what: "a code that the live store does not know is refused",
        changes: &[(
            "crates/domain/src/purchase.rs",
            "Ok(None) | Err(_) => self.ledger.find(code).await?,",
            "Ok(None) => CodeRecord::Unknown,\n            Err(_) => self.ledger.find(code).await?,",
        )],
    },
    Mutant {
        name: "expires-early",
        tried_by: TriedBy::Simulation,
        what: "a hold expires before it is due",
        changes: &[(
            "crates/testing/fakes/src/ledger.rs",
            "filter(|hold| hold.expires_at <= now) {",
            "filter(|hold| hold.expires_at <= now || hold.expires_at > now) {",
        )],
    },
    Mutant {
        name: "redeems-twice",
        tried_by: TriedBy::Simulation,
        what: "a code that was redeemed is redeemed again",
        changes: &[(
            "crates/testing/fakes/src/ledger.rs",
            "let Some(hold) = self.held_mut(code).filter(|hold| hold.unit == unit) else {",
            "let Some(hold) = self.holds_mut().find(|hold| hold.code == code && hold.unit == unit) else {",
        )],
    },
    Mutant {
        name: "redeems-cancelled",
        tried_by: TriedBy::Simulation,
        what: "a code whose purchase was cancelled is redeemed again",
        changes: &[(
            "crates/testing/fakes/src/ledger.rs",
            "let Some(hold) = self.held_mut(code).filter(|hold| hold.unit == unit) else {",
            "let is_it = |hold: &&mut HoldRecord| hold.code == code && hold.unit == unit;
        let may_be_sold = |hold: &&mut HoldRecord| {
            matches!(hold.state, HoldState::Held | HoldState::Cancelled)
        };
        let Some(hold) = self.holds_mut().find(|it| is_it(it) && may_be_sold(it)) else {",
        )],
    },
    Mutant {
        name: "lost-is-failed",
        tried_by: TriedBy::Simulation,
        what: "a record whose outcome got lost is taken back",
        changes: &[(
            "crates/domain/src/checkout.rs",
            "if error.failure() != Failure::Unknown {",
            "if error.failure() != Failure::Overloaded {",
        )],
    },
];
