//! What a crowd is measured by: readers, and buyers beyond what the stores can do.

use dev_servers::Stack;

use super::Session;
use crate::{
    Bench, CONNECTIONS,
    error::BenchError,
    marks::Bound,
    rates,
    scenarios::{
        lost_live::{self, Lost},
        overload::{self, Overload, TAIL_TIMES_MAX},
        reads::{self, Reads},
        stream::{self, Watched},
    },
    table::Row,
};

/// What readers may add to what is asked of the stores a second, however many they are: five looks
/// a second, of a few commands each.
const ASKED_MAX: f64 = 100.0;

/// What thousands of viewers may take more than one: of a core, of memory, and of the network, where
/// a state that changes all the time is 271 bytes a second for each of them.
const VIEWERS_CORES_MAX: f64 = 0.1;
const VIEWERS_MIB_MAX: f64 = 40.0;
const VIEWERS_MB_PER_S_MAX: f64 = 1.5;

/// What they may add to what is asked of the stores a second: as much as differs by itself.
const VIEWERS_ASK_MAX: f64 = 10.0;

/// Seconds for which they are looked at.
const SECONDS_WATCHED: u32 = 10;

/// Within so many milliseconds nearly all are refused who are.
const REFUSED_MS_MAX: f64 = 50.0;

/// How many times as much memory the second half of a crowd may cost as the first.
const MEMORY_TIMES_MAX: f64 = 1.1;

/// Seconds after which a crowd is forgotten.
const RECOVERS_S_MAX: f64 = 1.0;

/// Seconds until a buyer is answered after Redis was emptied: with a million live holds, and with ten
/// thousand sold units under a thousand readers.
const REBUILT_S_MAX: f64 = 10.0;
const RECOVERED_S_MAX: f64 = 1.0;

impl Session<'_> {
    pub(super) fn reads(&mut self, stack: Stack) {
        let measured = self.known_floor().and_then(|floor| {
            reads::measure(self.bench, stack, self.load(CONNECTIONS)).map(|reads| (floor, reads))
        });
        match measured {
            Ok((floor, reads)) => {
                for reads in reads {
                    self.page(stack, floor, reads);
                }
            }
            Err(error) => self.table.failure("reads", &error),
        }
    }

    fn page(&mut self, stack: Stack, floor: f64, Reads { page, runs, asked }: Reads) {
        let name = page.name();
        let part = rates(&runs).median / floor;
        self.note(stack, &format!("{name} ÷ floor"), part, Bound::AtLeast(page.floor_part()));
        let remark = asked.map(|asked| {
            let what = format!("{name}: added to what is asked of the stores /s");
            self.note(stack, &what, asked.added(), Bound::AtMost(ASKED_MAX));
            let (meanwhile, before) = (asked.meanwhile, asked.before);
            format!("asked of the stores /s: {meanwhile:.0}, before {before:.0}")
        });
        let row = Row { scenario: name, stack: Some(stack), connections: CONNECTIONS, floor };
        self.show(row, Ok(runs), &remark.unwrap_or_default());
    }

    pub(super) fn stream(&mut self, stack: Stack) {
        let watched = stream::measure(self.bench, stack, SECONDS_WATCHED);
        if let Ok(Watched { cores, memory_mib, megabytes_per_s, asked, .. }) = &watched {
            let what = "stream: of a core, for 5,000 viewers";
            self.note(stack, what, *cores, Bound::AtMost(VIEWERS_CORES_MAX));
            let what = "stream: MiB for 5,000 viewers";
            self.note(stack, what, *memory_mib, Bound::AtMost(VIEWERS_MIB_MAX));
            let what = "stream: MB/s to 5,000 viewers";
            self.note(stack, what, *megabytes_per_s, Bound::AtMost(VIEWERS_MB_PER_S_MAX));
            if let Some(asked) = asked {
                let what = "stream: added to what is asked of the stores /s for one viewer";
                self.note(stack, what, asked.added(), Bound::AtMost(VIEWERS_ASK_MAX));
            }
        }
        self.table.below("stream", watched.map(|watched| watched.list));
    }

    pub(super) fn overload(&mut self, stack: Stack) {
        let overload = overload::measure(self.bench, stack, self.load(CONNECTIONS));
        if let Ok(Overload { figures, memory_growth, .. }) = &overload {
            let what = "overload: p99 of the accepted ÷ half load's, or 100 ms";
            self.note(stack, what, figures.tail_times(), Bound::AtMost(TAIL_TIMES_MAX));
            let refused_ms = figures.refused_p99_ms.unwrap_or(f64::INFINITY);
            let what = "overload: p99 ms of the refused";
            self.note(stack, what, refused_ms, Bound::AtMost(REFUSED_MS_MAX));
            let advices = u32::try_from(figures.advices).map_or(f64::INFINITY, f64::from);
            let what = "overload: different values of Retry-After";
            self.note(stack, what, advices, Bound::AtLeast(2.0));
            let what = "overload: memory, second half of the crowd ÷ first";
            self.note(stack, what, *memory_growth, Bound::AtMost(MEMORY_TIMES_MAX));
            let recovers_s = figures.recovers_s.unwrap_or(f64::INFINITY);
            let what = "overload: seconds until p99 is itself again";
            self.note(stack, what, recovers_s, Bound::AtMost(RECOVERS_S_MAX));
        }
        self.table.below("overload", overload.map(|overload| overload.list));
    }

    pub(super) fn rebuild(&mut self, stack: Stack) {
        self.lost_live(stack, "rebuild", REBUILT_S_MAX, lost_live::rebuild);
    }

    pub(super) fn recovery(&mut self, stack: Stack) {
        self.lost_live(stack, "recovery", RECOVERED_S_MAX, lost_live::recovery);
    }

    /// A directory has nothing to lose while it serves.
    fn lost_live(
        &mut self,
        stack: Stack,
        name: &'static str,
        took_s_max: f64,
        measure: fn(&Bench) -> Result<Lost, BenchError>,
    ) {
        if stack != Stack::Servers {
            return;
        }
        let lost = measure(self.bench);
        if let Ok(lost) = &lost {
            let what = format!("{name}: seconds until a buyer is answered");
            self.note(stack, &what, lost.took_s, Bound::AtMost(took_s_max));
        }
        self.table.below(name, lost.map(|lost| lost.list));
    }

    /// The floor, measured now if it was not yet.
    pub(super) fn known_floor(&mut self) -> Result<f64, BenchError> {
        self.floor.map_or_else(|| self.floor(CONNECTIONS), Ok)
    }
}
