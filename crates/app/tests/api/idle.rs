//! What processes ask of their stores that nobody asks for anything: many do no more of what one is enough
//! for.

use std::collections::BTreeMap;

use crate::stack::{Settings, Stack};

/// How many there are, and how often each looks at the calendar while they are watched: about once a second, and
/// so for long enough that each would have looked for what is overdue.
const MANY: u64 = 10;
const LOOKS: u64 = 11;

/// What the servers were asked since they were told to count.
#[derive(Debug)]
struct Asked {
    /// How often a process looked at the calendar.
    looks: u64,
    /// By the first words of the statement, which are its name.
    statements: BTreeMap<String, u64>,
    fcalls: u64,
}

impl Asked {
    fn of(&self, name: &str) -> u64 {
        self.statements.get(name).copied().unwrap_or_default()
    }
}

/// One process on a Postgres that counts its statements, and a sale with units on hold and sold.
async fn counting() -> Stack {
    let settings = Settings { own_postgres: true, hold_ttl: "1s", ..Settings::default() };
    let mut stack = Stack::prepare(settings);
    let preload = "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'";
    stack.postgres().psql("postgres", preload).unwrap();
    stack.postgres().restart().unwrap();
    stack.sql("CREATE EXTENSION pg_stat_statements");
    stack.start_app().await;
    let sale = stack.sale().await;
    for number in 0..20 {
        let held = stack.checkout(&format!("user-{number}"), sale).await;
        if number < 10 {
            stack.purchase(held.code()).await;
        }
    }
    stack
}

/// Watches the processes until each has looked at the calendar so often.
async fn watch(stack: &Stack) -> Asked {
    // What is done once, when a process begins, is done.
    stack.until("each has looked", async |stack| counted(stack).of("tally") >= MANY).await;
    stack.sql("SELECT pg_stat_statements_reset()");
    redis(stack, &["CONFIG", "RESETSTAT"]).await;
    let mut asked = counted(stack);
    stack
        .until("they have looked often enough", async |stack| {
            asked = counted(stack);
            asked.looks >= LOOKS * MANY
        })
        .await;
    let figures = redis(stack, &["INFO", "commandstats"]).await;
    let fcall = figures.lines().find_map(|line| line.strip_prefix("cmdstat_fcall:calls="));
    let fcalls = fcall.and_then(|line| line.split(',').next()?.parse().ok()).unwrap();
    Asked { fcalls, ..asked }
}

fn counted(stack: &Stack) -> Asked {
    let rows = stack.sql(
        "SELECT coalesce(substring(query FROM '^-- ([a-z_]+)'), left(regexp_replace(query, '\\s+', ' ', 'g'), 60)), \
         sum(calls) FROM pg_stat_statements WHERE query !~ 'pg_stat_statements' GROUP BY 1",
    );
    let statements = rows.lines().filter_map(|row| {
        let (name, calls) = row.rsplit_once('|')?;
        Some((name.to_owned(), calls.parse().ok()?))
    });
    let statements = statements.collect::<BTreeMap<_, _>>();
    let looks = statements.get("calendar").copied().unwrap_or_default();
    Asked { looks, statements, fcalls: 0 }
}

async fn redis(stack: &Stack, command: &[&str]) -> String {
    use deadpool_redis::redis::{self, Client};

    let client = Client::open(stack.redis().url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let (name, arguments) = command.split_first().unwrap();
    redis::cmd(name).arg(arguments).query_async(&mut connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_idle_processes_compare_and_expire_no_more_than_one() {
    let mut stack = counting().await;
    for _ in 1..MANY {
        stack.start_app().await;
    }

    let asked = watch(&stack).await;

    println!("{MANY} processes: {asked:#?}");
    // One does so every two seconds, and every five; once more where the time between two was cut, and twice where
    // a minute begins, for its chart: by who has recorded attempts, and by one of the others.
    assert!((1..=LOOKS / 2 + 3).contains(&asked.of("tally")), "{asked:?}");
    assert!((1..=LOOKS / 5 + 1).contains(&asked.of("next_due")), "{asked:?}");
    assert_eq!(asked.of("expire_overdue"), 0, "{asked:?}");
    // What is left of each process: the calendar, and nothing that it says.
    let of_each: u64 = asked.statements.values().filter(|&&calls| calls >= MANY).sum();
    assert_eq!(of_each, asked.looks, "{asked:?}");
    // Each looks four times a second for what is due, and asks now and then whose turn it is.
    assert!(asked.fcalls <= asked.looks * 6, "{asked:?}");
}
