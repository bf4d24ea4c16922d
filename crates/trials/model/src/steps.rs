//! What can happen next in a state, and what it makes of it.

use crate::{
    defences::Defence,
    live::Verdict,
    scenario::Scenario,
    state::{Answer, Attempt, Faults, Live, Rebuild, Row, State, Steering, Terms, Till},
    step::Step,
};

impl State {
    /// Everything that may happen now, and a little that cannot.
    pub fn steps(&self, scenario: &Scenario, steps: &mut Vec<Step>) {
        for request in scenario.requests() {
            self.steps_of_request(scenario, request, steps);
        }
        for code in scenario.codes() {
            self.steps_of_till(code, steps);
            self.steps_of_sweep(scenario, code, steps);
        }
        for rebuild in 0..scenario.rebuilders {
            match self.rebuilds[rebuild] {
                Rebuild { epoch: 1.., has_read: true, .. } => {
                    steps.extend([Step::Load(rebuild), Step::Abandon(rebuild)]);
                }
                Rebuild { epoch: 1.., .. } => {
                    steps.extend([Step::ReadSnapshot(rebuild), Step::Abandon(rebuild)]);
                }
                Rebuild { has_read: false, .. } if !scenario.has(Defence::LateSnapshot) => {
                    steps.push(Step::ReadSnapshot(rebuild));
                }
                _ if self.is_behind(scenario) => steps.push(Step::Accept(rebuild)),
                _ => steps.push(Step::RaiseEpoch(rebuild)),
            }
        }
        for operator in 0..scenario.acts.len() {
            self.steps_of_operator(scenario, operator, steps);
        }
        steps.extend([Step::Restart, Step::Flush, Step::Copy]);
        steps.extend([Step::RestartWithCopy, Step::RollBack]);
        steps.extend([Step::RestoreLedger, Step::LoadOfOther]);
    }

    fn steps_of_till(&self, code: usize, steps: &mut Vec<Step>) {
        let attempt = &self.attempts[code];
        if !self.is_acknowledged(code) {
            return;
        }
        steps.push(Step::Release(code));
        match attempt.till {
            Till::Idle => steps.extend([Step::LookInRedis(code), Step::MissRedis(code)]),
            Till::Find => steps.push(Step::Find(code)),
            Till::Redeem(_) => steps.extend([Step::Redeem(code), Step::RedeemUnheard(code)]),
            Till::Write => steps.extend([Step::WriteSold(code), Step::WriteSoldUnheard(code)]),
        }
    }

    fn steps_of_sweep(&self, scenario: &Scenario, code: usize, steps: &mut Vec<Step>) {
        let attempt = &self.attempts[code];
        let is_here = self.live.codes[code].is_some();
        if is_here || !scenario.has(Defence::SettleOnce) {
            steps.push(Step::Settle(code));
        }
        if is_here && attempt.row == Row::Cancelled {
            steps.push(Step::SettleSold(code));
        }
        if is_here && !scenario.has(Defence::NoExpiry) {
            steps.push(Step::Vanish(code));
        }
        if is_here && !scenario.has(Defence::LedgerFrees) {
            steps.push(Step::FreeUnasked(code));
        }
        if attempt.was_placed {
            steps.push(Step::Tombstone(code));
        }
        if attempt.row == Row::Held {
            steps.push(Step::Expire(code));
        }
    }

    /// The next state, or `None` if this cannot happen now, or changes nothing.
    #[must_use]
    pub fn after(&self, scenario: &Scenario, step: Step) -> Option<Self> {
        let mut next = self.clone();
        next.take_of_request(scenario, step)?;
        next.tidy(scenario);
        (next != *self).then_some(next)
    }

