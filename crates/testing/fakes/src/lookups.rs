//! The ledger in memory: [`Lookups`].

use async_trait::async_trait;
use domain::{
    Code, StoreError, UnixMillis,
    ports::{CodeLife, CodeState, HeldUnit, Lookups, UnitsOfUser, UserOfSale},
};

use crate::{AttemptRecord, FakeLedger, HoldState, Operation, ledger::Tables};

#[async_trait]
impl Lookups for FakeLedger {
    async fn code(&self, code: Code) -> Result<Option<CodeLife>, StoreError> {
        let look = |tables: &mut Tables, now| Ok(tables.life(code, now));
        self.transact(Operation::LookUpCode, look).await
    }

    async fn units(&self, of: UserOfSale) -> Result<UnitsOfUser, StoreError> {
        let look = |tables: &mut Tables, now| Ok(tables.units(&of, now));
        self.transact(Operation::LookUpUnits, look).await
    }
}

impl Tables {
    fn life(&self, code: Code, now: UnixMillis) -> Option<CodeLife> {
        let hold = self.of_code(code).and_then(AttemptRecord::hold)?;
        let state = match hold.state {
            HoldState::Held => CodeState::Held,
            HoldState::Sold => CodeState::Sold,
            HoldState::Expired => CodeState::Expired,
            HoldState::Released => CodeState::Released,
            HoldState::Cancelled => CodeState::Cancelled,
        };
        Some(CodeLife {
            code,
            user: hold.user.clone(),
            unit: hold.unit,
            expires_at: hold.expires_at,
            state,
            resolved_at: hold.ended_at,
            seen_at: now,
        })
    }

    fn units(&self, of: &UserOfSale, now: UnixMillis) -> UnitsOfUser {
        let is_theirs = |sale, user| (sale, user) == (of.sale, &of.user);
        let mut live: Vec<_> = self
            .holds()
            .filter(|hold| hold.is_live() && is_theirs(hold.sale, &hold.user))
            .collect();
        live.sort_by_key(|hold| hold.slot);
        let held = live.iter().filter(|hold| hold.state == HoldState::Held).map(|hold| HeldUnit {
            code: hold.code,
            unit: hold.unit,
            expires_at: hold.expires_at,
        });
        let bought = live.iter().filter_map(|hold| self.purchases.get(&hold.code).cloned());
        // The holds are in the order in which they were granted.
        let mut cancelled: Vec<_> = self
            .holds()
            .filter(|hold| hold.state == HoldState::Cancelled && is_theirs(hold.sale, &hold.user))
            .collect();
        cancelled.sort_by_key(|hold| hold.slot);
        let cancelled = cancelled.iter().filter_map(|hold| self.purchases.get(&hold.code).cloned());
        UnitsOfUser {
            held: held.collect(),
            bought: bought.collect(),
            cancelled: cancelled.collect(),
            seen_at: now,
        }
    }
}
