//! How each change of masters goes: some shoppers buy of the sale whose master it is, some of another one.

use std::time::Duration;

use dev_servers::{RedisCluster, WatchedRedis};
use tokio::{task::block_in_place, time::sleep};

use crate::{
    error::ChaosError,
    failover::{crowd::Crowd, outcome::Outcome, stand::SERVICES},
    history::{Answer, Asked, now_ms},
    masters::{
        Course,
        stand::{Redis, Stand, key_of},
    },
};

/// How long shoppers buy before anything happens, and once more when all is over.
const CALM: Duration = Duration::from_secs(1);

/// How long whoever lost its place goes on as if it had it, before it is looked at what came of it.
const BESIDE: Duration = Duration::from_secs(3);

/// How long a third of the slots is lost.
const LOST: Duration = Duration::from_secs(3);

/// What was done to a master.
struct Struck {
    /// Which node or server it was.
    whom: usize,
    /// From when on nobody is to be without: the loss, the order, or when what was lost is there again.
    since_ms: i64,
    /// From when on nobody who asks is given anything by it as it was before.
    from_ms: i64,
}

/// Runs one.
pub(super) async fn run(course: Course, stand: &mut Stand) -> Result<Outcome, ChaosError> {
    let sales = stand.open_sales().await?;
    let [crowd, others] =
        sales.map(|sale| Crowd::of(&format!("shopper-{sale}"), &stand.client, 0..SERVICES, sale));
    sleep(CALM).await;
    let began_ms = now_ms();
    let struck = match &stand.redis {
        Redis::Cluster(cluster) => strike_node(course, cluster, sales).await?,
        Redis::Watched(servers) => block_in_place(|| strike_primary(course, servers))?,
    };
    crowd.until_asker_granted_after(struck.from_ms).await?;
    block_in_place(|| heal(course, &stand.redis, struck.whom))?;
    if course == Course::TwoPrimaries {
        sleep(BESIDE).await;
    }
    sleep(CALM).await;
    let over_ms = now_ms();
    let (asked, asked_of_other) = (crowd.go_home().await, others.go_home().await);
    let first_grant_ms = Some(longest_pause(&asked, struck.since_ms, over_ms));
    let mut outcome = Outcome { first_grant_ms, ..Outcome::default() };
    if course.is_of_a_cluster() {
        outcome.other_grant_ms = Some(longest_pause(&asked_of_other, began_ms, over_ms));
    }
    for (sale, asked) in sales.into_iter().zip([asked, asked_of_other]) {
        outcome.hold_against(&asked, &stand.records(sale).await?);
    }
    outcome.add_audit(stand.audit()?);
    stand.end_sales(sales)?;
    block_in_place(|| stand.redis.make_whole(course))?;
    Ok(outcome)
}

/// Takes the first of two sales away from the node that has it.
async fn strike_node(
    course: Course,
    cluster: &RedisCluster,
    [sale, other]: [i64; 2],
) -> Result<Struck, ChaosError> {
    let owner = |sale| block_in_place(|| cluster.owner_of_key(&key_of(sale)));
    let (whom, elsewhere) = (owner(sale)?, owner(other)?);
    let mut since_ms = now_ms();
    match course {
        Course::SlotMoved => {
            block_in_place(|| cluster.move_slot(cluster.slot_of_key(&key_of(sale))?, elsewhere))?;
        }
        Course::NodeFrozen => block_in_place(|| cluster.pause(whom))?,
        Course::NodeReplaced => {
            block_in_place(|| cluster.failover_to_replica_of(whom))?;
        }
        Course::ThirdLost => {
            let replicas = cluster.replicas_of(whom);
            block_in_place(|| replicas.iter().chain([&whom]).try_for_each(|it| cluster.kill(*it)))?;
            block_in_place(|| cluster.await_missed(whom))?;
            sleep(LOST).await;
            since_ms = now_ms();
            block_in_place(|| cluster.start_again(whom))?;
            block_in_place(|| replicas.iter().try_for_each(|it| cluster.start_again(*it)))?;
        }
        _ => block_in_place(|| cluster.kill(whom))?,
    }
    let from_ms = if course == Course::ThirdLost { since_ms } else { now_ms() };
    Ok(Struck { whom, since_ms, from_ms })
}

/// Takes all sales away from the primary.
fn strike_primary(course: Course, servers: &WatchedRedis) -> Result<Struck, ChaosError> {
    let whom = servers.primary()?;
    let since_ms = now_ms();
    match course {
        Course::PrimaryKilled => servers.kill(whom)?,
        Course::PrimaryReplaced => drop(servers.failover()?),
        _ => servers.pause(whom)?,
    }
    Ok(Struck { whom, since_ms, from_ms: now_ms() })
}

/// Lets whoever was lost come back, when another has its place.
fn heal(course: Course, redis: &Redis, whom: usize) -> Result<(), ChaosError> {
    match (course, redis) {
        (Course::NodeKilled, Redis::Cluster(cluster)) => cluster.start_again(whom)?,
        (Course::NodeFrozen, Redis::Cluster(cluster)) => cluster.resume(whom)?,
        (Course::PrimaryKilled, Redis::Watched(servers)) => servers.start_again(whom)?,
        (Course::PrimaryFrozen | Course::TwoPrimaries, Redis::Watched(servers)) => {
            servers.resume(whom)?;
        }
        _ => {}
    }
    Ok(())
}

/// The longest time between two grants, or before the first or after the last one.
fn longest_pause(asked: &[Asked], from_ms: i64, until_ms: i64) -> i64 {
    let granted = asked.iter().filter(|asked| matches!(asked.answer, Answer::Granted(_)));
    let granted = granted.map(|asked| asked.answered_ms);
    let mut moments: Vec<_> = granted.filter(|at| (from_ms..until_ms).contains(at)).collect();
    moments.extend([from_ms, until_ms]);
    moments.sort_unstable();
    moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}
