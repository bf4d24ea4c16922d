//! What a crowd of readers gets, what caches may keep of it, and what it costs the stores.

use std::{
    collections::BTreeMap,
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use deadpool_redis::redis;
use flate2::read::GzDecoder;
use tokio::task::{JoinSet, block_in_place};

use crate::stack::{Answer, Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    what_has_not_changed_is_not_sent_again
    caches_keep_an_open_sale_for_a_second_and_nothing_beyond_its_end
    caches_keep_a_closed_sale_for_long
    what_is_a_buyers_own_or_wrong_for_the_moment_is_kept_by_nobody
    a_picture_is_sent_compressed_to_whoever_takes_it_so
    a_crowd_of_readers_sees_a_sale_go_on
}

async fn get_with(stack: &Stack, path: &str, header: &str, value: &str) -> Answer {
    let request = stack.http.get(format!("{}{path}", stack.url())).header(header, value);
    Answer::read(request).await.unwrap()
}

async fn what_has_not_changed_is_not_sent_again(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let paths = ["/sales/current".to_owned(), format!("/sales/{sale}"), "/sales?limit=5".into()];

    for path in &paths {
        let first = stack.get(path).await;
        let tag = first.header("etag").unwrap().to_owned();
        // Whichever process is asked, and however late it is by then.
        for _ in 0..4 {
            let again = get_with(&stack, path, "if-none-match", &tag).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}: {again:?}");
            assert_eq!(again.header("etag"), Some(tag.as_str()), "{path}");
            assert_eq!(again.header("cache-control"), first.header("cache-control"), "{path}");
        }
        let list = format!("\"other\", {tag}");
        assert_eq!(get_with(&stack, path, "if-none-match", &list).await.status, 304, "{path}");
        assert_eq!(get_with(&stack, path, "if-none-match", "*").await.status, 304, "{path}");
        assert_eq!(get_with(&stack, path, "if-none-match", "\"other\"").await.status, 200);
        let head = stack.http.head(format!("{}{path}", stack.url()));
        let head = Answer::read(head).await.unwrap();
        assert_eq!((head.status, head.header("etag")), (200, Some(tag.as_str())), "{path}");
    }

    let tags = async |stack: &Stack| {
        let mut tags = Vec::new();
        for path in &paths {
            tags.push(stack.get(path).await.header("etag").unwrap().to_owned());
        }
        tags
    };
    let before = tags(&stack).await;
    assert_eq!(stack.checkout("ann", sale).await.name(), "ok");
    stack
        .until("the hold is in every answer", async |stack| {
            tags(stack).await.iter().zip(&before).all(|(after, before)| after != before)
        })
        .await;
}

async fn caches_keep_an_open_sale_for_a_second_and_nothing_beyond_its_end(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    for path in ["/sales/current", "/sales/1", "/sales"] {
        let answer = stack.get(path).await;
        assert_eq!(answer.header("cache-control"), Some("public, max-age=1"), "{path}");
    }

    let settings = Settings { by_hand: false, sale_period: "1s", ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    for path in ["/sales/current", "/sales"] {
        let answer = stack.get(path).await;
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
    }
}

async fn caches_keep_a_closed_sale_for_long(kind: Kind) {
    let settings = Settings { by_hand: false, sale_period: "1s", ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    stack
        .until("three sales are closed", async |stack| {
            stack.count("SELECT count(*) FROM sales WHERE closed_at IS NOT NULL") >= 3
        })
        .await;
    let closed = stack.count("SELECT min(id) FROM sales WHERE closed_at IS NOT NULL");

    stack
        .until("every process knows that it is closed", async |stack| {
            let sale = stack.get(&format!("/sales/{closed}")).await;
            assert_eq!(sale.body["state"], "ended");
            sale.header("cache-control") == Some("public, max-age=60")
        })
        .await;
    let page = stack.get(&format!("/sales?before={}&limit=1", closed + 1)).await;
    assert_eq!(page.header("cache-control"), Some("public, max-age=60"), "{page:?}");
}

async fn what_is_a_buyers_own_or_wrong_for_the_moment_is_kept_by_nobody(kind: Kind) {
    let stack = Stack::start(Settings { per_user_limit: 2, ..Settings::on(kind) }).await;
    let sale = stack.sale().await;
    let bought = stack.checkout("ann", sale).await;
    let given_back = stack.checkout("ann", sale).await;
    let receipt = stack.purchase(bought.code()).await;

    let answers = [
        stack.checkout("ann", sale).await,
        stack.get(&format!("/purchases/{}", bought.code())).await,
        stack.purchase(bought.code()).await,
        stack.delete(&format!("/checkout?code={}", given_back.code())).await,
        stack.get(&format!("/purchases/{}", given_back.code())).await,
        stack.get("/sales/999").await,
        stack.get("/sales?limit=x").await,
        stack.get("/nowhere").await,
        stack.post("/sales").await,
        stack.get("/items/1/101.svg").await,
        stack.get("/health").await,
        stack.get("/health/live").await,
    ];

    for answer in [&bought, &given_back, &receipt].into_iter().chain(&answers) {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    }
}

async fn a_picture_is_sent_compressed_to_whoever_takes_it_so(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let path = "/items/1/7.svg";
    let plain = stack.get(path).await;
    for refusing in ["identity", "gzip;q=0", "br"] {
        let answer = get_with(&stack, path, "accept-encoding", refusing).await;
        assert_eq!(answer.header("content-encoding"), None, "{refusing}");
        assert_eq!(answer.text, plain.text, "{refusing}");
    }

    for taking in ["gzip", "gzip, deflate, br", "br;q=1, gzip;q=0.5"] {
        let url = format!("{}{path}", stack.url());
        let request = stack.http.get(url).header("accept-encoding", taking);
        let response = request.send().await.unwrap();
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("content-encoding"), Some("gzip"), "{taking}");
        assert_eq!(header("content-type"), Some("image/svg+xml"));
        assert!(header("cache-control").unwrap().contains("immutable"));
        let compressed = response.bytes().await.unwrap();
        let mut text = String::new();
        GzDecoder::new(&*compressed).read_to_string(&mut text).unwrap();
        assert_eq!(text, plain.text, "{taking}");
        assert!(compressed.len() * 2 < text.len(), "{} of {}", compressed.len(), text.len());
    }

    let compressed = get_with(&stack, path, "accept-encoding", "gzip").await;
    let tags = [&plain, &compressed].map(|answer| answer.header("etag").unwrap());
    assert_ne!(tags[0], tags[1]);
    for answer in [&plain, &compressed] {
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
    }
    assert_eq!(get_with(&stack, path, "if-none-match", tags[0]).await.status, 304);
}

/// Readers of these paths, a few at a time, until they are told to stop.
struct Readers {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    tasks: JoinSet<BTreeMap<u16, u64>>,
}

impl Readers {
    fn start(stack: &Stack, paths: &[&str], readers: usize) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        for reader in 0..readers {
            let url = format!("{}{}", stack.url(), paths[reader % paths.len()]);
            let (http, stop, answered) = (stack.http.clone(), stop.clone(), answered.clone());
            tasks.spawn(async move {
                let mut statuses = BTreeMap::new();
                while !stop.load(Ordering::Relaxed) {
                    let answer = Answer::read(http.get(&url)).await.unwrap();
                    *statuses.entry(answer.status).or_default() += 1;
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                statuses
            });
        }
        Self { stop, answered, tasks }
    }

    /// Waits until they got so many answers more.
    async fn read(&self, stack: &Stack, answers: u64) {
        let enough = self.answered.load(Ordering::Relaxed) + answers;
        stack
            .until("the readers are answered", async |_| {
                self.answered.load(Ordering::Relaxed) >= enough
            })
            .await;
    }

    /// How many answers there were of each status.
    async fn stop(mut self) -> BTreeMap<u16, u64> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = BTreeMap::new();
        while let Some(statuses) = self.tasks.join_next().await {
            for (status, count) in statuses.unwrap() {
                *all.entry(status).or_default() += count;
            }
        }
        all
    }
}

