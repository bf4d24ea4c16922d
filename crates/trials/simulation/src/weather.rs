//! What befalls stores and processes, and the operator, who only means well.

use std::sync::Arc;

use domain::{Origin, Window, ports::SaleRegister};

use crate::{
    executor::Owner,
    ledger_line::LedgerLine,
    lock,
    mishap::Mishap,
    network::{Line, Store},
    plan::Stack,
    process::Process,
    stage::Stage,
};

/// How far a clock is set from the true time at most, in milliseconds.
pub(crate) const CLOCK_SET_MS_MAX: i64 = 20_000;

/// How many copies of the live side are kept to come back to.
const COPIES_MAX: usize = 4;

/// The process number of the operator, who has a line of his own.
const OPERATOR: u16 = 0;

/// Strikes until all trouble is over.
pub(crate) async fn rage(stage: Arc<Stage>) {
    let mut started = stage.plan.processes;
    while stage.is_in_trouble() {
        let lull_ms = stage.dice.within(20..=stage.plan.lull_ms_max);
        stage.pass(stage.while_in_trouble(lull_ms)).await;
        if stage.dice.happens(400) {
            let mut copies = lock(&stage.copies);
            if copies.len() == COPIES_MAX {
                copies.remove(1);
            }
            copies.push(stage.live.copy());
        }
        if let Some(mishap) = stage.dice.pick(&stage.plan.weather)
            && stage.is_in_trouble()
        {
            stage.met(mishap);
            stage.note(|| format!("*** {}", mishap.name()));
            strike(&stage, mishap, &mut started);
        }
    }
}

fn strike(stage: &Arc<Stage>, mishap: Mishap, started: &mut usize) {
    let dice = &stage.dice;
    let until_ms = stage.now_ms() + stage.while_in_trouble(dice.within(10..=2_000));
    let hold_ms = stage.plan.terms.hold_ms();
    let set_ms = dice.around_zero(dice.pick(&[300, hold_ms * 2, CLOCK_SET_MS_MAX]).unwrap_or(300));
    match mishap {
        Mishap::CutOff => {
            let (process, store) = (a_process(stage), dice.pick(&[Store::Live, Store::Ledger]));
            if let (Some((_, process)), Some(store)) = (process, store) {
                lock(&stage.network).cut_off(process.number, store, until_ms);
            }
        }
        Mishap::LiveWiped => stage.live.wipe(),
        Mishap::LiveRestartedEmpty => restart_live_side_empty(stage),
        Mishap::LiveRestartedStale | Mishap::LiveRolledBack => go_back(stage, mishap),
        Mishap::LiveDown => lock(&stage.network).take_down(Store::Live, until_ms),
        Mishap::LiveClockSet => stage.live.set_skew_ms(set_ms),
        Mishap::LedgerRestarted => restart_ledger(stage),
        Mishap::LedgerDown => lock(&stage.network).take_down(Store::Ledger, until_ms),
        Mishap::LedgerClockSet => {
            stage.clock.set(stage.true_time() + set_ms);
            stage.note(|| format!("the ledger's clock shows {:?}", stage.clock.now()));
        }
        Mishap::ProcessStopped => {
            stop(stage, u64::try_from(hold_ms).unwrap_or(0) + dice.within(10..=1_500));
        }
        Mishap::ProcessSlowed => stop(stage, dice.within(1..=300)),
        Mishap::ProcessKilled => kill(stage, started),
        // These befall calls, not stores and processes.
        Mishap::RequestLost
        | Mishap::ReplyLost
        | Mishap::RequestDelayed
        | Mishap::RequestRepeated
        | Mishap::CallRefused
        | Mishap::CommitUnknown
        | Mishap::ClientHungUp
        | Mishap::ClientCutOff => {}
    }
}

fn a_process(stage: &Stage) -> Option<(usize, Arc<Process>)> {
    let seats = lock(&stage.seats);
    let up = seats.iter().enumerate();
    let up: Vec<_> =
        up.filter_map(|(at, seat)| seat.clone().map(|process| (at, process))).collect();
    stage.dice.pick(&up)
}

