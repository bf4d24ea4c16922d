//! What a seed makes of a run before it begins: how large everything is, and what goes wrong.

use clap::ValueEnum;
use domain::Terms;

use crate::{dice::Dice, mishap::Mishap};

/// On what the services run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stack {
    /// Several processes, with one live side and one ledger: fakes
    Servers,
    /// One process with the live side in its memory, and the ledger of a directory: SQLite's
    Embedded,
}

impl Stack {
    /// How the command line calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Servers => "servers",
            Self::Embedded => "embedded",
        }
    }
}

/// The plan of a run. Each seed lets other things go wrong, and lets them go wrong more or less
/// often: where everything happens all the time, little is ever under way.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// On what it runs.
    pub(crate) stack: Stack,
    /// How many processes serve.
    pub(crate) processes: usize,
    /// How many users want units.
    pub(crate) users: usize,
    /// What each sale offers.
    pub(crate) terms: Terms,
    /// How long a slot of the timetable is, in milliseconds.
    pub(crate) period_ms: i64,
    /// For how long things go wrong.
    pub(crate) trouble_ms: u64,
    /// How many attempts may wait to be recorded.
    pub(crate) permits: usize,
    /// What strikes stores and processes.
    pub(crate) weather: Vec<Mishap>,
    /// The longest time between two strikes, in milliseconds.
    pub(crate) lull_ms_max: u64,
    /// How calls go wrong.
    pub(crate) rates: Rates,
}

/// How many calls in a thousand go wrong, by the way in which they do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) request_lost: u64,
    pub(crate) reply_lost: u64,
    pub(crate) delayed: u64,
    pub(crate) repeated: u64,
    pub(crate) refused: u64,
    pub(crate) commit_unknown: u64,
    pub(crate) hung_up: u64,
    pub(crate) client_cut_off: u64,
}

impl Plan {
    pub(crate) fn draw(stack: Stack, dice: &Dice) -> Self {
        let terms = Terms::new(
            u32::try_from(dice.within(1..=5)).unwrap_or(1),
            u16::try_from(dice.within(1..=3)).unwrap_or(1),
            dice.pick(&[1_000, 2_000, 4_000]).unwrap_or(1_000),
        )
        .expect("they are within the bounds");
        let is_crowded = dice.happens(100);
        let weather = Mishap::WEATHER.iter().copied().filter(|_| dice.happens(400));
        Self {
            stack,
            processes: match stack {
                Stack::Servers => 1 + dice.below(3),
                Stack::Embedded => 1,
            },
            users: 2 + dice.below(5),
            terms,
            period_ms: dice.pick(&[6_000, 15_000, 40_000]).unwrap_or(40_000),
            trouble_ms: dice.within(3_000..=14_000),
            permits: if is_crowded { 1 + dice.below(2) } else { usize::MAX },
            weather: weather.collect(),
            lull_ms_max: dice.pick(&[300, 1_000, 3_000]).unwrap_or(1_000),
            rates: Rates {
                request_lost: rate(dice),
                reply_lost: rate(dice),
                delayed: rate(dice),
                repeated: rate(dice),
                refused: rate(dice),
                commit_unknown: rate(dice),
                hung_up: rate(dice),
                client_cut_off: rate(dice),
            },
        }
    }
}

/// Half of what can go wrong does not.
fn rate(dice: &Dice) -> u64 {
    if dice.happens(500) { dice.pick(&[5, 30, 150]).unwrap_or(30) } else { 0 }
}
