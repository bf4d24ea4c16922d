//! The promises, and whether a state keeps them.

use crate::{
    defences::Defence,
    live::Verdict,
    operator::Stand,
    scenario::Scenario,
    state::{Answer, Live, Mark, Phase, Rebuild, Request, Row, State, UNITS_MAX, USERS_MAX},
};

/// One promise: what it says, and whether a state keeps it.
pub type Promise = (&'static str, fn(&Scenario, &State) -> bool);

/// A unit is live at most once, and so sold at most once.
pub const ONE_OWNER: &str = "a unit is live at most once";
/// No user has more live units than the limit.
pub const WITHIN_LIMIT: &str = "a user stays within the limit";
/// A code that a client saw is in the ledger.
pub const DURABLE: &str = "an acknowledged code is in the ledger";
/// All who are answered for one key are answered one code.
pub const ONE_CODE: &str = "one key leads to one code";
/// The unit of an answer is that of its record.
pub const TRUE_ANSWER: &str = "an answer names the unit of its record";
/// A live code is not refused, and an issued code is never unknown.
pub const HONOURED: &str = "a live code is never refused";
/// What a code ended as stays so.
pub const ONE_ANSWER: &str = "the same code gets the same answer";
/// In Redis each unit is free, held or sold.
pub const ADDS_UP: &str = "in Redis each unit is free, held or sold";
/// At the ledger's epoch, Redis offers nothing that the ledger has given away.
pub const ACCURATE: &str = "what Redis calls free is free";
/// Once all actors have stopped and all holds are due, what is not sold can be sold.
pub const NO_LEAK: &str = "every unit can still be sold";

/// What is granted is within the terms of the moment, and what is live within those that stand.
pub const WITHIN_TERMS: &str = "nothing is granted beyond the terms";
/// Redis serves the terms of its epoch, and none from before a change that was answered.
pub const IN_EFFECT: &str = "a change that was answered is in effect";
/// An act is carried out at most once, and no other is undone unseen.
pub const ACTS_ONCE: &str = "an act is done once, and undoes none unseen";
/// Whoever is refused has changed nothing.
pub const TOLD_TRULY: &str = "an operator is told what became of it";
/// A purchase that was cancelled stays so, and is taken from the count once.
pub const CANCELLED: &str = "a cancelled purchase stays cancelled";

/// Every promise.
pub const PROMISES: [Promise; 15] = [
    (ONE_OWNER, has_one_owner_a_unit),
    (WITHIN_LIMIT, keeps_users_within_limit),
    (DURABLE, has_what_it_acknowledged),
    (ONE_CODE, answers_a_key_with_one_code),
    (TRUE_ANSWER, names_the_recorded_unit),
    (HONOURED, honours_live_codes),
    (ONE_ANSWER, answers_once),
    (WITHIN_TERMS, grants_within_terms),
    (IN_EFFECT, serves_what_was_answered),
    (ACTS_ONCE, acts_once),
    (TOLD_TRULY, tells_operators_truly),
    (CANCELLED, keeps_what_was_cancelled),
    (ADDS_UP, adds_up),
    (ACCURATE, is_accurate),
    (NO_LEAK, leaks_nothing),
];

/// The names of all of them.
#[must_use]
pub fn every_promise() -> Vec<&'static str> {
    PROMISES.iter().map(|(promise, _)| *promise).collect()
}

fn has_one_owner_a_unit(scenario: &Scenario, state: &State) -> bool {
    let mut owners = [0; UNITS_MAX];
    for code in scenario.codes() {
        let attempt = &state.attempts[code];
        owners[usize::from(attempt.recorded.unit)] += u8::from(attempt.row.is_live());
    }
    owners.iter().all(|owners| *owners <= 1)
}

fn keeps_users_within_limit(scenario: &Scenario, state: &State) -> bool {
    live_units(scenario, state).iter().all(|units| *units <= state.terms.per_user_limit)
}

/// How many live units each user has in the ledger.
fn live_units(scenario: &Scenario, state: &State) -> [u8; USERS_MAX] {
    let mut units = [0; USERS_MAX];
    for code in scenario.codes() {
        units[scenario.user(code)] += u8::from(state.attempts[code].row.is_live());
    }
    units
}

