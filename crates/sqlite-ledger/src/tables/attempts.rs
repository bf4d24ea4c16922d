//! Recording checkout attempts.

use std::collections::{HashMap, hash_map::Entry};

use domain::{
    CheckoutRefusal, Sale, SaleId, UserId,
    ports::{Attempt, Grant, Granted, Outcome, Recorded},
};

use super::{Counts, NextIds, Tables, bits};
use crate::{
    SqliteError,
    guard::{Hold, Known, State},
};

const RECORD_GRANT: &str = include_str!("../sql/record_grant.sql");
const RECORD_REFUSAL: &str = include_str!("../sql/record_refusal.sql");

impl Tables<'_> {
    /// Writes attempts down, and tells of each, in order, what became of it. A grant that is there
    /// already stands; a refusal is written again.
    pub(crate) fn record(&self, attempts: &[Attempt]) -> Result<Vec<Recorded>, SqliteError> {
        let mut next = self.next_ids()?;
        let mut sales = HashMap::new();
        let mut counts = Counts::default();
        let mut recorded = Vec::with_capacity(attempts.len());
        for Attempt { sale, user, outcome } in attempts {
            recorded.push(match *outcome {
                Outcome::Refused(refusal) => self.refuse(&mut next, *sale, user, refusal)?,
                Outcome::Granted(grant) => match self.sale_in(&mut sales, *sale)? {
                    Some(sale) => self.grant(&mut next, &mut counts, &sale, user, grant)?,
                    None => Recorded::Stale,
                },
            });
        }
        self.write_counts(&counts)?;
        Ok(recorded)
    }

    fn refuse(
        &self,
        next: &mut NextIds,
        sale: SaleId,
        user: &UserId,
        refusal: CheckoutRefusal,
    ) -> Result<Recorded, SqliteError> {
        let id = next.attempt();
        let parameters = (id, sale.get(), refusal.name(), self.now().0, user.as_str());
        self.run(RECORD_REFUSAL, parameters)?;
        Ok(Recorded::Refusal)
    }

    /// Writes a hold, unless the sale takes no such grant, or the guard keeps it out.
    /// Whoever changes the sale writes too, so they come before this transaction or after it.
    fn grant(
        &self,
        next: &mut NextIds,
        counts: &mut Counts,
        sale: &Sale,
        user: &UserId,
        grant: Grant,
    ) -> Result<Recorded, SqliteError> {
        let Grant { code, unit, slot, epoch } = grant;
        let (now, expires_at) = (self.now(), self.now() + sale.terms.hold_ms());
        if sale.takes(&grant, now) {
            let hold = Hold { unit, slot, user: user.clone(), expires_at };
            let known = Known { attempt: next.attempt, state: State::Held, hold: Some(hold) };
            if self.admit(code, known)? {
                let (id, bits, user) = (next.attempt(), bits(code), user.as_str());
                let (sale_id, unit) = (sale.id.get(), unit.get());
                let row = (id, sale_id, unit, slot.0, epoch.0, now.0, expires_at.0, bits, user);
                self.run(RECORD_GRANT, row)?;
                counts.add(sale.id, 1, 0);
                return Ok(Recorded::Hold(Granted { unit: grant.unit, slot, expires_at }));
            }
        }
        Ok(match self.guard()?.find(code) {
            Some(Known { state, hold: Some(hold), .. }) if state.is_live() => {
                Recorded::Hold(hold.granted())
            }
            Some(_) => Recorded::TooLate,
            None => self.filed_record(code)?.unwrap_or(Recorded::Stale),
        })
    }

    /// A sale, read once in a piece of work.
    fn sale_in(
        &self,
        known: &mut HashMap<SaleId, Option<Sale>>,
        id: SaleId,
    ) -> Result<Option<Sale>, SqliteError> {
        Ok(match known.entry(id) {
            Entry::Occupied(sale) => *sale.get(),
            Entry::Vacant(place) => *place.insert(self.find_sale(id)?),
        })
    }
}
