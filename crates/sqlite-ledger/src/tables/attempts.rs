//! Recording checkout attempts.

use std::collections::{HashMap, hash_map::Entry};

use domain::{
    CheckoutRefusal, Sale, SaleId, UserId,
    ports::{Attempt, Grant, Outcome, Recorded},
};

use super::{Counts, Tables};
use crate::{SqliteError, rows};

const RECORD_GRANT: &str = include_str!("../sql/record_grant.sql");
const RECORD_REFUSAL: &str = include_str!("../sql/record_refusal.sql");
const READ_GRANT: &str = include_str!("../sql/read_grant.sql");

impl Tables<'_> {
    /// Writes attempts down, and tells of each, in order, what became of it. A grant that is there
    /// already stands; a refusal is written again.
    pub fn record(&self, attempts: &[Attempt]) -> Result<Vec<Recorded>, SqliteError> {
        let mut sales = HashMap::new();
        let mut counts = Counts::default();
        let mut recorded = Vec::with_capacity(attempts.len());
        for Attempt { sale, user, outcome } in attempts {
            recorded.push(match *outcome {
                Outcome::Refused(refusal) => self.refuse(*sale, user, refusal)?,
                Outcome::Granted(grant) => match self.sale_in(&mut sales, *sale)? {
                    Some(sale) => self.grant(&sale, user, grant, &mut counts)?,
                    None => Recorded::Stale,
                },
            });
        }
        self.write_counts(&counts)?;
        Ok(recorded)
    }

    fn refuse(
        &self,
        sale: SaleId,
        user: &UserId,
        refusal: CheckoutRefusal,
    ) -> Result<Recorded, SqliteError> {
        let parameters = (sale.get(), user.as_str(), refusal.name(), self.now().0);
        self.run(RECORD_REFUSAL, parameters)?;
        Ok(Recorded::Refusal)
    }

    /// Writes a hold, unless it is of another epoch, beyond the terms, or breaks one of the unique
    /// rules. Whoever raises the epoch writes too, so he comes before this transaction or after it.
    fn grant(
        &self,
        sale: &Sale,
        user: &UserId,
        grant: Grant,
        counts: &mut Counts,
    ) -> Result<Recorded, SqliteError> {
        let Grant { code, unit, slot, epoch } = grant;
        let terms = sale.terms;
        let is_of_this_epoch = epoch == sale.epoch;
        if is_of_this_epoch && unit.get() <= terms.stock && slot.0 < terms.per_user_limit {
            let expires_at = self.now() + terms.hold_ms;
            let (id, user, bits) = (sale.id.get(), user.as_str(), code.to_bits().to_be_bytes());
            let (now, unit) = (self.now().0, unit.get());
            let hold = (id, user, &bits, unit, slot.0, epoch.0, now, expires_at.0);
            if self.run(RECORD_GRANT, hold)? == 1 {
                counts.add(sale.id, 1, 0);
                return Ok(Recorded::Hold { expires_at });
            }
        }
        let there = self.one(READ_GRANT, [code.to_bits().to_be_bytes()], rows::recorded_grant)?;
        Ok(there.unwrap_or(Recorded::Stale))
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
