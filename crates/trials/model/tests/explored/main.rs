//! The small scenarios, explored wholly; and each defence, taken away. Prints what was explored,
//! also when all is well.

#![expect(clippy::print_stdout, reason = "a result that nobody sees is half a result")]

use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use model::{
    Breach, Defence, Explored, Scenario, Walked, every_promise, explore,
    scenarios::{Ablation, Exhaustive, ablations, small, vast},
    table,
};

/// More steps than any of these scenarios has.
const STEPS_MAX: usize = 100_000_000;

type Table = Arc<Mutex<Vec<String>>>;

fn main() {
    let arguments = Arguments::from_args();
    let table = Table::default();
    let wholly = small().into_iter().map(|explored| {
        let table = Arc::clone(&table);
        let name = format!("every promise is kept through {}", explored.scenario.name);
        Trial::test(name, move || keeps_every_promise(&explored, &table))
    });
    let without = ablations().into_iter().map(|ablation| {
        let table = Arc::clone(&table);
        let name = match ablation.breaks {
            Some(_) => format!("a promise is broken with {}", ablation.name()),
            None => format!("every promise is kept with {}", ablation.name()),
        };
        Trial::test(name, move || is_needed_as_said(&ablation, &table))
    });
    let name = "walking at random breaks a promise where a defence is missing";
    let random = [Trial::test(name, a_missing_defence_is_walked_into)];

    let conclusion = libtest_mimic::run(&arguments, wholly.chain(without).chain(random).collect());

    let rows = table.lock().unwrap_or_else(PoisonError::into_inner);
    if !rows.is_empty() {
        println!("\n{}\n{}\n", table::heading(), rows.join("\n"));
    }
    drop(rows);
    conclusion.exit();
}

/// The scenario breaks no promise, and shows what it is there to show.
fn keeps_every_promise(exhaustive: &Exhaustive, table: &Table) -> Result<(), Failed> {
    let Exhaustive { scenario, sights } = exhaustive;

    let explored = run(scenario, scenario.name, &every_promise(), table);

    if let Some(breach) = &explored.breach {
        return Err(breach.story().into());
    }
    if !explored.is_complete {
        return Err("there are more states than it has time for".into());
    }
    for sight in *sights {
        if !explored.seen.contains(sight) {
            return Err(format!("never seen: {sight}").into());
        }
    }
    Ok(())
}

/// Without the defences, the promise is broken that they are there for.
fn is_needed_as_said(ablation: &Ablation, table: &Table) -> Result<(), Failed> {
    let promises = ablation.breaks.map_or_else(every_promise, |promise| vec![promise]);
    let explored = run(&ablation.scenario, &ablation.name(), &promises, table);

    let is_told_all = explored.breach.is_some() || explored.is_complete;
    let broken = explored.breach.as_ref().map(|breach| breach.promise);
    if is_told_all && broken == ablation.breaks {
        return Ok(());
    }
    let story = explored.breach.as_ref().map_or_else(String::new, Breach::story);
    Err(format!("expected {:?}, found {broken:?}\n{story}", ablation.breaks).into())
}

/// What explores at random sees what it is there to see.
fn a_missing_defence_is_walked_into() -> Result<(), Failed> {
    for scenario in vast() {
        let mut whole = Walked::default();
        whole.walk_on(&scenario, 1, 500);
        if let Some((seed, breach)) = whole.breach {
            return Err(format!("with all defences, seed {seed}: {}", breach.story()).into());
        }
        let mut broken = Walked::default();
        broken.walk_on(&scenario.without(&[Defence::EpochCheck]), 1, 20_000);
        if broken.breach.is_none() {
            return Err(format!("{} schedules without a breach", broken.schedules).into());
        }
    }
    Ok(())
}

fn run(scenario: &Scenario, name: &str, promises: &[&'static str], table: &Table) -> Explored {
    let explored = explore(scenario, promises, STEPS_MAX, |_| ());
    let row = table::explored(name, scenario.faults, &explored);
    table.lock().unwrap_or_else(PoisonError::into_inner).push(row);
    explored
}
