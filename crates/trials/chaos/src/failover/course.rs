//! How each failover goes.

use std::time::Duration;

use dev_servers::{Condition, PostgresServer};
use tokio::{task::block_in_place, time::sleep};

use crate::{
    client::Client,
    error::ChaosError,
    failover::{
        Course,
        outcome::Outcome,
        stand::{SERVICES, Stand, until},
    },
    history::{Answer, Ask, Asked, now_ms},
    judgement::{Breach, Promise, judge},
    ledger::Records,
};

/// How long shoppers buy before anything happens, and once more when all is over.
const CALM: Duration = Duration::from_secs(1);

/// How long a standby hears nothing that is to be behind.
const BEHIND: Duration = Duration::from_secs(2);

/// How long after the others a process is asked of which nobody wants anything meanwhile: it looks
/// once in five seconds whether the ledger has moved.
const UNTIL_NOTICED: Duration = Duration::from_secs(4);

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long, where the answer is what is looked at; and by when one must be there.
const ALL_PATIENCE: Duration = Duration::from_secs(12);
const ANSWERED_WITHIN_MS: i64 = 5_500;

/// How often waits are cancelled.
const CANCELS: usize = 5;

/// Of the 300 that a server has, so many connections may be used up by commits that hang.
const SESSIONS_MAX: usize = 80;

/// Runs one.
pub(super) async fn run(course: Course, stand: &Stand) -> Result<Outcome, ChaosError> {
    match course {
        Course::StandbyBehind => standby_behind(stand).await,
        Course::StandbyGone => standby_gone(stand).await,
        Course::WaitCancelled | Course::CrashThenPromote => lost_later(course, stand).await,
        _ => promoted(course, stand).await,
    }
}

/// The standby takes the place of a server that is lost, or seems to be. One process is asked all the
/// time, the other only when that is over.
async fn promoted(course: Course, stand: &Stand) -> Result<Outcome, ChaosError> {
    let client = stand.client(PATIENCE)?;
    let is_all = course == Course::Killed;
    let busy = if is_all { 0..SERVICES } else { 0..SERVICES - 1 };
    let crowd = stand.crowd("shopper", &client, busy);
    sleep(CALM).await;
    match course {
        Course::Killed => block_in_place(|| stand.server.kill())?,
        Course::Frozen => block_in_place(|| stand.server.pause())?,
        Course::CutOff => stand.networks[0].set_condition(Condition::Blocked),
        _ => {}
    }
    let told_ms = stand.promote()?;
    // What a server granted that was well until now may be on its way.
    let from_ms = if is_all { told_ms } else { now_ms() };
    let first_grant_ms = Some(crowd.until_granted_after(from_ms, told_ms).await?);
    let mut other_grant_ms = None;
    if !is_all {
        sleep(UNTIL_NOTICED).await;
        let asked_ms = now_ms();
        until("the idle process to grant a unit", async || {
            let user = format!("late-{}", stand.round);
            let answer = client.ask(SERVICES - 1, stand.sale, &user, Ask::Checkout).await;
            Ok(matches!(answer, Answer::Granted(_)).then_some(()))
        })
        .await?;
        other_grant_ms = Some(now_ms() - asked_ms);
    }
    // Who seemed to be lost comes back.
    match course {
        Course::Frozen => block_in_place(|| stand.server.resume())?,
        Course::CutOff => stand.networks[0].set_condition(Condition::Good),
        _ => {}
    }
    sleep(CALM).await;
    let asked = crowd.go_home().await;
    let outcome = Outcome { first_grant_ms, other_grant_ms, ..Outcome::default() };
    judged(stand, &stand.standby, &asked, outcome).await
}

