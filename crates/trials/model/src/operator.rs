//! What an operator does: changes the terms of a sale while it goes on, or cancels a purchase.

use crate::{
    defences::Defence,
    live::Verdict,
    scenario::Scenario,
    state::{Mark, OPERATORS_MAX, Place, Rebuild, Row, State, Terms},
    step::Step,
    steps::spend,
};

/// What an operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// So many units in stock.
    Stock(u8),
    /// So many live units for a user; no fewer than before.
    Limit(u8),
    /// To pause the sale, or to end it now.
    Close,
    /// To let it go on, or to move its end away.
    Open,
    /// To cancel a purchase.
    Cancel,
}

/// What operators have made of the sale, and how far each has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Steering {
    /// Each operator.
    pub operators: [Operator; OPERATORS_MAX],
    /// How often the sale was changed.
    pub changes: u8,
    /// The newest epoch that an operator was told is in effect.
    pub in_effect: u8,
    /// How many cancelled purchases were taken from the count of units sold.
    pub taken_from_count: u8,
    /// Whether somebody undid a change that they had not seen.
    pub is_overwritten: bool,
}

/// One operator, as the process that serves them knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Operator {
    /// How far the act has come.
    pub stand: Stand,
    /// How often the sale had been changed when they looked.
    pub seen: u8,
    /// The epoch of the change.
    pub epoch: u8,
    /// The code of the purchase to be cancelled.
    pub code: u8,
    /// A first run, believed lost, that may still come to the server.
    pub has_twin: bool,
    /// How often the act was carried out.
    pub done: u8,
}

/// How far an act has come. It may stop for ever at any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Stand {
    /// Nothing was done.
    #[default]
    New,
    /// The sale was looked at.
    Looked,
    /// The outcome got lost; it is run again.
    Again,
    /// The change stands in the ledger.
    Stands,
    /// The purchase is cancelled; its unit is to be put back. Only without
    /// [`RebuildFrees`](Defence::RebuildFrees).
    Freeing,
    /// It was answered as in effect.
    InEffect,
    /// It was answered, and is in effect soon.
    Over,
    /// It was refused, with what stands in the way.
    Refused,
}

impl Terms {
    /// Those that a sale is made with.
    #[must_use]
    pub const fn at_opening(scenario: &Scenario) -> Self {
        let &Scenario { units, per_user_limit, .. } = scenario;
        Self { units, per_user_limit, is_open: true }
    }

    /// Whether there is such a unit and such a slot.
    #[must_use]
    pub const fn allow(self, place: Place) -> bool {
        place.unit < self.units && place.slot < self.per_user_limit
    }

    const fn after(self, act: Act) -> Self {
        match act {
            Act::Stock(units) => Self { units, ..self },
            Act::Limit(per_user_limit) => Self { per_user_limit, ..self },
            Act::Close => Self { is_open: false, ..self },
            Act::Open => Self { is_open: true, ..self },
            Act::Cancel => self,
        }
    }
}

impl Steering {
    /// Whether any operator has come so far.
    #[must_use]
    pub fn is_any(&self, stand: Stand) -> bool {
        self.operators.iter().any(|operator| operator.stand == stand)
    }

    /// Forgets what can have no effect any more.
    pub(crate) fn tidy(&mut self, scenario: &Scenario) {
        for operator in &mut self.operators {
            operator.has_twin &= operator.done == 0 || !scenario.has(Defence::ActOnce);
            operator.has_twin &=
                operator.stand != Stand::Refused || !scenario.has(Defence::RefusalStays);
            let is_over = matches!(operator.stand, Stand::InEffect | Stand::Over | Stand::Refused);
            if is_over && !operator.has_twin {
                let &mut Operator { stand, done, .. } = operator;
                *operator = Operator { stand, done, ..Operator::default() };
            }
        }
    }
}

