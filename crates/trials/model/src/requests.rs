//! What a checkout request does next, and what it makes of it.

use crate::{
    defences::Defence,
    live::Verdict,
    scenario::Scenario,
    state::{Phase, Request, Row, State},
    step::Step,
    steps::spend,
};

impl State {
    /// Everything that a request may do now.
    pub(crate) fn steps_of_request(
        &self,
        scenario: &Scenario,
        number: usize,
        steps: &mut Vec<Step>,
    ) {
        let request = &self.requests[number];
        let looks_first = scenario.is_keyed() && scenario.has(Defence::LookFirst);
        match request.phase {
            Phase::New if looks_first => steps.push(Step::LookFirst(number)),
            Phase::New | Phase::LookedFirst => {
                steps.extend((0..self.live.terms.units).map(|unit| Step::Place(number, unit)));
            }
            Phase::Granted if scenario.has(Defence::Drain) => steps.extend([
                Step::Record(number),
                Step::RecordUnheard(number),
                Step::RecordDelayed(number),
                Step::RecordFails(number),
            ]),
            Phase::Granted | Phase::Again if !scenario.has(Defence::Drain) => {
                steps.push(Step::PassFence(number));
            }
            Phase::Granted | Phase::Again | Phase::PastFence => steps.push(Step::Record(number)),
            Phase::LeftOut | Phase::LeftOutAgain => steps.push(Step::LookUp(number)),
            Phase::Unrecorded => steps.push(Step::GiveBack(number)),
            Phase::OtherUnit => steps.push(Step::GiveOtherBack(number)),
            Phase::Recorded => steps.push(Step::Acknowledge(number)),
            Phase::Acknowledged | Phase::Over => {}
        }
        if self.left.strays > 0 {
            steps.extend((0..self.live.terms.units).map(|unit| Step::StrayPlace(number, unit)));
        }
        if request.has_twin {
            steps.push(Step::RecordLate(number));
        }
    }

    /// Whether somebody was answered this code.
    pub(crate) fn is_acknowledged(&self, code: usize) -> bool {
        self.requests.iter().any(|request| {
            request.phase == Phase::Acknowledged && usize::from(request.code) == code
        })
    }

    /// Takes a step of a request, or of something else.
    pub(crate) fn take_of_request(&mut self, scenario: &Scenario, step: Step) -> Option<()> {
        match step {
            Step::LookFirst(number) => self.look_first(scenario, number),
            Step::Place(number, unit) => {
                let code = self.code_of(number);
                let place = self.place_hold(scenario, code, unit)?;
                let epoch = self.live.epoch;
                let request = &mut self.requests[number];
                *request = Request { phase: Phase::Granted, place, epoch, ..*request };
            }
            Step::StrayPlace(number, unit) => {
                spend(&mut self.left.strays)?;
                let _ = self.place_hold(scenario, self.code_of(number), unit)?;
            }
            Step::PassFence(number) => {
                let passes = self.passes_fence(scenario, number);
                let phase = if passes { Phase::PastFence } else { Phase::LeftOut };
                self.requests[number].phase = phase;
            }
            Step::Record(number) => {
                let got_in = self.record(scenario, number);
                let request = &mut self.requests[number];
                request.phase = match request.phase {
                    _ if got_in => Phase::Recorded,
                    Phase::Again => Phase::LeftOutAgain,
                    _ => Phase::LeftOut,
                };
            }
            Step::RecordUnheard(number) => {
                spend(&mut self.left.lost)?;
                self.record(scenario, number);
                self.requests[number].phase = Phase::Again;
            }
            Step::RecordDelayed(number) => {
                spend(&mut self.left.lost)?;
                let request = &mut self.requests[number];
                *request = Request { phase: Phase::Again, has_twin: true, ..*request };
            }
            Step::RecordLate(number) => {
                self.record(scenario, number);
                self.requests[number].has_twin = false;
            }
            Step::RecordFails(number) => {
                spend(&mut self.left.failures)?;
                self.requests[number].phase = without_record(scenario);
            }
            Step::LookUp(number) => self.look_up(scenario, number),
            Step::GiveBack(number) => {
                self.settle(scenario, self.code_of(number), Verdict::Free);
                self.requests[number].phase = Phase::Over;
            }
            Step::GiveOtherBack(number) => self.give_other_back(scenario, number),
            Step::Acknowledge(number) => self.requests[number].phase = Phase::Acknowledged,
            _ => return self.take_upkeep(scenario, step),
        }
        Some(())
    }

    fn code_of(&self, number: usize) -> usize {
        usize::from(self.requests[number].code)
    }

    fn record(&mut self, scenario: &Scenario, number: usize) -> bool {
        // Past the fence already, nothing is looked at again.
        let is_past = self.requests[number].phase == Phase::PastFence;
        (is_past || self.passes_fence(scenario, number)) && self.insert_hold(scenario, number)
    }

    /// `read_grants.sql`, before anything is taken: what is there is the answer.
    fn look_first(&mut self, scenario: &Scenario, number: usize) {
        let code = self.code_of(number);
        let request = &mut self.requests[number];
        let goes_on = match self.attempts[code].row {
            Row::None => {
                request.phase = Phase::LookedFirst;
                return;
            }
            Row::Held | Row::Sold => false,
            Row::Expired | Row::Released | Row::Cancelled => !scenario.has(Defence::AnswerStays),
            Row::Void => scenario.has(Defence::PastTombstone),
        };
        match scenario.next_code(code).filter(|_| goes_on) {
            Some(next) => request.code = next,
            None if goes_on => request.phase = Phase::Over,
            None => request.phase = Phase::Recorded,
        }
    }

    fn look_up(&mut self, scenario: &Scenario, number: usize) {
        let attempt = &self.attempts[self.code_of(number)];
        let request = &mut self.requests[number];
        let is_other = request.place != attempt.recorded;
        request.phase = match attempt.row {
            _ if !scenario.has(Defence::LookUp) => Phase::Recorded,
            Row::Held | Row::Sold if is_other && scenario.has(Defence::OtherUnitBack) => {
                Phase::OtherUnit
            }
            Row::Held | Row::Sold => Phase::Recorded,
            Row::Expired | Row::Released | Row::Cancelled | Row::Void => Phase::Over,
            // What was run again may still come: the sweep decides it.
            Row::None
                if request.phase == Phase::LeftOutAgain && scenario.has(Defence::CertainStale) =>
            {
                Phase::Over
            }
            Row::None => without_record(scenario),
        };
        let is_answered = matches!(request.phase, Phase::Recorded | Phase::OtherUnit);
        request.is_misled = is_answered && is_other && !scenario.has(Defence::RowAnswers);
        if request.phase == Phase::OtherUnit {
            request.place = attempt.recorded;
        }
    }

    /// `settle_soon` of `Verdict::Only`, naming the unit of the record. A verdict that
    /// names none takes whatever the code holds.
    fn give_other_back(&mut self, scenario: &Scenario, number: usize) {
        let Request { place, .. } = self.requests[number];
        let code = self.code_of(number);
        let is_other = self.live.codes[code].is_some_and(|held| held.unit != place.unit);
        if is_other || !scenario.has(Defence::NamedUnit) {
            self.settle(scenario, code, Verdict::Free);
        }
        self.requests[number].phase = Phase::Recorded;
    }
}

/// What a request does of whose grant there is certainly no record.
fn without_record(scenario: &Scenario) -> Phase {
    let may_be_others = scenario.is_keyed() && scenario.has(Defence::KeptHold);
    if may_be_others { Phase::Over } else { Phase::Unrecorded }
}
