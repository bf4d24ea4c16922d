//! The ledger: what each transaction does, in one step.

use crate::{
    defences::Defence,
    live::Verdict,
    scenario::Scenario,
    state::{Answer, Attempt, Mark, Place, Request, Row, State, Till},
};

impl State {
    /// The fence of `record_grants.sql`: whether the grant is of the ledger's epoch.
    #[must_use]
    pub fn passes_fence(&self, scenario: &Scenario, request: usize) -> bool {
        self.requests[request].epoch == self.epoch || !scenario.has(Defence::EpochCheck)
    }

    /// The insert of `record_grants.sql`. Says whether the row got in.
    pub fn insert_hold(&mut self, scenario: &Scenario, request: usize) -> bool {
        let Request { place, code, .. } = self.requests[request];
        let code = usize::from(code);
        let row = self.attempts[code].row;
        // A code has one row whatever else is off: it is the key the row is known by.
        let is_beyond = scenario.has(Defence::TermsCheck) && !self.terms.allow(place);
        if row != Row::None || is_beyond || self.collides(scenario, code, place) {
            return false;
        }
        let attempt = &mut self.attempts[code];
        attempt.row = Row::Held;
        attempt.recorded = place;
        attempt.is_beyond_terms = !self.terms.is_open || !self.terms.allow(place);
        true
    }

    /// Whether a unique index refuses that this code becomes live there.
    fn collides(&self, scenario: &Scenario, code: usize, place: Place) -> bool {
        scenario.codes().any(|other| {
            let Attempt { row, recorded, .. } = self.attempts[other];
            let is_mine = scenario.user(other) == scenario.user(code);
            other != code
                && row.is_live()
                && (scenario.has(Defence::UnitIndex) && recorded.unit == place.unit
                    || scenario.has(Defence::SlotIndex) && is_mine && recorded.slot == place.slot)
        })
    }

    /// `redeem.sql`, and the look at the row that follows it.
    pub fn redeem(&mut self, scenario: &Scenario, code: usize, believed: u8) {
        let attempt = &mut self.attempts[code];
        let holds_it = attempt.row == Row::Held && attempt.recorded.unit == believed;
        if !holds_it {
            self.answer(code);
        } else if scenario.has(Defence::CompareAndSet) {
            attempt.row = Row::Sold;
            attempt.tell(Answer::Sold);
        } else {
            attempt.till = Till::Write;
        }
    }

    /// What is left of `redeem.sql` without its compare-and-set: the row is written as sold,
    /// unless something else refuses that.
    pub fn write_sold(&mut self, scenario: &Scenario, code: usize) {
        let Attempt { row, recorded, .. } = self.attempts[code];
        let is_refused = row != Row::Held && scenario.has(Defence::EndOnce)
            || !row.is_live() && self.collides(scenario, code, recorded);
        let attempt = &mut self.attempts[code];
        if is_refused {
            // An error, which is told as one: no answer.
            attempt.till = Till::Idle;
        } else {
            attempt.row = Row::Sold;
            attempt.tell(Answer::Sold);
        }
    }

    /// Asks the ledger for a code that Redis does not have.
    pub fn find(&mut self, scenario: &Scenario, code: usize) {
        if scenario.has(Defence::LedgerFind) {
            self.answer(code);
        } else {
            self.attempts[code].tell(Answer::Unknown);
        }
    }

    /// `read_codes.sql`, at the till: answers by what the row is, or goes on to sell it.
    pub fn answer(&mut self, code: usize) {
        let attempt = &mut self.attempts[code];
        match attempt.row {
            Row::Held => attempt.till = Till::Redeem(attempt.recorded.unit),
            Row::Sold => attempt.tell(Answer::Sold),
            Row::Expired => attempt.tell(Answer::Expired),
            Row::Released => attempt.tell(Answer::Released),
            Row::Cancelled => attempt.tell(Answer::Cancelled),
            Row::None | Row::Void => attempt.tell(Answer::Unknown),
        }
    }

    /// `read_verdicts.sql`, of what is decided for good.
    #[must_use]
    pub fn verdict(&self, scenario: &Scenario, code: usize) -> Option<Verdict> {
        let Attempt { row, was_placed, recorded, .. } = self.attempts[code];
        // What is asked of names the unit, and a record has one for ever.
        let held = self.live.codes[code].filter(|_| scenario.has(Defence::NamedUnit));
        if row.is_live() && held.is_some_and(|held| held.unit != recorded.unit) {
            return Some(Verdict::Free);
        }
        match row {
            Row::Sold => Some(Verdict::Sold),
            Row::Expired | Row::Released | Row::Cancelled | Row::Void => Some(Verdict::Free),
            // Without tombstones, a sweep that finds no row has nothing else to go by.
            Row::None if was_placed && !scenario.has(Defence::Tombstone) => Some(Verdict::Free),
            Row::None | Row::Held => None,
        }
    }

    /// `live_units.sql`: every row that is held or sold.
    #[must_use]
    pub fn snapshot(&self) -> [Mark; crate::state::CODES_MAX] {
        self.attempts.map(|attempt| match attempt.row {
            Row::Held => Mark::Held,
            Row::Sold => Mark::Bought,
            _ => Mark::Free,
        })
    }

    /// `PostgresLedger::raise`: `lock_sale.sql` and `raise_epoch.sql` in one transaction, to what
    /// `Sale::at_next_epoch` says. `None` where Redis serves an epoch that the ledger never issued.
    /// The snapshot is read by the next transaction; SQLite reads it in the same one, which is one
    /// of the orders.
    pub fn raise_epoch(&mut self, scenario: &Scenario) -> Option<u8> {
        if self.is_behind(scenario) {
            return None;
        }
        let passes = !self.is_served(scenario) && scenario.has(Defence::RaiseAbove);
        let fence = if passes { self.loaded } else { 0 };
        self.epoch = self.epoch.max(fence) + 1;
        Some(self.epoch)
    }

    /// Whether the ledger has lost data: Redis serves an epoch that it never issued.
    #[must_use]
    pub fn is_behind(&self, scenario: &Scenario) -> bool {
        self.is_served(scenario) && self.live.epoch > self.epoch
    }

    /// How many rows are sold.
    #[must_use]
    pub fn sold(&self) -> u8 {
        self.attempts.iter().map(|attempt| u8::from(attempt.row == Row::Sold)).sum()
    }
}