impl State {
    /// Everything that an operator may do now.
    pub(crate) fn steps_of_operator(
        &self,
        scenario: &Scenario,
        number: usize,
        steps: &mut Vec<Step>,
    ) {
        let operator = &self.steering.operators[number];
        let act_on = |code| [Step::Act(number, code), Step::ActUnheard(number, code)];
        match (operator.stand, scenario.acts[number]) {
            (Stand::New, Act::Cancel) => {
                for code in scenario.codes().filter(|code| self.was_sold(*code)) {
                    steps.extend(act_on(code));
                    steps.push(Step::ActDelayed(number, code));
                }
            }
            (Stand::New, _) => steps.push(Step::LookAtSale(number)),
            (Stand::Looked, _) => {
                steps.extend(act_on(0));
                steps.push(Step::ActDelayed(number, 0));
            }
            (Stand::Again, _) => steps.push(Step::Act(number, operator.code.into())),
            (Stand::Freeing, _) => steps.push(Step::FreeByHand(number)),
            (Stand::Stands, _) => {
                steps.extend([Step::AnswerInEffect(number), Step::AnswerNotYet(number)]);
            }
            (Stand::InEffect | Stand::Over | Stand::Refused, _) => {}
        }
        if operator.has_twin {
            steps.push(Step::ActLate(number));
        }
    }

    fn was_sold(&self, code: usize) -> bool {
        matches!(self.attempts[code].row, Row::Sold | Row::Cancelled)
    }

    /// Takes a step of an operator.
    pub(crate) fn take_of_operator(&mut self, scenario: &Scenario, step: Step) -> Option<()> {
        match step {
            Step::LookAtSale(number) => {
                let seen = self.steering.changes;
                let operator = &mut self.steering.operators[number];
                *operator = Operator { stand: Stand::Looked, seen, ..*operator };
            }
            Step::Act(number, code) => {
                self.name_code(number, code)?;
                let stand = self.act(scenario, number);
                self.steering.operators[number].stand = stand;
            }
            Step::ActUnheard(number, code) => {
                spend(&mut self.left.lost)?;
                self.name_code(number, code)?;
                self.act(scenario, number);
                self.steering.operators[number].stand = Stand::Again;
            }
            Step::ActDelayed(number, code) => {
                spend(&mut self.left.lost)?;
                self.name_code(number, code)?;
                let operator = &mut self.steering.operators[number];
                *operator = Operator { stand: Stand::Again, has_twin: true, ..*operator };
            }
            Step::ActLate(number) => {
                self.act(scenario, number);
                self.steering.operators[number].has_twin = false;
            }
            Step::FreeByHand(number) => self.free_by_hand(scenario, number),
            Step::AnswerInEffect(number) => {
                let epoch = self.steering.operators[number].epoch;
                let is_served = self.is_served(scenario) && self.live.epoch >= epoch;
                if !is_served && scenario.has(Defence::ServedFirst) {
                    return None;
                }
                self.steering.in_effect = self.steering.in_effect.max(epoch);
                self.steering.operators[number].stand = Stand::InEffect;
            }
            Step::AnswerNotYet(number) => self.steering.operators[number].stand = Stand::Over,
            _ => return None,
        }
        Some(())
    }

    fn name_code(&mut self, number: usize, code: usize) -> Option<()> {
        self.steering.operators[number].code = u8::try_from(code).ok()?;
        Some(())
    }

    /// The transaction of an act, under the lock of the sale's row.
    fn act(&mut self, scenario: &Scenario, number: usize) -> Stand {
        let act = scenario.acts[number];
        let Operator { seen, done, stand, .. } = self.steering.operators[number];
        if stand == Stand::Refused && scenario.has(Defence::RefusalStays) {
            return Stand::Refused;
        }
        // Before anything is refused: whoever runs it again is told what it did.
        if done > 0 && scenario.has(Defence::ActOnce) {
            return if act == Act::Cancel { Stand::Over } else { Stand::Stands };
        }
        if act == Act::Cancel {
            return self.cancel(scenario, number);
        }
        let is_new_to_them = seen != self.steering.changes;
        if is_new_to_them && scenario.has(Defence::SeenChange) || !self.may_change(scenario, act) {
            return Stand::Refused;
        }
        self.terms = self.terms.after(act);
        self.steering.changes += 1;
        self.steering.is_overwritten |= is_new_to_them;
        if scenario.has(Defence::ChangeRaises) {
            self.epoch += 1;
            self.load_soon(scenario);
        }
        let epoch = self.epoch;
        let operator = &mut self.steering.operators[number];
        *operator = Operator { epoch, done: done + 1, ..*operator };
        Stand::Stands
    }