/// The standby is cut off, so commits wait. Something happens to them before the server is lost.
async fn lost_later(course: Course, stand: &Stand) -> Result<Outcome, ChaosError> {
    let client = stand.client(PATIENCE)?;
    let crowd = stand.crowd("shopper", &client, 0..SERVICES);
    sleep(CALM).await;
    stand.cut_standby_off()?;
    let (mut remarks, mut void) = (Vec::new(), None);
    if course == Course::WaitCancelled {
        let mut cancelled = 0;
        for _ in 0..CANCELS {
            stand.until_commits_wait().await?;
            cancelled += block_in_place(|| stand.server.cancel_waits())?;
        }
        void = (cancelled == 0).then(|| "no wait was cancelled".to_owned());
        remarks.push(format!("{cancelled} waits cancelled"));
    } else {
        stand.until_commits_wait().await?;
        block_in_place(|| stand.server.kill().and_then(|()| stand.server.start_again()))?;
        // What waited can be seen now, and is asked for again.
        sleep(PATIENCE).await;
    }
    let lost_ms = stand.lose_server_to_standby()?;
    // A ledger that lacks answers sells nothing any more: that is not an error of ours.
    let first_grant_ms = crowd.until_granted_after(lost_ms, lost_ms).await.ok();
    sleep(CALM).await;
    let asked = crowd.go_home().await;
    let outcome = Outcome { first_grant_ms, void, remarks, ..Outcome::default() };
    let mut outcome = judged(stand, &stand.standby, &asked, outcome).await?;
    if first_grant_ms.is_none() {
        let what = "nothing was granted after the promotion".to_owned();
        outcome.breaches.push(Breach { promise: Promise::EverybodyIsAnswered, what });
    }
    Ok(outcome)
}

/// The standby goes: nothing is said that is not so, everybody is answered, and all is well when it
/// is back.
async fn standby_gone(stand: &Stand) -> Result<Outcome, ChaosError> {
    let client = stand.client(ALL_PATIENCE)?;
    let crowd = stand.crowd("shopper", &client, 0..SERVICES);
    sleep(CALM).await;
    stand.cut_standby_off()?;
    let gone_ms = now_ms();
    let said = until_health(&client, 503).await?;
    let mut sessions_max = 0;
    while now_ms() - gone_ms < 3 * ANSWERED_WITHIN_MS {
        let there = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flashsale'";
        let there = block_in_place(|| stand.server.psql("postgres", there))?;
        sessions_max = sessions_max.max(there.trim().parse::<usize>().unwrap_or(usize::MAX));
        sleep(CALM / 10).await;
    }
    let back_ms = now_ms();
    block_in_place(|| stand.standby.start_again())?;
    let first_grant_ms = Some(crowd.until_granted_after(back_ms, back_ms).await?);
    until_health(&client, 200).await?;
    sleep(CALM).await;
    let asked = crowd.go_home().await;
    let meanwhile = |asked: &&Asked| asked.sent_ms > gone_ms && asked.sent_ms < back_ms;
    let longest_ms = asked.iter().filter(meanwhile).map(|asked| asked.answered_ms - asked.sent_ms);
    let longest_ms = longest_ms.max().unwrap_or_default();
    let mut outcome = Outcome { first_grant_ms, ..Outcome::default() };
    let mut charge = |promise, what| outcome.breaches.push(Breach { promise, what });
    if longest_ms > ANSWERED_WITHIN_MS {
        let what = format!("while the standby was away, a request took {longest_ms} ms");
        charge(Promise::EverybodyIsAnswered, what);
    }
    if sessions_max > SESSIONS_MAX {
        charge(Promise::EverybodyIsAnswered, format!("{sessions_max} sessions of the server"));
    }
    outcome
        .remarks
        .push(format!("longest {longest_ms} ms, {sessions_max} sessions, health: {said}"));
    judged(stand, &stand.server, &asked, outcome).await
}

