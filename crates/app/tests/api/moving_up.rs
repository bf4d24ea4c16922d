//! From a directory to Postgres and Redis, with everything that was sold.

use std::{fs, process::Output};

use tokio::task::block_in_place;

use crate::{
    crowd::assert_holds,
    keys,
    stack::{Answer, Kind, Settings, Stack},
};

/// The same of both ledgers, by what both databases understand.
const CONTENTS: [&str; 4] = [
    "SELECT sale_id, outcome, state, unit, slot, epoch, code, user_id FROM checkout_attempts \
     ORDER BY sale_id, coalesce(unit, 0), code, user_id, outcome",
    "SELECT sale_id, unit, slot, code, user_id, item_name, item_image, cancel_reason FROM purchases \
     ORDER BY sale_id, unit, code",
    "SELECT id, hold_ms, epoch, stock, per_user_limit, state, \
     CASE WHEN on_timetable THEN 'timetable' ELSE 'operator' END FROM sales ORDER BY id",
    "SELECT count(*) FROM checkout_attempts",
];

/// A shop on a directory in which everything has happened, and where its data are.
struct Shop {
    stack: Stack,
    sale: i64,
    held: Answer,
    sold: Answer,
    cancelled: Answer,
}

impl Shop {
    async fn open() -> Self {
        let settings = Settings { stock: 4, per_user_limit: 2, ..Settings::on(Kind::Embedded) };
        let stack = Stack::start(settings).await;
        let sale = stack.sale().await;
        let [held, bought, released] = [
            keys::ask(&stack, "ann", sale, keys::KEY).await,
            stack.checkout("bob", sale).await,
            stack.checkout("cid", sale).await,
        ];
        let sent_back = stack.checkout("gus", sale).await;
        stack.purchase(sent_back.code()).await;
        let cancel = ["purchases", "cancel", sent_back.code(), "--reason", "it is broken"];
        stack.operate(&cancel);
        let cancelled = stack.get(&format!("/purchases/{}", sent_back.code())).await;
        let sold = stack.purchase(bought.code()).await;
        stack.delete(&format!("/checkout?code={}", released.code())).await;
        stack.checkout("ann", sale).await;
        assert_eq!(stack.checkout("ann", sale).await.name(), "user-limit-reached");
        assert_eq!(stack.checkout("dan", sale).await.name(), "ok");
        assert_eq!(stack.checkout("eve", sale).await.name(), "sold-out");
        assert_eq!(stack.checkout("eve", 999).await.name(), "sale-not-found");
        Self { stack, sale, held, sold, cancelled }
    }

    fn close(&mut self) {
        let status = block_in_place(|| self.stack.apps.remove(0).terminate().unwrap());
        assert!(status.success());
    }

    /// Takes its ledger along to that of another stack.
    fn import_to(&self, target: &Stack) -> Output {
        let mut command = target.command();
        command.args(["import", "--from"]).arg(self.stack.data_dir());
        block_in_place(|| command.output().unwrap())
    }
}

fn empty() -> Stack {
    Stack::prepare(Settings { by_hand: false, ..Settings::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_moves_up_with_all_it_has_sold_and_sells_on() {
    let mut shop = Shop::open().await;
    shop.close();
    let mut grown = empty();

    let output = shop.import_to(&grown);

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.starts_with("taken along: 1 sales, 9 attempts, 2 purchases."), "{said}");
    for query in CONTENTS {
        assert_eq!(shop.stack.sql(query), grown.sql(query), "{query}");
    }
    assert_holds(&shop.stack.audit());
    assert_holds(&grown.audit());
    for _ in 0..2 {
        grown.start_app().await;
    }
    let receipt = grown.get(&format!("/purchases/{}", shop.sold.code())).await;
    assert_eq!(receipt.body, shop.sold.body);
    let cancelled = grown.get(&format!("/purchases/{}", shop.cancelled.code())).await;
    assert_eq!(cancelled.body["reason"], "it is broken");
    assert_eq!(cancelled.body, shop.cancelled.body);
    assert_eq!(grown.purchase(shop.cancelled.code()).await.name(), "purchase-cancelled");
    let asked_again = keys::ask(&grown, "ann", shop.sale, keys::KEY).await;
    keys::assert_replayed(&asked_again, &shop.held);
    assert_eq!(grown.purchase(shop.held.code()).await.unit(), shop.held.unit());
    assert_eq!(grown.checkout("fay", shop.sale).await.name(), "sold-out");
    let next = grown.operate(&[
        "sales",
        "schedule",
        "--starts-at",
        "2040-01-01T00:00:00Z",
        "--lasts",
        "1h",
    ]);
    let number: i64 =
        next.lines().nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    // Its own timetable may have taken numbers meanwhile; none that came along is taken again.
    assert!(number > shop.sale, "{next}");
    assert_holds(&grown.audit());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_from_a_shop_that_is_open_or_out_of_order() {
    let mut shop = Shop::open().await;
    let target = empty();

    let open = shop.import_to(&target);
    shop.close();
    shop.stack.sql("UPDATE sales SET sold = 3 WHERE id = 1");
    let broken = shop.import_to(&target);

    for (output, why) in [(open, "stop the service first"), (broken, "sold-counted (1 times)")] {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{said}");
        assert_eq!(target.count("SELECT count(*) FROM sales"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_to_a_ledger_that_holds_something() {
    let mut shop = Shop::open().await;
    shop.close();
    let target = Stack::prepare(Settings::default());

    let output = shop.import_to(&target);

    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the ledger is not empty"), "{said}");
    assert_eq!(target.count("SELECT count(*) FROM checkout_attempts"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_from_nowhere_or_to_nowhere_says_what_is_missing() {
    let mut shop = Shop::open().await;
    shop.close();
    let nowhere = tempfile::tempdir().unwrap();
    let target = empty();
    let run = |target: &Stack, from: &std::path::Path| {
        let mut command = target.command();
        let output = command.args(["import", "--from"]).arg(from).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };

    let (from_nowhere, said) = block_in_place(|| run(&target, nowhere.path()));
    assert!(from_nowhere == Some(1) && said.contains("there is no ledger in"), "{said}");
    assert_eq!(fs::read_dir(&nowhere).unwrap().count(), 0, "nothing was made");
    let (to_nowhere, said) = block_in_place(|| run(&shop.stack, &shop.stack.data_dir()));
    assert!(to_nowhere == Some(1) && said.contains("DATABASE_URL is not set"), "{said}");
}
