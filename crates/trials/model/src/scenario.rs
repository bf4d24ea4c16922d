//! A scenario: how much there is of everything, what may go wrong, and which defences are up.

use crate::{
    defences::{Defence, Defences},
    state::{Attempt, Faults, Live, State},
};

/// A small world to explore.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is called in the table.
    pub name: &'static str,
    /// Units in stock.
    pub units: u8,
    /// The user of each code.
    pub users: &'static [u8],
    /// Live units one user may have.
    pub per_user_limit: u8,
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

    /// The user of a code.
    #[must_use]
    pub fn user(&self, code: usize) -> usize {
        usize::from(self.users[code])
    }

    /// Everything new: the sale is loaded for the first time, and nobody has come yet.
    #[must_use]
    pub fn opening(&self) -> State {
        let mut live = Live { epoch: 1, ..Live::default() };
        live.free[..usize::from(self.units)].fill(1);
        State {
            attempts: [Attempt::default(); _],
            epoch: 1,
            live,
            loaded: 1,
            copy: None,
            rolled_back: false,
            rebuilds: Default::default(),
            left: self.faults,
        }
    }
}
