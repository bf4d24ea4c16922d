//! What goes on between requests: steps, events, and what they found.

use tokio::time::Instant;

use crate::{figures::FIGURES, handles::Watch, is_on, totals};

/// Something that the upkeep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A sale was made by the timetable.
    SaleMade,
    /// The live store serves a sale that it did not serve.
    SaleLoaded,
    /// The same, by a request that could not be answered otherwise.
    SaleLoadedByRequest,
    /// What the live store served was out of date, and was loaded anew.
    SaleRebuilt,
    /// The same, because the live store had other units than the ledger or another time.
    SaleDrifted,
    /// A sale was closed.
    SaleClosed,
    /// A hold that was due was judged.
    HoldJudged,
    /// A hold was expired that the live store had forgotten.
    HoldExpiredOverdue,
    /// An answer that was given is not in the ledger any more.
    AnswerLost,
    /// Another server has become the ledger.
    LedgerMoved,
}

impl Event {
    /// All there are.
    pub const ALL: [Self; 10] = [
        Self::SaleMade,
        Self::SaleLoaded,
        Self::SaleLoadedByRequest,
        Self::SaleRebuilt,
        Self::SaleDrifted,
        Self::SaleClosed,
        Self::HoldJudged,
        Self::HoldExpiredOverdue,
        Self::AnswerLost,
        Self::LedgerMoved,
    ];

    /// Its label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SaleMade => "sale_made",
            Self::SaleLoaded => "sale_loaded",
            Self::SaleLoadedByRequest => "sale_loaded_by_request",
            Self::SaleRebuilt => "sale_rebuilt",
            Self::SaleDrifted => "sale_drifted",
            Self::SaleClosed => "sale_closed",
            Self::HoldJudged => "hold_judged",
            Self::HoldExpiredOverdue => "hold_expired_overdue",
            Self::AnswerLost => "answer_lost",
            Self::LedgerMoved => "ledger_moved",
        }
    }
}

/// A clock that is compared with the ledger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherClock {
    /// What the live store takes for the ledger's time.
    Live,
    /// That of this process's machine.
    Process,
}

/// A run of a step of the upkeep is over that began then.
pub fn step_ended(step: &'static str, began: Watch, went_well: bool) {
    let Some(seconds) = began.seconds() else { return };
    FIGURES.upkeep.step_seconds.with_label_values(&[step]).observe(seconds);
    let failures = FIGURES.upkeep.step_failures.with_label_values(&[step]);
    if !went_well {
        failures.inc();
    }
}

/// Counts something that the upkeep did, so many times. For what is rare: it looks the name up.
pub fn happened(event: Event, times: usize) {
    if is_on() {
        let times = times.try_into().unwrap_or(u64::MAX);
        FIGURES.upkeep.events.with_label_values(&[event.name()]).inc_by(times);
    }
}

/// So long can a hold have been due at most before it was freed, in whichever sale.
pub fn sweep_lagged(seconds: f64) {
    if is_on() {
        FIGURES.upkeep.sweep_lag_seconds.observe(seconds);
        totals::note(|found| found.sweep_lag_s = Some(seconds));
    }
}

/// Shows how many units more the live store has than the ledger: free, held and sold.
pub fn show_drift(units: [i64; 3]) {
    if is_on() {
        for (state, units) in crate::sales::STATES.into_iter().zip(units) {
            FIGURES.upkeep.drift.with_label_values(&[state]).set(units);
        }
        totals::note(|found| found.drift = Some((units, Instant::now())));
    }
}

/// Shows how far a clock is ahead of the ledger's.
pub fn show_clock_difference(clock: OtherClock, seconds: f64) {
    if is_on() {
        let clock = match clock {
            OtherClock::Live => "live",
            OtherClock::Process => "process",
        };
        FIGURES.upkeep.clock_difference_seconds.with_label_values(&[clock]).set(seconds);
    }
}
