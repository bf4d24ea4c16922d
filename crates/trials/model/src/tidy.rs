//! Making states one that behave alike: without this there are far too many to explore.

use crate::{
    defences::Defence,
    scenario::Scenario,
    state::{Answer, Mark, Place, Request, Row, State, Till, UNITS_MAX},
};

impl State {
    /// Forgets what can have no effect any more, and takes steps that nothing can come between.
    pub fn tidy(&mut self, scenario: &Scenario) {
        // Which rows are final, so that nothing can come between the steps of a purchase of one.
        let final_for_good = scenario.has(Defence::CompareAndSet) || scenario.has(Defence::EndOnce);
        for request in scenario.requests() {
            self.forget_the_past_of(scenario, request);
        }
        for code in scenario.codes() {
            let attempt = &mut self.attempts[code];
            attempt.was_placed &= attempt.row == Row::None;
            if final_for_good {
                self.finish_at_the_till(scenario, code);
                self.forget_where_it_was(code);
            }
        }
        self.steering.tidy(scenario);
        self.rebuilds.sort_unstable();
        self.rebuilds.reverse();
        if self.left.old_copies == 0 && self.left.rollbacks == 0 {
            self.copy = None;
        }
        if scenario.merges_alike {
            self.number_units_anew(scenario);
            if scenario.is_keyed() {
                self.merge_equal(scenario);
            } else {
                self.merge_alike(scenario);
            }
        }
    }

    fn forget_the_past_of(&mut self, scenario: &Scenario, request: usize) {
        let request = &mut self.requests[request];
        let row = self.attempts[usize::from(request.code)].row;
        let is_fenced = request.epoch != self.epoch && scenario.has(Defence::EpochCheck);
        request.has_twin &= row == Row::None && !is_fenced;
        if !request.has_place() {
            request.place = Place::default();
        }
        if !request.has_grant() {
            request.epoch = 0;
        }
    }

    /// Answers who asks for a code that is decided, and forgets an answer that cannot turn out
    /// wrong any more.
    fn finish_at_the_till(&mut self, scenario: &Scenario, code: usize) {
        let row = self.attempts[code].row;
        let can_be_cancelled = scenario.can_cancel();
        let right = match row {
            // What is told of it then is right for ever, but who asks later may be told more.
            Row::Sold if can_be_cancelled => {
                let told = &mut self.attempts[code].told;
                *told = told.filter(|told| *told != Answer::Sold);
                return;
            }
            Row::Cancelled => {
                let told = &mut self.attempts[code].told;
                *told = told.filter(|told| *told != Answer::Sold);
                Answer::Cancelled
            }
            Row::Sold => Answer::Sold,
            Row::Expired => Answer::Expired,
            Row::Released => Answer::Released,
            Row::None | Row::Held | Row::Void => return,
        };
        match self.attempts[code].till {
            Till::Idle => {}
            Till::Find => self.find(scenario, code),
            Till::Redeem(believed) => self.redeem(scenario, code, believed),
            Till::Write => self.write_sold(scenario, code),
        }
        let attempt = &mut self.attempts[code];
        if attempt.told == Some(right) {
            attempt.told = None;
        }
    }

    fn forget_where_it_was(&mut self, code: usize) {
        let is_in_a_snapshot =
            self.rebuilds.iter().any(|rebuild| rebuild.snapshot[code] != Mark::Free);
        let row = self.attempts[code].row;
        // A verdict that is on its way names the unit.
        if !row.is_live() && row != Row::Cancelled && !is_in_a_snapshot {
            self.attempts[code].recorded = Place::default();
        }
    }

