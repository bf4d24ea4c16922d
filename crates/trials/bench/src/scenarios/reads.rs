//! reads: what every open page asks, and what that asks of the stores.

use std::{thread, time::Duration};

use dev_servers::Stack;
use tokio::time::Instant;

use crate::{
    Bench,
    deployment::Deployment,
    error::BenchError,
    figures::{Load, Run},
    redis_figures,
    scenarios::grant,
    stores::Stores,
};

/// Sales of a page.
const SALES: u32 = 20;

/// Seconds that a load lasts before the stores are asked what they do: its beginning is not its
/// ordinary life, and Postgres counts a session's transactions once a second.
const SETTLES_S: u32 = 2;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Current,
    OneSale,
    Sales,
    Health,
}

/// What is asked of the stores together, a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// While nobody reads.
    pub(crate) before: f64,
    /// While all connections do.
    pub(crate) meanwhile: f64,
}

/// What is measured of one page.
pub(crate) struct Reads {
    pub(crate) page: Page,
    pub(crate) runs: Vec<Run>,
    /// Where there are servers to be asked.
    pub(crate) asked: Option<Asked>,
}

impl Page {
    pub(crate) const ALL: [Self; 4] = [Self::Current, Self::OneSale, Self::Sales, Self::Health];

    /// What its row is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::OneSale => "one sale",
            Self::Sales => "sales",
            Self::Health => "health",
        }
    }

    /// The part of the floor that it is held to.
    pub(crate) fn floor_part(self) -> f64 {
        match self {
            Self::Current | Self::OneSale => 0.8,
            Self::Sales | Self::Health => 0.5,
        }
    }

    fn target(self, sale: u64) -> String {
        match self {
            Self::Current => "/sales/current".to_owned(),
            Self::OneSale => format!("/sales/{sale}"),
            Self::Sales => format!("/sales?limit={SALES}"),
            Self::Health => "/health".to_owned(),
        }
    }
}

impl Asked {
    /// What the readers add.
    pub(crate) fn added(self) -> f64 {
        (self.meanwhile - self.before).max(0.0)
    }
}

/// Measures every page on one service.
pub(crate) fn measure(bench: &Bench, stack: Stack, load: Load) -> Result<Vec<Reads>, BenchError> {
    let stores = Stores::with_closed_sales(&bench.databases, stack)?;
    let deployment = Deployment::start_on(stores, grant::STOCK)?;
    let pages = Page::ALL.into_iter();
    pages.map(|page| measure_page(bench, &deployment, load, page)).collect()
}

fn measure_page(
    bench: &Bench,
    deployment: &Deployment,
    load: Load,
    page: Page,
) -> Result<Reads, BenchError> {
    let read = |load| {
        let target = page.target(deployment.sale());
        let run = deployment.measure("read.lua", load, &[("TARGET", &target)])?;
        if run.refusals > 0 {
            let wrong = format!("of {} reads of {target} {} failed", run.answers, run.refusals);
            return Err(BenchError::Wrong(wrong));
        }
        Ok(run)
    };
    let runs = bench.repeat(|| read(load))?;
    let stores = deployment.stores();
    let asked = match asked_in(stores, load.seconds)? {
        None => None,
        Some(before) => {
            let seconds = SETTLES_S + load.seconds + 1;
            let meanwhile = asked_during(stores, load.seconds, || read(Load { seconds, ..load }))?;
            meanwhile.map(|meanwhile| Asked { before, meanwhile })
        }
    };
    Ok(Reads { page, runs, asked })
}

/// What the stores are asked a second in the last seconds of a load.
fn asked_during(
    stores: &Stores,
    seconds: u32,
    load: impl FnOnce() -> Result<Run, BenchError> + Send,
) -> Result<Option<f64>, BenchError> {
    thread::scope(|scope| {
        let load = scope.spawn(load);
        thread::sleep(Duration::from_secs(SETTLES_S.into()));
        let asked = asked_in(stores, seconds);
        load.join().map_err(|_| BenchError::Wrong("the readers broke".to_owned()))??;
        asked
    })
}

/// What the stores are asked a second from now on; nothing where there are none to be asked.
fn asked_in(stores: &Stores, seconds: u32) -> Result<Option<f64>, BenchError> {
    let (before, start) = (asked_so_far(stores)?, Instant::now());
    thread::sleep(Duration::from_secs(seconds.into()));
    let (after, took) = (asked_so_far(stores)?, start.elapsed());
    let asked = before.zip(after).map(|(before, after)| after.saturating_sub(before));
    let asked = asked.map(|asked| u32::try_from(asked).map_or(f64::INFINITY, f64::from));
    Ok(asked.map(|asked| asked / took.as_secs_f64()))
}

/// Commands of Redis and transactions of Postgres so far, if there are these.
pub(crate) fn asked_so_far(stores: &Stores) -> Result<Option<u64>, BenchError> {
    let (Some(redis), Some(database)) = (stores.redis(), stores.database()) else {
        return Ok(None);
    };
    let said = database.psql(include_str!("../../sql/transactions.sql"))?;
    let transactions: u64 = said
        .trim()
        .parse()
        .map_err(|_| BenchError::Unreadable { from: "Postgres", said: said.clone() })?;
    Ok(Some(transactions + redis_figures::commands(redis)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readers_add_is_what_is_asked_beyond_what_is_asked_anyway() {
        let added = |before, meanwhile| Asked { before, meanwhile }.added();

        assert!((added(20.0, 45.5) - 25.5).abs() < 1e-9);
        // What the service asks by itself is not the same every second.
        assert!(added(20.0, 19.0).abs() < 1e-9);
    }

    #[test]
    fn every_page_has_a_target_and_a_mark_of_its_own() {
        assert_eq!(Page::OneSale.target(7), "/sales/7");
        assert_eq!(Page::Sales.target(7), "/sales?limit=20");
        assert!(Page::ALL.iter().all(|page| (0.5..=0.8).contains(&page.floor_part())));
    }
}