    fn may_change(&self, scenario: &Scenario, act: Act) -> bool {
        if self.is_behind(scenario) && scenario.has(Defence::ChangeLooks) {
            return false;
        }
        let terms = self.terms.after(act);
        let live = self.attempts.iter().filter(|attempt| attempt.row.is_live());
        let is_above_floor = live.clone().all(|attempt| attempt.recorded.unit < terms.units);
        (is_above_floor || !scenario.has(Defence::StockFloor))
            && terms.per_user_limit >= self.terms.per_user_limit
    }

    /// Whoever changed a sale reads its snapshot and loads it, as a rebuild does that has raised the
    /// epoch. If two are under way, those do.
    fn load_soon(&mut self, scenario: &Scenario) {
        let (epoch, terms) = (self.epoch, self.terms_to_load(scenario));
        let rebuilds = &mut self.rebuilds[..scenario.rebuilders];
        if let Some(idle) = rebuilds.iter_mut().find(|rebuild| **rebuild == Rebuild::default()) {
            *idle = Rebuild { epoch, terms, ..Rebuild::default() };
        }
    }

    /// The terms that a rebuild loads.
    pub(crate) fn terms_to_load(&self, scenario: &Scenario) -> Terms {
        if scenario.has(Defence::TermsWithEpoch) { self.terms } else { Terms::at_opening(scenario) }
    }

    /// `cancel_purchase.sql`. Nobody loads the epoch that it raises: a rebuild raises the next, of as many
    /// cancellations as there are by then.
    fn cancel(&mut self, scenario: &Scenario, number: usize) -> Stand {
        let Operator { code, done, .. } = self.steering.operators[number];
        if self.is_behind(scenario) && scenario.has(Defence::ChangeLooks) {
            return Stand::Refused;
        }
        let attempt = &mut self.attempts[usize::from(code)];
        let is_sold = attempt.row == Row::Sold;
        if !is_sold && (scenario.has(Defence::CancelOnce) || attempt.row != Row::Cancelled) {
            return Stand::Refused;
        }
        attempt.row = Row::Cancelled;
        attempt.was_cancelled = true;
        if scenario.has(Defence::CancelRaises) {
            self.epoch += 1;
        }
        self.steering.taken_from_count += 1;
        self.steering.operators[number].done = done + 1;
        if scenario.has(Defence::RebuildFrees) { Stand::Over } else { Stand::Freeing }
    }

    /// What a call would do that puts a unit back, and does not know what Redis has of it.
    fn free_by_hand(&mut self, scenario: &Scenario, number: usize) {
        let code = usize::from(self.steering.operators[number].code);
        let Place { unit, slot } = self.attempts[code].recorded;
        if self.is_served(scenario) {
            self.live.free[usize::from(unit)] += 1;
            self.live.marks[scenario.user(code)][usize::from(slot)] = Mark::Free;
            self.live.sold = self.live.sold.saturating_sub(1);
        }
        self.steering.operators[number].stand = Stand::Over;
    }

    /// `settle.lua`, told of a code that it was sold, which it is no more.
    pub(crate) fn settle_sold_late(&mut self, scenario: &Scenario, code: usize) -> Option<()> {
        let held = self.live.codes[code]?;
        let is_recorded = held.unit == self.attempts[code].recorded.unit;
        let keeps = is_recorded || !scenario.has(Defence::NamedUnit);
        self.settle(scenario, code, if keeps { Verdict::Sold } else { Verdict::Free });
        Some(())
    }
}
