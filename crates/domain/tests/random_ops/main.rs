//! Random operations over a small sale, by several users and two processes, with everything
//! going wrong that may: the promises hold after every step, and in the end nothing has leaked.
//!
//! A call can be paused before any of its steps and go on arbitrarily late, its process can die,
//! replies get lost, the live store is wiped, restarted from an old copy, or rolled back without
//! noticing. One thread polls all calls, so a sequence of operations is all there is to a run:
//! what proptest prints replays it.
//!
//! Not a failure: any store error, at any time, while something is or was just wrong.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod checks;
mod finale;
mod model;

use fakes::{Fault, Operation, World};
use proptest::prelude::*;

use crate::model::Model;

/// How many users ask for units.
const USERS: usize = 3;

/// How many processes serve them.
const PROCESSES: usize = 2;

/// How far the live store's clock is off at most, in milliseconds.
const SKEW_MS_MAX: i64 = 60_000;

/// One thing that happens. Indices count round what there is.
#[derive(Debug, Clone, Copy)]
enum Op {
    /// Something a process does.
    Call(usize, Work),
    /// Time passes, in milliseconds.
    Pass(i64),
    /// The next call of an operation goes wrong.
    Break(Operation, Fault),
    /// A paused call goes on, at the live store or at the ledger.
    ResumeLive,
    ResumeLedger,
    /// Verdicts that were held up arrive at the live store.
    SettleLate,
    /// A process dies with all its calls, and a new one takes its place.
    Kill(usize),
    /// The live store is copied, to come back to.
    Copy,
    /// The live store loses everything.
    Wipe,
    /// The live store restarts from a copy.
    Restart(usize),
    /// The live store goes back to a copy and does not know.
    RollBack(usize),
    /// The live store's clock is set to be this far ahead of the ledger's.
    Skew(i64),
}

/// What a process can be asked to do.
#[derive(Debug, Clone, Copy)]
enum Work {
    Checkout(usize),
    Redeem(usize),
    Release(usize),
    Refresh,
    Sweep,
    SweepOverdue,
    Restore,
    RunAsked,
    Reconcile,
    Retire,
    SetPaused(bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        24 => (0..PROCESSES, work()).prop_map(|(process, work)| Op::Call(process, work)),
        4 => passing().prop_map(Op::Pass),
        6 => (operation(), fault()).prop_map(|(operation, fault)| Op::Break(operation, fault)),
        2 => Just(Op::ResumeLive),
        2 => Just(Op::ResumeLedger),
        1 => Just(Op::SettleLate),
        1 => (0..PROCESSES).prop_map(Op::Kill),
        2 => Just(Op::Copy),
        1 => Just(Op::Wipe),
        1 => any::<usize>().prop_map(Op::Restart),
        1 => any::<usize>().prop_map(Op::RollBack),
        1 => prop_oneof![-300..300_i64, -SKEW_MS_MAX..SKEW_MS_MAX].prop_map(Op::Skew),
    ]
}

fn work() -> impl Strategy<Value = Work> {
    prop_oneof![
        10 => (0..USERS).prop_map(Work::Checkout),
        5 => any::<usize>().prop_map(Work::Redeem),
        3 => any::<usize>().prop_map(Work::Release),
        2 => Just(Work::Refresh),
        4 => Just(Work::Sweep),
        1 => Just(Work::SweepOverdue),
        2 => Just(Work::Restore),
        2 => Just(Work::RunAsked),
        2 => Just(Work::Reconcile),
        2 => Just(Work::Retire),
        1 => any::<bool>().prop_map(Work::SetPaused),
    ]
}

/// Moments of interest: between two rebuilds, around a hold's end, and around the sale's.
fn passing() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => Just(600),
        2 => Just(World::HOLD_MS / 2),
        4 => Just(World::HOLD_MS),
        1 => Just(World::HOLD_MS + 6_000),
        1 => Just(1_800_000),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop::sample::select(vec![
        Operation::Load,
        Operation::Status,
        Operation::Forget,
        Operation::PlaceHold,
        Operation::FindUnit,
        Operation::Due,
        Operation::Settle,
        Operation::SettleSoon,
        Operation::Record,
        Operation::Record,
        Operation::Redeem,
        Operation::Release,
        Operation::FindCode,
        Operation::Judge,
        Operation::ExpireOverdue,
        Operation::RaiseEpoch,
        Operation::Tally,
        Operation::Close,
        Operation::Calendar,
    ])
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => Just(Fault::Pause),
        1 => Just(Fault::LoseReply),
        1 => Just(Fault::Lose),
        1 => Just(Fault::Refuse),
    ]
}

/// A few seconds' worth of runs. `PROPTEST_CASES` asks for more; a night has time for millions.
fn config() -> ProptestConfig {
    let asked = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    ProptestConfig { cases: asked.cases.max(2_000), ..asked }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_promises_hold_whatever_happens(ops in prop::collection::vec(op(), 1..120)) {
        let mut model = Model::new();
        for op in ops {
            model.step(op);
            model.check();
        }
        model.heal();
    }
}
