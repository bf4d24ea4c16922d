//! What is in `examples/`, as its readers run it: clients on a service whose answers get lost, and an
//! evening of a shop.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use dev_servers::{Condition, Proxy};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    crowd::assert_holds,
    stack::{BINARY, Kind, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    a_unit_is_bought
    a_unit_of_the_sale_that_is_on_is_bought_and_not_of_the_next
    a_checkout_whose_answer_gets_lost_is_asked_for_again
    a_refusal_is_told_and_not_repeated
    a_code_whose_answer_got_lost_has_its_receipt
    a_purchase_whose_answer_gets_lost_is_asked_for_again
    a_sale_is_watched_until_nothing_is_left
    an_evening_is_played_from_the_shell_alone
}

/// How long an evening may take: it has some forty commands, and machines are slow at times.
const EVENING: Duration = Duration::from_secs(600);

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

/// Who runs an example, and where it is.
const LANGUAGES: [(&str, &str, &str); 2] = [("bash", "curl", "sh"), ("python3", "python", "py")];

/// An example that runs, or did. It ends with this value.
struct Run {
    child: Child,
    printed: NamedTempFile,
    complained: NamedTempFile,
}

impl Run {
    /// Runs an example on the service at this address.
    fn start(language: usize, name: &str, base_url: &str, arguments: &[&str]) -> Self {
        let (program, directory, ending) = LANGUAGES[language];
        let mut command = Command::new(program);
        command
            .arg(format!("{EXAMPLES}/{directory}/{name}.{ending}"))
            .args(arguments)
            .env("BASE_URL", base_url)
            // Nothing is written beside what is read.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null());
        Self::of(command)
    }

