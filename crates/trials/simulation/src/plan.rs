//! What a seed makes of a run before it begins: how large everything is, and what goes wrong.

use clap::ValueEnum;
use domain::Terms;

use crate::{fault::Fault, random::Random};

/// On what the services run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stack {
    /// Several processes, with one live store and one ledger: fakes
    Servers,
    /// One process with the live store in its memory, and the ledger of a directory: SQLite's
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

/// How many plans in a thousand have a fault that is rare.
const RARE_PER_MILLE: u64 = 60;

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
    pub(crate) places: usize,
    /// What befalls stores and processes.
    pub(crate) faults: Vec<Fault>,
    /// The longest time between two of them, in milliseconds.
    pub(crate) between_faults_ms_max: u64,
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
    /// Draws a plan. What is rare is drawn from a source of its own, so that most seeds are the runs
    /// they would be without it.
    pub(crate) fn draw(stack: Stack, random: &Random, rare: &Random) -> Self {
        let terms = Terms::new(
            u32::try_from(random.within(1..=5)).unwrap_or(1),
            u16::try_from(random.within(1..=3)).unwrap_or(1),
            random.pick(&[1_000, 2_000, 4_000]).unwrap_or(1_000),
        )
        .expect("they are within the bounds");
        let is_crowded = random.happens(100);
        Self {
            stack,
            processes: match stack {
                Stack::Servers => 1 + random.below(3),
                Stack::Embedded => 1,
            },
            users: 2 + random.below(5),
            terms,
            period_ms: random.pick(&[6_000, 15_000, 40_000]).unwrap_or(40_000),
            trouble_ms: random.within(3_000..=14_000),
            places: if is_crowded { 1 + random.below(2) } else { usize::MAX },
            faults: draw_faults(stack, random, rare),
            between_faults_ms_max: random.pick(&[300, 1_000, 3_000]).unwrap_or(1_000),
            rates: Rates {
                request_lost: rate(random),
                reply_lost: rate(random),
                delayed: rate(random),
                repeated: rate(random),
                refused: rate(random),
                commit_unknown: rate(random),
                hung_up: rate(random),
                client_cut_off: rate(random),
            },
        }
    }
}

fn draw_faults(stack: Stack, random: &Random, rare: &Random) -> Vec<Fault> {
    let often = Fault::OF_STORES_AND_PROCESSES.into_iter().filter(|_| random.happens(400));
    let mut faults: Vec<_> = often.collect();
    if stack == Stack::Servers {
        let seldom = |_: &Fault| rare.happens(RARE_PER_MILLE);
        faults.extend(Fault::OF_SERVERS_ALONE.into_iter().filter(seldom));
    }
    faults
}

/// Half of what can go wrong does not.
fn rate(random: &Random) -> u64 {
    if random.happens(500) { random.pick(&[5, 30, 150]).unwrap_or(30) } else { 0 }
}
