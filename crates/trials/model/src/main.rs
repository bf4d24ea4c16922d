//! `make model`: the large scenarios, each explored as far as asked, and the vast ones walked
//! through at random.

#![expect(clippy::print_stdout, reason = "what it finds is for whoever watches")]

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use model::{
    Scenario, Walked, every_promise, explore,
    scenarios::{ablations, large, vast},
    table,
};

/// How many states or schedules there are between two signs of life.
const SIGN_EVERY: usize = 1_000_000;

/// Explores the protocol of the service.
#[derive(Parser)]
struct Arguments {
    /// How many millions of steps an exploration may take. A state takes about 100 bytes, and is
    /// come to by four or five steps.
    #[arg(long, default_value_t = 60)]
    million_steps: usize,
    /// How many schedules each of the vast scenarios is walked through by.
    #[arg(long, default_value_t = 300_000)]
    schedules: u64,
    /// The seed of the first schedule; the next has the next.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the schedules.
    #[arg(long)]
    random: bool,
    /// Only the large scenarios whose name has this in it, and no schedules.
    #[arg(long)]
    only: Option<String>,
    /// Only show, step by step, how each promise breaks without its defence.
    #[arg(long)]
    traces: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.traces {
        show_traces();
        return ExitCode::SUCCESS;
    }
    let mut rows = vec![table::heading()];
    let mut stories = Vec::new();
    if !arguments.random {
        let is_meant = |name: &str| arguments.only.as_ref().is_none_or(|only| name.contains(only));
        for scenario in large().into_iter().filter(|scenario| is_meant(scenario.name)) {
            explore_one(&scenario, arguments.million_steps * 1_000_000, &mut rows, &mut stories);
        }
    }
    for scenario in vast().into_iter().filter(|_| arguments.only.is_none()) {
        walk_one(&scenario, &arguments, &mut rows, &mut stories);
    }
    println!("\n{}\n{}", rows.join("\n"), stories.join("\n"));
    if stories.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show_traces() {
    for ablation in ablations() {
        let promises = ablation.breaks.map_or_else(every_promise, |promise| vec![promise]);
        let explored = explore(&ablation.scenario, &promises, usize::MAX, |_| ());
        match explored.breach {
            Some(breach) => println!("{}: {}\n", ablation.name(), breach.story()),
            None => println!("{}: no promise broken\n", ablation.name()),
        }
    }
}

fn explore_one(
    scenario: &Scenario,
    steps_max: usize,
    rows: &mut Vec<String>,
    stories: &mut Vec<String>,
) {
    println!("{}: {}", scenario.name, scenario.faults);
    let mut next = SIGN_EVERY;
    let explored = explore(scenario, &every_promise(), steps_max, |states| {
        if states >= next {
            println!("  {states} states");
            next = states + SIGN_EVERY;
        }
    });
    rows.push(table::explored(scenario.name, scenario.faults, &explored));
    stories.extend(explored.breach.map(|breach| breach.story()));
}

fn walk_one(
    scenario: &Scenario,
    arguments: &Arguments,
    rows: &mut Vec<String>,
    stories: &mut Vec<String>,
) {
    let &Arguments { seed, schedules, .. } = arguments;
    println!("{}: {}; --seed {seed} --schedules {schedules}", scenario.name, scenario.faults);
    #[expect(clippy::disallowed_methods, reason = "a stop watch: it decides nothing")]
    let start = Instant::now();
    let mut walked = Walked::default();
    while walked.schedules < schedules && walked.breach.is_none() {
        let some = (schedules - walked.schedules).min(SIGN_EVERY as u64 / 10);
        walked.walk_on(scenario, seed + walked.schedules, some);
        println!("  {} schedules, {} steps", walked.schedules, walked.steps);
    }
    rows.push(table::walked(
        scenario.name,
        scenario.faults,
        &walked,
        start.elapsed().as_secs_f32(),
    ));
    stories.extend(walked.breach.map(|(_, breach)| breach.story()));
}
