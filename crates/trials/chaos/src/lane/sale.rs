//! One of the sales that are on together: its visitors, and what comes of it.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::{task::JoinHandle, time::sleep};

use super::{panicked, until};
use crate::{
    buyers::Buyers,
    crowd::Crowd,
    deployment::Deployment,
    error::ChaosError,
    history::{Asked, History, now_ms},
    inject::InjectedFault,
    judgement::{Breach, Calm, Made, Steering, judge_crowd, judge_steered},
    ledger::Records,
    operator::Steered,
    orders::Order,
    programme::Part,
    sightings::Sightings,
};

/// How many look at a sale of the timetable for each who looks at one beside it; and how many stand still
/// there, of each kind.
const LOOK_BESIDE: usize = 5;
const STILL: usize = 4;

/// How long after its end a sale may have holds, in milliseconds: what was taken at the last
/// moment, and the time to sweep it.
const HOLDS_END_MS: i64 = 10_000;

/// What came of one sale.
pub(crate) struct Judged {
    pub(crate) part: Part,
    pub(crate) sale: i64,
    pub(crate) history: Vec<Asked>,
    pub(crate) sightings: Arc<Sightings>,
    pub(crate) orders: Vec<Order>,
    pub(crate) sold: usize,
    pub(crate) breaches: Vec<Breach>,
}

/// A sale that has its visitors.
pub(super) struct Visited {
    pub(super) opening: Opening,
    history: Arc<History>,
    sightings: Arc<Sightings>,
    /// Buyers and readers.
    visitors: JoinHandle<()>,
    /// How it was made, if an operator did that.
    made: Option<Order>,
}

/// A sale that opens.
#[derive(Clone, Copy)]
pub(super) struct Opening {
    pub(super) part: Part,
    pub(super) sale: i64,
    /// When the programme opens.
    pub(super) opens_ms: i64,
    /// Whether the version before serves it at first.
    pub(super) is_of_before: bool,
}

impl Opening {
    /// Lets buyers and readers come when it opens, these many readers and viewers to a sale of the timetable.
    /// What they do comes from one draw, however many they are, so that a seed gives the same faults with any
    /// crowd. What the version before may not know, keys and streams, nobody uses while it serves.
    pub(super) fn visit(
        self,
        deployment: &Deployment,
        mut rng: Rng,
        (readers, viewers): (usize, usize),
        made: Option<Order>,
    ) -> Result<Visited, ChaosError> {
        let Self { part, sale, opens_ms, is_of_before } = self;
        let (client, ends_ms) = (deployment.client()?, self.ends_at_last_ms());
        let mut readers_rng = rng.fork();
        let (history, sightings) = <(Arc<History>, Arc<Sightings>)>::default();
        let buyers = Buyers {
            client: client.clone(),
            sale,
            count: part.buyers(),
            opens_ms,
            ends_ms,
            have_keys: !is_of_before,
            history: Arc::clone(&history),
        };
        let (one_in, still) = match part {
            Part::Timetable => (1, STILL),
            Part::Short | Part::Long => (LOOK_BESIDE, 0),
        };
        let viewers = if is_of_before { 0 } else { viewers / one_in };
        let (readers, seen) = (readers / one_in, Arc::clone(&sightings));
        let crowd =
            Crowd { client, readers, viewers, still, sale, opens_ms, ends_ms, sightings: seen };
        let opens_at_ms = opens_ms + i64::from(part.opens_after_ms());
        let visitors = tokio::spawn(async move {
            until(opens_at_ms).await;
            tokio::join!(buyers.buy(&mut rng), crowd.look(&mut readers_rng));
        });
        Ok(Visited { opening: self, history, sightings, visitors, made })
    }

    pub(super) fn ends_at_last_ms(&self) -> i64 {
        self.opens_ms + i64::from(self.part.ends_at_last_ms())
    }

    fn made(&self) -> Made {
        let (stock, per_user_limit) = (self.part.stock(), self.part.per_user_limit());
        let ends_ms = self.opens_ms + i64::from(self.part.ends_after_ms());
        Made { stock, per_user_limit, ends_ms }
    }
}

impl Visited {
    /// What an operator knows of it who is to change it.
    pub(super) fn to_steer(&self) -> Steered {
        let Opening { part, sale, .. } = self.opening;
        Steered { part, sale, history: Arc::clone(&self.history), orders: Vec::new() }
    }

    /// Judges it, and what an operator did with it, when its buyers have gone home and its last hold has
    /// ended.
    pub(super) async fn judge(
        self,
        deployment: &Deployment,
        orders: Vec<Order>,
        (faults, calm): (&[InjectedFault], Calm),
    ) -> Result<Judged, ChaosError> {
        let Self { opening, history, sightings, visitors, made } = self;
        let Opening { part, sale, .. } = opening;
        let orders: Vec<_> = made.into_iter().chain(orders).collect();
        visitors.await.map_err(|error| panicked(&error))?;
        let records = last_records(deployment, sale, opening.ends_at_last_ms()).await?;
        let history = history.lines();
        let steering = Steering::new(opening.made(), &orders, calm);
        let mut breaches = judge_steered(&history, &records, &steering);
        breaches.extend(judge_crowd(sale, &sightings, (faults, &orders), &records));
        let sold = records.purchases.values().filter(|row| !row.is_cancelled).count();
        Ok(Judged { part, sale, history, sightings, orders, sold, breaches })
    }
}

/// The records of a sale when none of its units is on hold any more, or when none should be.
async fn last_records(
    deployment: &Deployment,
    sale: i64,
    ends_ms: i64,
) -> Result<Records, ChaosError> {
    loop {
        let records = deployment.stores.records_of(sale).await?;
        let has_holds = records.holds.values().any(|hold| hold.state == "held");
        if !has_holds || now_ms() > ends_ms + HOLDS_END_MS {
            return Ok(records);
        }
        sleep(Duration::from_millis(100)).await;
    }
}
