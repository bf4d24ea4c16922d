//! Defences of whoever steers: what takes an order's effect from its commit on, in every process.

use super::{Mutant, TriedBy};

/// The change of a sale's state is recorded, and its epoch is not raised; so whoever acts takes it for one that
/// is in effect, and the live store goes on as it was until it is compared. The ledger, which looks at the state
/// of each grant's sale besides, does not.
const NOT_SERVED: &[(&str, &str, &str)] = &[
    (
        "crates/domain/src/operator/decide.rs",
        "let epoch = if beside.is_blind {",
        "let epoch = if beside.is_blind || after.state != before.state {",
    ),
    (
        "crates/domain/src/operator/steering.rs",
        "if matches!(record.order.action, Action::ScheduleSale { .. })",
        "if matches!(record.order.action, Action::ScheduleSale { .. } | Action::PauseSale(_))",
    ),
    (
        "crates/domain/src/sale.rs",
        "let is_on = self.state == SaleState::Active && now < self.window.ends_at;",
        "let is_on = now < self.window.ends_at;",
    ),
    (
        "crates/postgres-ledger/src/sql/record_grants.sql",
        "AND fence.state = 'active' AND fence.ends_at > clock_timestamp()",
        "AND fence.ends_at > clock_timestamp()",
    ),
];

pub(super) const MUTANTS: [Mutant; 4] = [
    Mutant {
        name: "pause-is-not-served",
        tried_by: TriedBy::Chaos,
        what: "no epoch is raised by a pause, and grants of a paused sale recorded",
        changes: NOT_SERVED,
    },
    Mutant {
        name: "pause-is-not-served",
        tried_by: TriedBy::ChaosEmbedded,
        what: "the same",
        changes: NOT_SERVED,
    },
    Mutant {
        name: "pause-is-not-served",
        tried_by: TriedBy::Simulation,
        what: "the same",
        changes: NOT_SERVED,
    },
    Mutant {
        name: "lowers-unlooked",
        tried_by: TriedBy::Simulation,
        what: "a stock is lowered below a unit that is on hold or sold",
        changes: &[(
            "crates/domain/src/operator/change.rs",
            "facts.highest_live.filter(|unit| unit.get() > stock)",
            "facts.highest_live.filter(|unit| unit.get() > stock && stock == 0)",
        )],
    },
];