fn restart_live_side_empty(stage: &Stage) {
    let nothing = lock(&stage.copies).first().cloned();
    if let Some(nothing) = nothing {
        lock(&stage.network).restart(Store::Live);
        stage.live.restore(&nothing);
    }
}

fn restart_ledger(stage: &Stage) {
    lock(&stage.network).restart(Store::Ledger);
    stage.ledger.restart();
}

/// Takes the live side back to a copy.
fn go_back(stage: &Stage, mishap: Mishap) {
    let copy = stage.dice.pick(&lock(&stage.copies));
    let Some(copy) = copy else { return };
    lock(&stage.network).restart(Store::Live);
    if mishap == Mishap::LiveRolledBack {
        stage.live.roll_back_undetected(&copy);
        lock(&stage.witness).doubt(&stage.ledger.sales());
    } else {
        stage.live.restore(&copy);
    }
}

fn stop(stage: &Arc<Stage>, ms: u64) {
    let Some((_, process)) = a_process(stage) else { return };
    let (stage, owner) = (Arc::clone(stage), process.owner());
    stage.note(|| format!("p{} stands still for {ms} ms", process.number));
    stage.tasks.set_stopped(owner, true);
    stage.tasks.clone().start(Owner::World, async move {
        stage.pass(stage.while_in_trouble(ms)).await;
        stage.tasks.set_stopped(owner, false);
        stage.note(|| format!("{owner:?} goes on"));
    });
}

fn kill(stage: &Arc<Stage>, started: &mut usize) {
    let Some((seat, process)) = a_process(stage) else { return };
    stage.note(|| format!("p{} dies", process.number));
    stage.tasks.end_all(process.owner());
    lock(&stage.seats)[seat] = None;
    if stage.plan.stack == Stack::Embedded {
        // It was the live side too, and the only one that wrote.
        restart_live_side_empty(stage);
        restart_ledger(stage);
    }
    *started += 1;
    let number = u16::try_from(*started).unwrap_or(u16::MAX);
    let stage = Arc::clone(stage);
    stage.tasks.clone().start(Owner::World, async move {
        stage.pass(stage.while_in_trouble(stage.dice.within(0..=1_500))).await;
        Process::start(&stage, seat, number);
    });
}

/// How often the operator lets every sale go on in the end, a second apart.
const LAST_WORDS: u32 = 4;

/// Stops sales and lets them go on, and makes one by hand.
pub(crate) async fn operate(stage: Arc<Stage>) {
    let ledger = LedgerLine(Line { stage: Arc::clone(&stage), process: OPERATOR });
    while stage.is_in_trouble() {
        stage.pass(stage.dice.within(500..=4_000)).await;
        if stage.dice.happens(300) {
            // Beside whatever there is: it overlaps a sale of the timetable, and often another such.
            let starts_in_ms = stage.dice.pick(&[0, 1_500, 4_000]).unwrap_or(0);
            let lasts_ms = stage.dice.pick(&[1_000, 6_000, 20_000]).unwrap_or(1_000);
            let starts_at = stage.true_time() + starts_in_ms;
            let window = Window::new(starts_at, starts_at + lasts_ms).expect("it lasts a second");
            // Whatever comes of it: who finds that sale may buy there.
            let _ = ledger.schedule(window, stage.plan.terms, Origin::Operator).await;
        }
        let Some(sale) = stage.dice.pick(&stage.ledger.sales()) else { continue };
        // Without an answer it may be paused all the same.
        let _ = ledger.set_paused(sale.id, true).await;
        stage.pass(stage.dice.within(10..=800)).await;
        let _ = ledger.set_paused(sale.id, false).await;
    }
    // What he said before may still be on its way: he says the last word again until it is that.
    for _ in 0..LAST_WORDS {
        for sale in stage.ledger.sales() {
            let _ = ledger.set_paused(sale.id, false).await;
        }
        stage.pass(1_000).await;
    }
}
