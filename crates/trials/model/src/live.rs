//! The live store: what each function of the Redis library does, in one step.

use crate::{
    defences::Defence,
    scenario::Scenario,
    state::{Live, Mark, Place, Rebuild, State, Terms},
};

/// What the ledger decided of a code, as `settle.lua` is told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The unit is sold.
    Sold,
    /// The unit and the slot are free again.
    Free,
}

impl State {
    /// `terms_of` in `library.lua`: whether Redis serves the sale.
    #[must_use]
    pub fn is_served(&self, scenario: &Scenario) -> bool {
        let is_mine = self.loaded == self.live.epoch || !scenario.has(Defence::Incarnation);
        self.live.epoch != 0 && is_mine && !self.live.is_other
    }

    /// `load.lua`, by a process of another ledger, of a sale that nobody has bought from yet. `None`
    /// if it is refused.
    #[must_use]
    pub fn load_of_other(&mut self, scenario: &Scenario) -> Option<()> {
        let can_tell = scenario.has(Defence::Identity);
        if can_tell && self.live.epoch != 0 && !self.live.is_other {
            return None;
        }
        // Any epoch that Redis will take; what it has loaded of either is told apart, or is not.
        let epoch = if can_tell { 1 } else { self.loaded + 1 };
        let terms = Terms::at_opening(scenario);
        self.live = Live { epoch, terms, is_other: can_tell, ..Live::default() };
        self.live.free[..usize::from(scenario.units)].fill(1);
        if !can_tell {
            self.loaded = epoch;
        }
        Some(())
    }

    /// `place_holds.lua`: takes the unit and the user's lowest free slot for a code, or tells a
    /// code that is there what it has. The list of units hands them out in order; here any that is free
    /// may come, which is more.
    #[must_use]
    pub fn place_hold(&mut self, scenario: &Scenario, code: usize, unit: u8) -> Option<Place> {
        if !self.is_served(scenario) {
            return None;
        }
        if let Some(place) = self.live.codes[code] {
            return (place.unit == unit).then_some(place);
        }
        let Terms { per_user_limit, is_open, .. } = self.live.terms;
        if !is_open {
            return None;
        }
        let marks = &mut self.live.marks[scenario.user(code)];
        let within_limit = &mut marks[..usize::from(per_user_limit)];
        let slot = within_limit.iter().position(|mark| *mark == Mark::Free)?;
        let free = &mut self.live.free[usize::from(unit)];
        *free = free.checked_sub(1)?;
        within_limit[slot] = Mark::Held;
        let place = Place { unit, slot: u8::try_from(slot).ok()? };
        self.live.codes[code] = Some(place);
        self.attempts[code].was_placed = true;
        Some(place)
    }

    /// `settle.lua`: carries out a verdict. Acts only on a code that is there.
    pub fn settle(&mut self, scenario: &Scenario, code: usize, verdict: Verdict) {
        if !self.is_served(scenario) {
            return;
        }
        let known = self.live.codes[code].take();
        // Somebody who brings unit and slot along could do it again and again.
        let brought = (!scenario.has(Defence::SettleOnce)).then_some(self.attempts[code].recorded);
        let Some(Place { unit, slot }) = known.or(brought) else { return };
        let mark = &mut self.live.marks[scenario.user(code)][usize::from(slot)];
        match verdict {
            Verdict::Sold => {
                *mark = Mark::Bought;
                self.live.sold += 1;
            }
            Verdict::Free => {
                *mark = Mark::Free;
                self.live.free[usize::from(unit)] += 1;
            }
        }
    }

    /// `load.lua`: puts a snapshot in the place of whatever is there, unless one at least as new is
    /// served by this process.
    pub fn load(&mut self, scenario: &Scenario, rebuild: &Rebuild) {
        if self.live.is_other {
            return;
        }
        let served = if scenario.has(Defence::Incarnation) { self.loaded } else { self.live.epoch };
        if served >= rebuild.epoch && scenario.has(Defence::LoadFence) {
            return;
        }
        let Rebuild { epoch, terms, .. } = *rebuild;
        let mut live = Live { epoch, terms, ..Live::default() };
        live.free[..usize::from(terms.units)].fill(1);
        for code in scenario.codes() {
            let mark = rebuild.snapshot[code];
            let place = self.attempts[code].recorded;
            if mark == Mark::Free {
                continue;
            }
            live.free[usize::from(place.unit)] = 0;
            live.marks[scenario.user(code)][usize::from(place.slot)] = mark;
            if mark == Mark::Held {
                live.codes[code] = Some(place);
            } else {
                live.sold += 1;
            }
        }
        self.live = live;
        self.loaded = rebuild.epoch;
        self.rolled_back = false;
    }

    /// How many units Redis calls free.
    #[must_use]
    pub fn free_units(&self) -> u8 {
        self.live.free.iter().sum()
    }

    /// Whether each unit is free, held or sold in Redis, and nothing twice.
    #[must_use]
    pub fn live_adds_up(&self) -> bool {
        let mut counts = self.live.free;
        let mut held = 0;
        for place in self.live.codes.iter().flatten() {
            counts[usize::from(place.unit)] += 1;
            held += 1;
        }
        counts.iter().all(|count| *count <= 1)
            && self.free_units() + held + self.live.sold == self.live.terms.units
    }
}
