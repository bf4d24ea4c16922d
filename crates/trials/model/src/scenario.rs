//! A scenario: how much there is of everything, what may go wrong, and which defences are up.

use crate::{
    defences::{Defence, Defences},
    operator::Act,
    state::{Attempt, Faults, Live, REQUESTS_MAX, Request, State, Steering, Terms},
};

/// A small world to explore.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is called in the table.
    pub name: &'static str,
    /// Units in stock.
    pub units: u8,
    /// The user of each code. Where requests have keys, the codes of a user are those of one key, in
    /// their order.
    pub users: &'static [u8],
    /// Of requests with keys, the user of each; those of one user have the same key. Empty where none
    /// has one: then each code has a request.
    pub keyed: &'static [u8],
    /// Live units one user may have.
    pub per_user_limit: u8,
    /// What each operator wants, once.
    pub acts: &'static [Act],
    /// How many rebuilds can be under way at once.
    pub rebuilders: usize,
    /// What may go wrong, and how often.
    pub faults: Faults,
    /// Which defences are up.
    pub defences: Defences,
    /// Whether codes of one user that differ in nothing but their number count as the same. It
    /// saves states, and makes a trace hard to read.
    pub merges_alike: bool,
}

impl Scenario {
    /// Whether this defence is up.
    #[must_use]
    pub const fn has(&self, defence: Defence) -> bool {
        self.defences.has(defence)
    }

    /// The same with some defences taken away, and with traces that can be read.
    #[must_use]
    pub fn without(&self, taken_away: &[Defence]) -> Self {
        let defences = Defences::without(taken_away);
        Self { defences, merges_alike: false, ..self.clone() }
    }

    /// The codes of this scenario.
    #[must_use]
    pub fn codes(&self) -> std::ops::Range<usize> {
        0..self.users.len()
    }

    /// The requests of this scenario.
    #[must_use]
    pub fn requests(&self) -> std::ops::Range<usize> {
        0..if self.is_keyed() { self.keyed.len() } else { self.users.len() }
    }

    /// Whether a purchase may be cancelled.
    #[must_use]
    pub fn can_cancel(&self) -> bool {
        self.acts.contains(&Act::Cancel)
    }

    /// Whether requests have keys.
    #[must_use]
    pub const fn is_keyed(&self) -> bool {
        !self.keyed.is_empty()
    }

    /// The code that the key of a code leads to next, if there is another.
    #[must_use]
    pub fn next_code(&self, code: usize) -> Option<u8> {
        let user = self.users.get(code + 1)?;
        (*user == self.users[code]).then(|| u8::try_from(code + 1).ok())?
    }

    /// The code that a request asks for at first.
    fn first_code(&self, request: usize) -> usize {
        let of_user = |user| self.users.iter().position(|owner| *owner == user);
        self.keyed.get(request).and_then(|user| of_user(*user)).unwrap_or(request)
    }

    /// The user of a code.
    #[must_use]
    pub fn user(&self, code: usize) -> usize {
        usize::from(self.users[code])
    }

    /// Everything new: the sale is loaded for the first time, and nobody has come yet.
    #[must_use]
    pub fn opening(&self) -> State {
        let terms = Terms::at_opening(self);
        let mut live = Live { epoch: 1, terms, ..Live::default() };
        live.free[..usize::from(self.units)].fill(1);
        let mut requests = [Request::default(); REQUESTS_MAX];
        for request in self.requests() {
            requests[request].code = u8::try_from(self.first_code(request)).unwrap_or_default();
        }
        State {
            requests,
            attempts: [Attempt::default(); _],
            epoch: 1,
            terms,
            steering: Steering::default(),
            live,
            loaded: 1,
            copy: None,
            rolled_back: false,
            rebuilds: Default::default(),
            left: self.faults,
        }
    }
}