/// Answers are lost, which is noticed: nothing is sold until an operator has had a look.
async fn standby_behind(stand: &Stand) -> Result<Outcome, ChaosError> {
    let client = stand.client(PATIENCE)?;
    let before = stand.crowd("shopper", &client, 0..SERVICES);
    sleep(CALM).await;
    stand.cut_standby_off()?;
    sleep(BEHIND).await;
    let promoted_ms = stand.lose_server_to_standby()?;
    let Some(said) = noticed(stand, &client).await? else {
        return unnoticed(stand, &before.go_home().await).await;
    };
    let early = client.ask(0, stand.sale, "early", Ask::Checkout).await;
    let said_later = until("the health to say what is the matter", async || {
        let says_why = |said: &str| said.contains("refuses writes") && said.contains("paused");
        Ok(client.health(0).await.filter(|(is, said)| *is == 503 && says_why(said)))
    })
    .await?
    .1;
    let before = before.go_home().await;
    let is_late = |asked: &&Asked| asked.sent_ms > promoted_ms;
    let late = before.iter().filter(is_late).map(|asked| &asked.answer).chain([&early]);
    let granted = late.filter(|answer| matches!(answer, Answer::Granted(_))).count();
    let records = stand.records(&stand.standby).await?;
    let lost = lost(&before, &records);

    let resumed_ms = now_ms();
    stand.command(&["sales", "resume", &stand.sale.to_string()])?;
    let after = stand.crowd("later", &client, 0..SERVICES);
    let first_grant_ms = Some(after.until_granted_after(resumed_ms, resumed_ms).await?);
    until_health(&client, 200).await?;
    sleep(CALM).await;
    let after = after.go_home().await;
    let mut outcome = Outcome { first_grant_ms, ..Outcome::default() };
    if granted > 0 || lost == 0 {
        let what = format!("{lost} answers were lost, and {granted} units granted after that");
        outcome.breaches.push(Breach { promise: Promise::AnswersAreKept, what });
    }
    outcome.remarks.push(format!("{lost} answers lost; health: {said}; then {said_later}"));
    judged(stand, &stand.standby, &after, outcome).await
}

/// Waits until a loss of answers is noticed; says what the health says of it, or nothing if it is not.
async fn noticed(stand: &Stand, client: &Client) -> Result<Option<String>, ChaosError> {
    let paused = async || Ok(stand.is_paused()?.then_some(()));
    match until("the sale to be paused", paused).await {
        Err(ChaosError::Failed { .. }) => Ok(None),
        paused => {
            paused?;
            until_health(client, 503).await.map(Some)
        }
    }
}

/// What it means that a loss was not noticed, if there was one.
async fn unnoticed(stand: &Stand, asked: &[Asked]) -> Result<Outcome, ChaosError> {
    let lost = lost(asked, &stand.records(&stand.standby).await?);
    let mut outcome = Outcome::default();
    if lost == 0 {
        outcome.void = Some("nothing was lost".to_owned());
        return Ok(outcome);
    }
    let what = format!("{lost} answers were lost, and the sale went on");
    outcome.breaches.push(Breach { promise: Promise::AnswersAreKept, what });
    judged(stand, &stand.standby, asked, outcome).await
}

/// How many answers a ledger with these records lacks.
fn lost(asked: &[Asked], records: &Records) -> usize {
    let breaches = judge(asked, records);
    breaches.iter().filter(|breach| breach.promise == Promise::AnswersAreKept).count()
}

/// Waits until a process answers so when it is asked for its health; says what it says.
async fn until_health(client: &Client, status: u16) -> Result<String, ChaosError> {
    until("the health to be as it is", async || {
        Ok(client.health(0).await.filter(|(is, _)| *is == status).map(|(_, said)| said))
    })
    .await
}

/// Holds what was answered against the ledger, which is this server.
async fn judged(
    stand: &Stand,
    ledger: &PostgresServer,
    asked: &[Asked],
    mut outcome: Outcome,
) -> Result<Outcome, ChaosError> {
    outcome.hold_against(asked, &stand.records(ledger).await?);
    outcome.add_audit(stand.audit(ledger)?);
    Ok(outcome)
}