fn has_what_it_acknowledged(scenario: &Scenario, state: &State) -> bool {
    state.requests[scenario.requests()].iter().all(|request| {
        let row = state.attempts[usize::from(request.code)].row;
        request.phase != Phase::Acknowledged || !matches!(row, Row::None | Row::Void)
    })
}

fn answers_a_key_with_one_code(scenario: &Scenario, state: &State) -> bool {
    let requests = &state.requests[scenario.requests()];
    let acknowledged = |request: &&Request| request.phase == Phase::Acknowledged;
    let user = |request: &Request| scenario.user(usize::from(request.code));
    !scenario.is_keyed()
        || requests.iter().filter(acknowledged).all(|one| {
            let mut others = requests.iter().filter(acknowledged);
            others.all(|other| user(one) != user(other) || one.code == other.code)
        })
}

fn names_the_recorded_unit(scenario: &Scenario, state: &State) -> bool {
    state.requests[scenario.requests()].iter().all(|request| !request.is_misled)
}

fn honours_live_codes(scenario: &Scenario, state: &State) -> bool {
    state.attempts[scenario.codes()].iter().all(|attempt| match attempt.told {
        None | Some(Answer::Sold) => true,
        Some(Answer::Unknown) => false,
        Some(Answer::Expired | Answer::Released | Answer::Cancelled) => !attempt.row.is_live(),
    })
}

fn answers_once(scenario: &Scenario, state: &State) -> bool {
    state.attempts[scenario.codes()].iter().all(|attempt| match attempt.told {
        None | Some(Answer::Unknown) => true,
        Some(Answer::Sold) => matches!(attempt.row, Row::Sold | Row::Cancelled),
        Some(Answer::Cancelled) => attempt.row == Row::Cancelled,
        Some(Answer::Expired) => attempt.row == Row::Expired,
        Some(Answer::Released) => attempt.row == Row::Released,
    })
}

fn grants_within_terms(scenario: &Scenario, state: &State) -> bool {
    state.attempts[scenario.codes()].iter().all(|attempt| {
        let is_within = !attempt.row.is_live() || state.terms.allow(attempt.recorded);
        is_within && !attempt.is_beyond_terms
    })
}

fn serves_what_was_answered(scenario: &Scenario, state: &State) -> bool {
    let Live { epoch, terms, .. } = state.live;
    !state.is_served(scenario)
        || epoch >= state.steering.in_effect && (epoch != state.epoch || terms == state.terms)
}

fn acts_once(scenario: &Scenario, state: &State) -> bool {
    let operators = &state.steering.operators[..scenario.acts.len()];
    operators.iter().all(|operator| operator.done <= 1) && !state.steering.is_overwritten
}

fn tells_operators_truly(_: &Scenario, state: &State) -> bool {
    let operators = &state.steering.operators;
    operators.iter().all(|operator| operator.stand != Stand::Refused || operator.done == 0)
}

fn keeps_what_was_cancelled(scenario: &Scenario, state: &State) -> bool {
    let attempts = &state.attempts[scenario.codes()];
    let cancelled = attempts.iter().filter(|attempt| attempt.row == Row::Cancelled).count();
    usize::from(state.steering.taken_from_count) == cancelled
        && attempts.iter().all(|attempt| !attempt.was_cancelled || attempt.row == Row::Cancelled)
}

fn adds_up(scenario: &Scenario, state: &State) -> bool {
    !state.is_served(scenario) || state.live_adds_up()
}

/// Not promised while Redis serves an old copy without being able to know it: then the ledger's
/// indexes refuse, and the first refusal has it rebuilt.
fn is_accurate(scenario: &Scenario, state: &State) -> bool {
    if !state.is_served(scenario) || state.live.epoch != state.epoch || state.rolled_back {
        return true;
    }
    scenario.codes().all(|code| {
        let attempt = &state.attempts[code];
        let marks = &state.live.marks[scenario.user(code)];
        let is_offered = state.live.free[usize::from(attempt.recorded.unit)] > 0
            || marks[usize::from(attempt.recorded.slot)] == Mark::Free;
        !(attempt.row.is_live() && is_offered)
    })
}