    /// Runs a command.
    fn of(mut command: Command) -> Self {
        let (printed, complained) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
        let child = command
            .stdout(printed.reopen().unwrap())
            .stderr(complained.reopen().unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{error}: apt-get install bash curl python3"));
        Self { child, printed, complained }
    }

    fn printed(&self) -> String {
        fs::read_to_string(self.printed.path()).unwrap()
    }

    fn complained(&self) -> String {
        fs::read_to_string(self.complained.path()).unwrap()
    }

    /// Waits for its end; returns whether it went well.
    async fn ended(&mut self, stack: &Stack) -> bool {
        stack.until("the example ends", async |_| self.child.try_wait().unwrap().is_some()).await;
        self.child.wait().unwrap().success()
    }

    /// The receipt that it prints.
    async fn receipt(mut self, stack: &Stack) -> Value {
        assert!(self.ended(stack).await, "{}", self.complained());
        let printed = self.printed();
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // One that ended is not there any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn a_unit_is_bought(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    for language in 0..LANGUAGES.len() {
        let receipt = Run::start(language, "buy", stack.url(), &["alice"]).receipt(&stack).await;

        let shown = stack.get(&format!("/purchases/{}", receipt["code"].as_str().unwrap())).await;
        assert_eq!((shown.status, &shown.body), (200, &receipt));
    }
    assert_eq!(stack.count("SELECT count(*) FROM purchases"), 2);
}

async fn a_unit_of_the_sale_that_is_on_is_bought_and_not_of_the_next(kind: Kind) {
    let settings = Settings { by_hand: false, sale_period: "1h", ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    let mut on = stack.get("/sales/current").await.body;
    stack
        .until("the next sale is planned", async |stack| {
            on = stack.get("/sales/current").await.body;
            on["next_sale"]["id"].is_number()
        })
        .await;

    for language in 0..LANGUAGES.len() {
        let receipt = Run::start(language, "buy", stack.url(), &["alice"]).receipt(&stack).await;

        assert_eq!(receipt["sale_id"], on["id"], "{receipt} {on}");
    }
}

async fn a_checkout_whose_answer_gets_lost_is_asked_for_again(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let network = Proxy::to(stack.apps[0].port()).await.unwrap();
    let base_url = format!("http://127.0.0.1:{}", network.port());
    let sale = stack.sale().await.to_string();

    for (language, user) in ["ann", "bob"].into_iter().enumerate() {
        let granted = format!(
            "SELECT count(*) FROM checkout_attempts WHERE outcome = 'granted' AND user_id = '{user}'"
        );
        network.set_condition(Condition::AnswersBlocked);
        let run = Run::start(language, "buy", &base_url, &[user, &sale]);
        stack.until("a unit is granted", async |stack| stack.count(&granted) == 1).await;
        network.set_condition(Condition::Good);
        network.cut();

        let receipt = run.receipt(&stack).await;

        assert_eq!((&receipt["user_id"], stack.count(&granted)), (&user.into(), 1));
    }
}

async fn a_refusal_is_told_and_not_repeated(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    for language in 0..LANGUAGES.len() {
        let mut run = Run::start(language, "buy", stack.url(), &["alice", "999"]);

        assert!(!run.ended(&stack).await && run.printed().is_empty(), "{}", run.printed());
        let complaint = run.complained();
        assert!(complaint.contains("404") && complaint.contains("no sale 999"), "{complaint}");
    }
    assert_eq!(stack.count("SELECT count(*) FROM checkout_attempts"), 2);
}

async fn a_code_whose_answer_got_lost_has_its_receipt(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("alice", sale).await;
    let bought = stack.purchase(hold.code()).await;

    for language in 0..LANGUAGES.len() {
        let run = Run::start(language, "redeem", stack.url(), &[hold.code()]);
        assert_eq!(run.receipt(&stack).await, bought.body);
    }
}

async fn a_purchase_whose_answer_gets_lost_is_asked_for_again(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let network = Proxy::to(stack.apps[0].port()).await.unwrap();
    let base_url = format!("http://127.0.0.1:{}", network.port());
    let sale = stack.sale().await;

    for language in 0..LANGUAGES.len() {
        let hold = stack.checkout("alice", sale).await;
        let bought = format!("SELECT count(*) FROM purchases WHERE unit = {}", hold.unit());
        network.set_condition(Condition::AnswersBlocked);
        let run = Run::start(language, "redeem", &base_url, &[hold.code()]);
        stack.until("the unit is sold", async |stack| stack.count(&bought) == 1).await;
        network.set_condition(Condition::Good);
        network.cut();

        let receipt = run.receipt(&stack).await;

        let shown = stack.get(&format!("/purchases/{}", hold.code())).await;
        assert_eq!((shown.status, &shown.body), (200, &receipt));
    }
}

async fn a_sale_is_watched_until_nothing_is_left(kind: Kind) {
    for language in 0..LANGUAGES.len() {
        let stack = Stack::start(Settings { stock: 1, ..Settings::on(kind) }).await;
        let sale = stack.sale().await;
        let mut run = Run::start(language, "watch", stack.url(), &[]);
        let first = format!("sale {sale} is open: 1 free, 0 on hold, 0 sold\n");
        stack.until("it shows the sale", async |_| run.printed() == first).await;

        let hold = stack.checkout("alice", sale).await;
        stack.purchase(hold.code()).await;

        assert!(run.ended(&stack).await, "{}", run.complained());
        let last = format!("sale {sale} is open: 0 free, 0 on hold, 1 sold\n");
        assert!(run.printed().ends_with(&last), "{}", run.printed());
    }
}

/// The script looks at everything itself, and ends at the first thing that is not as it should be. What it
/// had bought is in the ledger, and no more.
async fn an_evening_is_played_from_the_shell_alone(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let shell = stack.program_at("bash").env("FLASHSALE", BINARY).env("BASE_URL", stack.url());

    let mut evening = Run::of(shell.command([format!("{EXAMPLES}/evening.sh")]));
    let went_well =
        timeout(EVENING, spawn_blocking(move || (evening.child.wait().unwrap(), evening)));
    let (status, evening) = went_well.await.expect("the evening ends").unwrap();
    let went_well = status.success();

    let printed = evening.printed();
    assert!(went_well, "{printed}\n{}", evening.complained());
    for told in [
        "ben gets nothing: user-limit-reached",
        "dora gets nothing: sale-paused",
        "bob, who had not heard",
        "6 receipts, 1 of them cancelled, ",
        "3 receipts, 0 of them cancelled, 2 refusals",
        "the audit finds nothing",
    ] {
        assert!(printed.contains(told), "{told}: {printed}");
    }
    assert_eq!(stack.count("SELECT count(*) FROM purchases"), 9);
    let cancelled = "SELECT count(*) FROM purchases WHERE cancelled_at IS NOT NULL";
    assert_eq!((stack.count(cancelled), stack.count("SELECT count(*) FROM products")), (1, 3));
    assert_holds(&stack.audit());
}