async fn a_crowd_of_readers_sees_a_sale_go_on(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let paths = ["/sales/current", "/sales/1", "/sales", "/health", "/health/ready"];
    let readers = Readers::start(&stack, &paths, 40);

    for held in 1..=10 {
        assert_eq!(stack.checkout("ann", sale).await.name(), "ok");
        stack
            .until("every process shows the hold", async |stack| {
                let mut shown = Vec::new();
                for app in &stack.apps {
                    let request = stack.http.get(format!("{}/sales/current", app.url()));
                    shown.push(Answer::read(request).await.unwrap().body["held"] == held);
                }
                shown.into_iter().all(|shows| shows)
            })
            .await;
    }

    let statuses = readers.stop().await;
    assert_eq!(statuses.keys().collect::<Vec<_>>(), [&200], "{statuses:?}");
}

/// How many commands Redis has carried out, and transactions Postgres.
pub(crate) async fn asked(stack: &Stack) -> [u64; 2] {
    let client = redis::Client::open(stack.redis().url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let stats: String = redis::cmd("INFO").arg("stats").query_async(&mut connection).await.unwrap();
    let commands =
        stats.lines().find_map(|line| line.strip_prefix("total_commands_processed:")).unwrap();
    let transactions = stack.count(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database \
         WHERE datname = current_database()",
    );
    [commands.parse().unwrap(), transactions]
}

/// The paths a crowd may read: what is on the board, and what is not.
const PATHS: [&str; 8] = [
    "/sales/current",
    "/sales/1",
    "/sales/999",
    "/sales?limit=20",
    "/sales",
    "/items/999/1.svg",
    "/health",
    "/health/ready",
];

#[tokio::test(flavor = "multi_thread")]
async fn however_many_read_the_stores_are_asked_no_more() {
    const ANSWERS: u64 = 6_000;
    let stack = Stack::start(Settings { processes: 1, ..Settings::default() }).await;
    for path in PATHS {
        let readers = Readers::start(&stack, &[path], 32);
        readers.read(&stack, 64).await;

        let before = asked(&stack).await;
        readers.read(&stack, ANSWERS).await;
        let after = asked(&stack).await;

        let [commands, transactions] = [0, 1].map(|store| after[store] - before[store]);
        println!("{path}: {ANSWERS} reads, {commands} of Redis, {transactions} of Postgres");
        // The upkeep's are among them. A question a read would be as many as there were answers.
        assert!(commands < ANSWERS / 2, "{path}: {commands} commands");
        assert!(transactions < ANSWERS / 2, "{path}: {transactions} transactions");
        readers.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_redis_lost_a_crowd_of_readers_does_not_keep_the_sale_from_coming_back() {
    let stack = Stack::start(Settings::default()).await;
    let sale = stack.sale().await;
    let readers = Readers::start(&stack, &["/sales/1", "/sales/current", "/sales"], 200);
    readers.read(&stack, 1_000).await;

    block_in_place(|| stack.redis().flush_all().unwrap());
    let lost_at = tokio::time::Instant::now();
    stack
        .until("a unit is granted again", async |stack| {
            stack.checkout("first", sale).await.name() == "ok"
        })
        .await;

    println!("first grant after {} ms", lost_at.elapsed().as_millis());
    let statuses = readers.stop().await;
    assert_eq!(statuses.keys().collect::<Vec<_>>(), [&200], "{statuses:?}");
}