fn leaks_nothing(scenario: &Scenario, state: &State) -> bool {
    let mut state = state.clone();
    state.recover(scenario);
    let sold_before = state.sold();
    let is_shut_out = |user: usize| {
        let marks = &state.live.marks[user][..usize::from(state.terms.per_user_limit)];
        marks.iter().all(|mark| *mark != Mark::Free)
    };
    let units = live_units(scenario, &state);
    // Not promised of an old copy that nobody can know for one: its counts may add up while its
    // marks are another user's (seen: 28 steps). The first refused grant has it rebuilt.
    let wronged = !state.rolled_back
        && scenario
            .codes()
            .map(|code| scenario.user(code))
            .any(|user| is_shut_out(user) && units[user] < state.terms.per_user_limit);
    !wronged && sold_before + sell_out(scenario, &state) == state.terms.units
}

impl State {
    /// What upkeep does once every actor has stopped and every hold is due: `Scheduler::tick`.
    pub fn recover(&mut self, scenario: &Scenario) {
        // What a rebuild at the end of the first round brings back, the second resolves.
        for _ in 0..2 {
            self.tick(scenario);
        }
    }

    fn tick(&mut self, scenario: &Scenario) {
        // Both are for an operator: to give each ledger a database of its own, and to accept a
        // ledger that knows less than Redis.
        if self.live.is_other {
            self.live = Live::default();
        }
        if self.is_behind(scenario) {
            self.epoch = self.live.epoch;
            self.rebuild(scenario);
        }
        if !self.is_served(scenario) {
            self.rebuild(scenario);
        }
        for code in scenario.codes() {
            if self.live.codes[code].is_none() {
                continue;
            }
            if scenario.has(Defence::LedgerFrees) {
                self.judge(scenario, code);
            } else {
                self.settle(scenario, code, Verdict::Free);
            }
        }
        if scenario.has(Defence::Backstop) {
            for code in scenario.codes() {
                if self.attempts[code].row == Row::Held {
                    self.attempts[code].row = Row::Expired;
                    self.settle(scenario, code, Verdict::Free);
                }
            }
        }
        let is_outdated = self.is_served(scenario) && self.live.epoch < self.epoch;
        if is_outdated && scenario.has(Defence::EpochsCompared) {
            self.rebuild(scenario);
        }
        let is_looked_at = scenario.has(Defence::Reconcile) && self.is_served(scenario);
        if is_looked_at && self.has_drifted() {
            self.rebuild(scenario);
        }
    }

    /// `judge` in `ledger_store.rs`, and the settling of its verdict.
    fn judge(&mut self, scenario: &Scenario, code: usize) {
        let attempt = &mut self.attempts[code];
        match attempt.row {
            Row::None if scenario.has(Defence::Tombstone) => attempt.row = Row::Void,
            Row::Held => attempt.row = Row::Expired,
            _ => {}
        }
        if let Some(verdict) = self.verdict(scenario, code) {
            self.settle(scenario, code, verdict);
        }
    }

    fn rebuild(&mut self, scenario: &Scenario) {
        if let Some(epoch) = self.raise_epoch(scenario) {
            let snapshot = self.snapshot();
            let terms = self.terms_to_load(scenario);
            self.load(scenario, &Rebuild { epoch, terms, has_read: true, snapshot });
        }
    }

    /// `Reconcile::run`, when nothing moves any more.
    fn has_drifted(&self) -> bool {
        let live = self.attempts.iter().map(|attempt| u8::from(attempt.row.is_live())).sum::<u8>();
        !self.live_adds_up()
            || self.live.terms != self.terms
            || self.free_units() + live != self.terms.units
    }
}

/// How many units new users get, when they ask until Redis says that the sale is sold out.
fn sell_out(scenario: &Scenario, state: &State) -> u8 {
    let mut live = [0_u8; UNITS_MAX];
    for attempt in state.attempts.iter().filter(|attempt| attempt.row.is_live()) {
        live[usize::from(attempt.recorded.unit)] += 1;
    }
    let mut free = state.live.free;
    let mut is_stale = state.live.epoch != state.epoch && scenario.has(Defence::EpochCheck);
    let mut sold = 0;
    while let Some(unit) = free.iter().position(|count| *count > 0) {
        free[unit] -= 1;
        if is_stale || live[unit] > 0 && scenario.has(Defence::UnitIndex) {
            // Refused as stale, which has Redis rebuilt.
            is_stale = false;
            free = [0; UNITS_MAX];
            for unit in 0..usize::from(state.terms.units) {
                free[unit] = u8::from(live[unit] == 0);
            }
        } else {
            live[unit] += 1;
            sold += 1;
        }
    }
    sold
}