    pub(crate) fn take_upkeep(&mut self, scenario: &Scenario, step: Step) -> Option<()> {
        match step {
            Step::LookInRedis(code) => {
                self.attempts[code].till = match self.live.codes[code] {
                    Some(place) => Till::Redeem(place.unit),
                    None => Till::Find,
                };
            }
            Step::MissRedis(code) => self.attempts[code].till = Till::Find,
            Step::Find(code) => self.find(scenario, code),
            Step::Redeem(code) => {
                let Till::Redeem(believed) = self.attempts[code].till else { return None };
                self.redeem(scenario, code, believed);
            }
            Step::RedeemUnheard(code) => {
                spend(&mut self.left.lost)?;
                let Attempt { till, told, .. } = self.attempts[code];
                let Till::Redeem(believed) = till else { return None };
                self.redeem(scenario, code, believed);
                let attempt = &mut self.attempts[code];
                *attempt = Attempt { till, told, ..*attempt };
            }
            Step::WriteSold(code) => self.write_sold(scenario, code),
            Step::WriteSoldUnheard(code) => {
                spend(&mut self.left.lost)?;
                let Attempt { till, told, .. } = self.attempts[code];
                self.write_sold(scenario, code);
                let attempt = &mut self.attempts[code];
                *attempt = Attempt { till, told, ..*attempt };
            }
            Step::Release(code) => {
                let attempt = &mut self.attempts[code];
                if attempt.row != Row::Held {
                    return None;
                }
                attempt.row = Row::Released;
                attempt.told.get_or_insert(Answer::Released);
            }
            Step::Tombstone(code) => {
                let attempt = &mut self.attempts[code];
                if attempt.row != Row::None || !scenario.has(Defence::Tombstone) {
                    return None;
                }
                attempt.row = Row::Void;
            }
            Step::Expire(code) => {
                let attempt = &mut self.attempts[code];
                attempt.row = Row::Expired;
            }
            Step::Settle(code) => {
                let verdict = self.verdict(scenario, code)?;
                self.settle(scenario, code, verdict);
            }
            Step::SettleSold(code) => self.settle_sold_late(scenario, code)?,
            Step::FreeUnasked(code) => self.settle(scenario, code, Verdict::Free),
            Step::Vanish(code) => self.live.codes[code] = None,
            _ => return self.take_fault_or_rebuild(scenario, step),
        }
        Some(())
    }

    fn take_fault_or_rebuild(&mut self, scenario: &Scenario, step: Step) -> Option<()> {
        let Faults { restarts, flushes, old_copies, rollbacks, rebuilds, .. } = &mut self.left;
        match step {
            Step::ReadSnapshot(rebuild) => self.read_snapshot(scenario, rebuild),
            Step::RaiseEpoch(rebuild) => {
                spend(rebuilds)?;
                let epoch = self.raise_epoch(scenario)?;
                let terms = self.terms_to_load(scenario);
                let before = self.rebuilds[rebuild];
                self.rebuilds[rebuild] = Rebuild { epoch, terms, ..before };
            }
            Step::Accept(rebuild) => {
                spend(rebuilds)?;
                self.epoch = self.live.epoch + 1;
                let (epoch, terms) = (self.epoch, self.terms_to_load(scenario));
                self.rebuilds[rebuild] = Rebuild { epoch, terms, ..Rebuild::default() };
            }
            Step::Load(rebuild) => {
                let snapshot = std::mem::take(&mut self.rebuilds[rebuild]);
                self.load(scenario, &snapshot);
            }
            Step::Abandon(rebuild) => self.rebuilds[rebuild] = Rebuild::default(),
            Step::Restart => {
                spend(restarts)?;
                self.live = Live::default();
                self.lose_variables();
            }
            Step::Flush => {
                spend(flushes)?;
                self.live = Live::default();
            }
            Step::Copy => {
                if *old_copies == 0 && *rollbacks == 0 || self.copy.is_some() {
                    return None;
                }
                self.copy = Some(self.live);
            }
            Step::RestartWithCopy => {
                let copy = self.copy?;
                spend(old_copies)?;
                self.live = copy;
                self.lose_variables();
                self.copy = None;
            }
            Step::RollBack => {
                let copy = self.copy?;
                spend(rollbacks)?;
                self.live = copy;
                self.rolled_back |= self.is_served(scenario);
                self.copy = None;
            }
            Step::RestoreLedger => {
                spend(&mut self.left.restores)?;
                self.requests = scenario.opening().requests;
                self.attempts = Default::default();
                self.rebuilds = Default::default();
                self.epoch = 0;
                self.terms = Terms::at_opening(scenario);
                self.steering = Steering::default();
            }
            Step::LoadOfOther => {
                spend(&mut self.left.others)?;
                self.load_of_other(scenario)?;
            }
            _ => return self.take_of_operator(scenario, step),
        }
        Some(())
    }

    fn read_snapshot(&mut self, scenario: &Scenario, rebuild: usize) {
        let before = self.rebuilds[rebuild];
        let looks_again = !scenario.acts.is_empty() && scenario.has(Defence::SnapshotOfEpoch);
        let is_behind = before.epoch != 0 && before.epoch != self.epoch;
        self.rebuilds[rebuild] = if looks_again && is_behind {
            Rebuild::default()
        } else {
            Rebuild { has_read: true, snapshot: self.snapshot(), ..before }
        };
    }

    /// What the library of a Redis process keeps is in no copy. With it goes what fences rebuilds off
    /// that began before a change: one of them may be served until the epochs are compared.
    fn lose_variables(&mut self) {
        self.loaded = 0;
        self.steering.in_effect = 0;
    }
}

/// Takes one from what is left, if there is one.
pub(crate) fn spend(left: &mut u8) -> Option<()> {
    *left = left.checked_sub(1)?;
    Some(())
}
