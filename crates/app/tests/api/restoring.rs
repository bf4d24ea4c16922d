//! Backups that are taken while the service sells, and what it does with them when they are restored: the ledger is
//! what it was at a moment, whole, and everything goes on from there.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Output,
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use dev_servers::Service;
use rusqlite::Connection;
use tokio::{
    task::{JoinHandle, block_in_place},
    time::Instant,
};

use crate::{
    crowd::{Crowd, Log, Urls, assert_holds, audit, audit_sold_out},
    stack::{Answer, Kind, Settings, Stack},
};

const STOCK: u32 = 2_000;
const USERS: u64 = 600;
const LIMIT: u64 = 10;

/// A crowd at a sale, which does not stop because somebody makes a copy.
struct Rush {
    log: Arc<Log>,
    crowd: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl Rush {
    fn at(stack: &Stack, sale: i64) -> Self {
        let urls = stack.apps.iter().map(|app| app.url().to_owned()).collect();
        let urls: Urls = Arc::new(RwLock::new(urls));
        let (log, stop) = (Arc::<Log>::default(), Arc::<AtomicBool>::default());
        let crowd = tokio::spawn({
            let (log, stop) = (Arc::clone(&log), Arc::clone(&stop));
            let crowd = Crowd { sale, users: USERS, connections: 16, abandoned_percent: 25 };
            async move { crowd.buy(&urls, &log, &stop).await }
        });
        Self { log, crowd, stop }
    }

    async fn until_sold(&self, stack: &Stack, units: u32) {
        stack
            .until(&format!("{units} units are sold"), async |_| {
                self.log.sold.load(Ordering::Relaxed) >= units.into() || self.crowd.is_finished()
            })
            .await;
        assert!(!self.crowd.is_finished(), "the sale was over too soon");
    }

    /// The receipts that somebody has seen.
    fn receipts(&self) -> HashMap<String, u64> {
        self.log.receipts.lock().unwrap().clone()
    }

    async fn end(self) -> Arc<Log> {
        self.crowd.await.unwrap();
        self.log
    }

    async fn break_off(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.crowd.await.unwrap();
    }
}

/// Each receipt that was seen is in the ledger, of the same unit.
fn has_all(stack: &Stack, receipts: &HashMap<String, u64>) {
    let there = stack.sql("SELECT code, unit FROM purchases");
    let there: HashMap<_, _> = there.lines().map(|line| line.split_once('|').unwrap()).collect();
    for (code, unit) in receipts {
        assert_eq!(there.get(code.as_str()), Some(&unit.to_string().as_str()), "{code}");
    }
}

fn settings(kind: Kind) -> Settings {
    Settings { stock: STOCK, hold_ttl: "1s", ..Settings::on(kind) }
}

/// `flashsale backup`, of this stack's directory.
fn back_up(stack: &Stack, to: &Path) -> Output {
    let mut command = stack.command();
    block_in_place(|| command.arg("backup").arg(to).output().unwrap())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_backed_up_while_it_sells_and_another_process_sells_on_from_the_copy() {
    let stack = Stack::start(settings(Kind::Embedded)).await;
    let sale = stack.sale().await;
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("of/today");
    // As whoever looks at a long list: as long as they do, what is new stays in the log of the ledger, and a copy of the
    // file alone has none of it.
    let reader = Connection::open(stack.data_dir().join("ledger.sqlite")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM sales").unwrap();
    let rush = Rush::at(&stack, sale);
    rush.until_sold(&stack, STOCK / 4).await;

    let seen = rush.receipts();
    let made = back_up(&stack, &copy);
    drop(reader);

    assert!(made.status.success(), "{}", said(&made));
    let printed = String::from_utf8(made.stdout).unwrap();
    assert!(printed.starts_with(copy.to_str().unwrap()), "{printed}");
    let rights = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((rights(&copy), rights(&copy.join("ledger.sqlite"))), (0o700, 0o600));
    assert_eq!(fs::read_dir(&copy).unwrap().count(), 1, "nothing else is left there");
    // Nobody who bought noticed.
    let log = rush.end().await;
    audit_sold_out(&stack, sale, STOCK.into(), LIMIT);
    audit(&stack, sale, &log, false);

    let mut restored = Stack::prepare(Settings { by_hand: false, ..settings(Kind::Embedded) });
    fs::remove_dir_all(restored.data_dir()).unwrap();
    fs::rename(&copy, restored.data_dir()).unwrap();
    assert_holds(&restored.audit());
    has_all(&restored, &seen);
    let sold = restored.count("SELECT count(*) FROM purchases");
    assert!(u64::from(STOCK) > sold, "it is no copy of that moment: {sold} are sold in it");
    restored.start_app().await;
    let rush = Rush::at(&restored, sale);
    rush.end().await;
    audit_sold_out(&restored, sale, STOCK.into(), LIMIT);
    has_all(&restored, &seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_not_made_over_something_nor_of_nothing_nor_of_servers() {
    let stack = Stack::start(Settings::on(Kind::Embedded)).await;
    let dir = tempfile::tempdir().unwrap();
    let (copy, nothing) = (dir.path().join("copy"), dir.path().join("nothing"));
    // As when the first was broken off.
    fs::create_dir(&copy).unwrap();
    fs::write(copy.join("ledger.sqlite-unfinished"), "half of a ledger").unwrap();

    let first = back_up(&stack, &copy);
    assert!(first.status.success(), "{}", said(&first));
    for there in [&copy, &stack.data_dir()] {
        let before = fs::read(there.join("ledger.sqlite")).unwrap().len();
        let again = back_up(&stack, there);
        assert_eq!(again.status.code(), Some(1));
        assert!(said(&again).contains("is not empty"), "{}", said(&again));
        assert_eq!(fs::read(there.join("ledger.sqlite")).unwrap().len(), before);
    }
    assert_holds(&stack.audit());

    let of_nothing =
        stack.program().env("DATA_DIR", &nothing).command(["backup"]).arg(&copy).output();
    let of_nothing = of_nothing.unwrap();
    assert_eq!(of_nothing.status.code(), Some(1));
    assert!(said(&of_nothing).contains("there is no ledger in"), "{}", said(&of_nothing));
    assert!(!nothing.exists(), "it was made");

    let of_servers = stack.program().env("DATABASE_URL", "postgres://nowhere/x");
    let of_servers = of_servers.command(["backup"]).arg(&nothing).output().unwrap();
    assert_eq!(of_servers.status.code(), Some(1));
    assert!(said(&of_servers).contains("pg_dump"), "{}", said(&of_servers));
    assert!(!nothing.exists(), "it was made");
}

/// Has a crowd buy from a sale until a quarter is sold, copies the database, and has the crowd go on from there, after
/// `then`, until a half is. Says what had been bought by the copy.
async fn bought_over_a_copy(
    stack: &Stack,
    sale: i64,
    copy: &Path,
    then: impl FnOnce(&Stack),
) -> HashMap<String, u64> {
    let rush = Rush::at(stack, sale);
    rush.until_sold(stack, STOCK / 4).await;
    let seen = rush.receipts();
    let url = stack.database_url();
    let (_, database) = url.rsplit_once('/').unwrap();
    block_in_place(|| {
        stack.postgres().back_up(database, copy).unwrap();
        then(stack);
    });
    rush.until_sold(stack, STOCK / 2).await;
    rush.break_off().await;
    seen
}

/// Puts the copy in the place of the database that is lost, while nobody serves.
fn put_back(stack: &mut Stack, copy: &Path) {
    block_in_place(|| {
        for app in stack.apps.drain(..) {
            assert!(app.terminate().unwrap().success());
        }
        let url = stack.database_url();
        let name = url.rsplit_once('/').unwrap().1;
        let server = stack.postgres();
        server.restore("restored", copy).unwrap();
        server.rename_database(name, "lost").unwrap();
        server.rename_database("restored", name).unwrap();
    });
}

/// Waits until a process says that the ledger is behind; says at what `/health` it does.
async fn says_that_it_is_behind(stack: &Stack, app: &Service, sale: i64) {
    let behind =
        format!("sale {sale} is served at an epoch the ledger never issued: it has lost data");
    stack
        .until("/health says it", async |stack| {
            let health =
                Answer::read(stack.http.get(format!("{}/health", app.url()))).await.unwrap();
            health.status == 503 && health.body["checks"]["served"] == behind.as_str()
        })
        .await;
    let accept = format!("flashsale sales accept-restore {sale}");
    stack.until("the log says what to do", async |_| app.log().contains(&accept)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_restored_behind_its_redis_and_sells_nothing_until_an_operator_says_so() {
    let settings = Settings { own_postgres: true, ..settings(Kind::Servers) };
    let mut stack = Stack::start(settings).await;
    let sale = stack.sale().await;
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("ledger.dump");
    // It is loaded anew meanwhile: the copy does not know of that.
    let load_anew = |stack: &Stack| stack.redis().flush_all().unwrap();
    let seen = bought_over_a_copy(&stack, sale, &copy, load_anew).await;

    put_back(&mut stack, &copy);
    let app = stack.start_app_unready();

    says_that_it_is_behind(&stack, &app, sale).await;
    stack.apps.push(app);
    for _ in 0..10 {
        let refused = stack.checkout("ann", sale).await;
        assert_eq!(
            (refused.status, refused.header("retry-after").is_some()),
            (503, true),
            "{refused:?}"
        );
    }
    has_all(&stack, &seen);

    let ordered = Instant::now();
    let says = stack.operate(&["sales", "accept-restore", &sale.to_string()]);
    stack.until("it sells", async |stack| stack.checkout("ann", sale).await.name() == "ok").await;
    println!("sold {} ms after the operator's word", ordered.elapsed().as_millis());

    assert!(says.contains("is served as the ledger has it"), "{says}");
    assert_holds(&stack.audit());
    stack.until("/health says it", async |stack| stack.get("/health").await.status == 200).await;
    let rush = Rush::at(&stack, sale);
    rush.end().await;
    has_all(&stack, &seen);
    audit_sold_out(&stack, sale, STOCK.into(), LIMIT);
}

/// No load has set both apart, so nothing but what is sold tells of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_whose_restored_database_lacks_purchases_is_paused_until_an_operator_lets_it_go_on()
{
    let settings = Settings { own_postgres: true, ..settings(Kind::Servers) };
    let mut stack = Stack::start(settings).await;
    let sale = stack.sale().await;
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("ledger.dump");
    let seen = bought_over_a_copy(&stack, sale, &copy, |_| ()).await;
    let bought = stack.count("SELECT count(*) FROM purchases");

    put_back(&mut stack, &copy);
    let left = stack.count("SELECT count(*) FROM purchases");
    stack.start_app().await;

    let path = format!("/sales/{sale}");
    stack
        .until("it is paused", async |stack| stack.get(&path).await.body["state"] == "paused")
        .await;
    assert_eq!(stack.checkout("ann", sale).await.name(), "sale-paused");
    let why = stack.sql(&format!(
        "SELECT operator || ': ' || why FROM operator_actions WHERE sale_id = {sale}"
    ));
    let lost = why.trim().strip_prefix("flashsale: purchases lost: ");
    let lost = lost.and_then(|rest| rest.split_once(';')?.0.parse::<u64>().ok());
    // What was bought last, nobody may have told Redis.
    assert!(lost.is_some_and(|lost| (1..=bought - left).contains(&lost)), "{why}");
    let tells = "then `flashsale sales resume`";
    stack.until("the log says what to do", async |it| it.apps[0].log().contains(tells)).await;
    has_all(&stack, &seen);

    let ordered = Instant::now();
    stack.operate(&["sales", "resume", &sale.to_string()]);
    stack.until("it sells", async |stack| stack.checkout("ann", sale).await.name() == "ok").await;
    println!("sold {} ms after the operator's word", ordered.elapsed().as_millis());
    let rush = Rush::at(&stack, sale);
    rush.end().await;
    has_all(&stack, &seen);
    audit_sold_out(&stack, sale, STOCK.into(), LIMIT);
}