    /// Numbers the units by the codes that mention them. Units differ in nothing else.
    fn number_units_anew(&mut self, scenario: &Scenario) {
        let stock = usize::from(scenario.units);
        let mut numbers = [u8::MAX; UNITS_MAX];
        let mut next = 0;
        self.visit_units(|unit| {
            if numbers[usize::from(*unit)] == u8::MAX {
                numbers[usize::from(*unit)] = next;
                next += 1;
            }
        });
        // Of those that no code mentions, those that are free now come first.
        let copied = self.copy.map_or([0; UNITS_MAX], |copy| copy.free);
        let mut others = [0; UNITS_MAX];
        let mut count = 0;
        for unit in (0..stock).filter(|unit| numbers[*unit] == u8::MAX) {
            others[count] = unit;
            count += 1;
        }
        others[..count].sort_unstable_by_key(|unit| (self.live.free[*unit], copied[*unit]));
        for unit in &others[..count] {
            numbers[*unit] = next;
            next += 1;
        }
        self.visit_units(|unit| *unit = numbers[usize::from(*unit)]);
        let renumbered = |free: [u8; UNITS_MAX]| {
            let mut anew = [0; UNITS_MAX];
            for unit in 0..stock {
                anew[usize::from(numbers[unit])] = free[unit];
            }
            anew
        };
        self.live.free = renumbered(self.live.free);
        if let Some(copy) = &mut self.copy {
            copy.free = renumbered(copy.free);
        }
    }

    /// Visits every mention of a unit by a code.
    fn visit_units(&mut self, mut visit: impl FnMut(&mut u8)) {
        let snapshots = self.rebuilds.map(|rebuild| rebuild.snapshot);
        for request in self.requests.iter_mut().filter(|request| request.has_place()) {
            visit(&mut request.place.unit);
        }
        for (code, attempt) in self.attempts.iter_mut().enumerate() {
            let is_in_a_snapshot = snapshots.iter().any(|snapshot| snapshot[code] != Mark::Free);
            if attempt.row.is_live() || is_in_a_snapshot {
                visit(&mut attempt.recorded.unit);
            }
            if let Till::Redeem(believed) = &mut attempt.till {
                visit(believed);
            }
            if let Some(place) = &mut self.live.codes[code] {
                visit(&mut place.unit);
            }
            if let Some(Some(place)) = self.copy.as_mut().map(|copy| &mut copy.codes[code]) {
                visit(&mut place.unit);
            }
        }
    }

    /// Sorts the equal requests of each user by how far they have come.
    fn merge_equal(&mut self, scenario: &Scenario) {
        for end in (1..scenario.keyed.len()).rev() {
            for request in 0..end {
                let is_equal = scenario.keyed[request] == scenario.keyed[request + 1];
                if is_equal && self.requests[request] > self.requests[request + 1] {
                    self.requests.swap(request, request + 1);
                }
            }
        }
    }

    /// Sorts the codes of each user by what there is about them.
    fn merge_alike(&mut self, scenario: &Scenario) {
        for end in (1..scenario.users.len()).rev() {
            for code in 0..end {
                let is_same_user = scenario.user(code) == scenario.user(code + 1);
                if is_same_user && self.about(code) > self.about(code + 1) {
                    self.swap_codes(code, code + 1);
                }
            }
        }
    }

    fn about(&self, code: usize) -> impl Ord + use<> {
        let copied = self.copy.map(|copy| copy.codes[code]);
        let snapshots = self.rebuilds.map(|rebuild| rebuild.snapshot[code]);
        let Request { phase, place, epoch, has_twin, .. } = self.requests[code];
        let request = (phase, place, epoch, has_twin);
        (request, self.attempts[code], self.live.codes[code], copied, snapshots)
    }

    fn swap_codes(&mut self, one: usize, other: usize) {
        self.requests.swap(one, other);
        for code in [one, other] {
            self.requests[code].code = u8::try_from(code).unwrap_or_default();
        }
        self.attempts.swap(one, other);
        self.live.codes.swap(one, other);
        if let Some(copy) = &mut self.copy {
            copy.codes.swap(one, other);
        }
        for rebuild in &mut self.rebuilds {
            rebuild.snapshot.swap(one, other);
        }
    }
}
