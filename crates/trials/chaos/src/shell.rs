//! Giving orders from a shell, which may be closed before they are answered.

use std::{
    io,
    process::{Child, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    deployment::Deployment,
    error::{ChaosError, during},
    orders::{Told, What},
};

/// Between two looks whether a command has come to its end.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Who gives the orders.
const OPERATOR: &str = "chaos";

impl Deployment {
    /// Has an order carried out by a command that reaches the stores as one of the processes does. After
    /// `limit` it is killed, whatever it is doing.
    pub(crate) async fn order(
        &self,
        service: usize,
        (id, sale, what): (Uuid, i64, What),
        settings: &[(&'static str, String)],
        limit: Duration,
    ) -> Result<Told, ChaosError> {
        let program = self.stores.program(&self.processes.build(), service);
        let program = program.envs(settings.iter().cloned()).env("RUST_LOG", "warn");
        let mut command = program.command(arguments(what, sale));
        command.args(["--as", OPERATOR, "--json", "--id", &id.to_string()]);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(during("start a command"))?;
        let output = ended(child, limit).await.map_err(during("wait for a command"))?;
        Ok(read(id, what, &output))
    }
}

fn arguments(what: What, sale: i64) -> Vec<String> {
    let sale = sale.to_string();
    let moment = |ms| jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
    let words = match what {
        What::Schedule { starts_ms, ends_ms } => {
            let (starts_at, lasts) = (moment(starts_ms), format!("{}ms", ends_ms - starts_ms));
            return ["sales", "schedule", "--starts-at", &starts_at, "--lasts", &lasts]
                .map(str::to_owned)
                .into();
        }
        What::Pause => vec!["sales", "pause", &sale],
        What::Resume => vec!["sales", "resume", &sale],
        What::End => vec!["sales", "end", &sale],
        What::EndAt(_) => vec!["sales", "change", &sale, "--ends-at"],
        What::Stock(_) => vec!["sales", "change", &sale, "--stock"],
        What::Limit(_) => vec!["sales", "change", &sale, "--limit"],
        What::Release(_) => vec!["holds", "release"],
        What::Cancel(_) => vec!["purchases", "cancel", "--reason", "it came back"],
    };
    let value = match what {
        What::EndAt(ms) => Some(moment(ms)),
        What::Stock(stock) => Some(stock.to_string()),
        What::Limit(limit) => Some(limit.to_string()),
        What::Release(code) | What::Cancel(code) => Some(code.to_string()),
        _ => None,
    };
    words.into_iter().map(str::to_owned).chain(value).collect()
}

/// What a command printed until it ended, or was killed.
async fn ended(mut child: Child, limit: Duration) -> io::Result<Output> {
    let killed_at = Instant::now() + limit;
    while child.try_wait()?.is_none() {
        if Instant::now() >= killed_at {
            child.kill()?;
            break;
        }
        sleep(LOOK_AGAIN).await;
    }
    child.wait_with_output()
}

/// Reads what was told. A command that was killed may have told it before.
fn read(id: Uuid, what: What, output: &Output) -> Told {
    let said = String::from_utf8_lossy(&output.stdout);
    let Ok(json) = serde_json::from_str::<Value>(&said) else {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let complaint = complaint.lines().last().unwrap_or("nothing").to_owned();
        return Told::Unknown(format!("{}: {complaint}", output.status));
    };
    let action = &json["action"];
    let told = action["number"]
        .as_i64()
        .filter(|_| action["id"] == id.to_string().as_str() && action["action"] == what.name());
    let told = told.zip(json["replayed"].as_bool()).and_then(|(number, is_replayed)| {
        match (action["refused"]["refused"].as_str(), action["sale_id"].as_i64()) {
            (Some(why), _) => Some(Told::Refused { number, why: why.to_owned(), is_replayed }),
            (None, Some(sale)) => {
                let in_effect = json["in_effect"].as_bool()?;
                Some(Told::Done { number, sale, in_effect, is_replayed })
            }
            (None, None) => None,
        }
    });
    told.unwrap_or_else(|| Told::Wrong(said.into_owned()))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn told(stdout: &str) -> Told {
        let (stdout, stderr) = (stdout.as_bytes().to_vec(), b"a line\nthe last".to_vec());
        read(ID, What::Pause, &Output { status: ExitStatus::from_raw(9), stdout, stderr })
    }

    fn action(name: &str, id: Uuid, refused: &str) -> String {
        format!(
            r#"{{"action":{{"number":4,"id":"{id}","action":"{name}","sale_id":2,
                "refused":{refused}}},"in_effect":true,"replayed":false}}"#
        )
    }

    #[test]
    fn what_a_command_prints_is_what_was_told_and_nothing_is_nothing() {
        let done = Told::Done { number: 4, sale: 2, in_effect: true, is_replayed: false };
        let why = "sale-ended".to_owned();
        let refused = r#"{"refused":"sale-ended","ended_at":"1970-01-01T00:00:00.000Z"}"#;

        assert_eq!(told(&action("sale-paused", ID, "null")), done);
        let is_refused = Told::Refused { number: 4, why, is_replayed: false };
        assert_eq!(told(&action("sale-paused", ID, refused)), is_refused);
        assert!(matches!(told(""), Told::Unknown(said) if said.ends_with("the last")));
    }

    #[test]
    fn what_is_told_of_another_order_is_wrong() {
        for told in [
            told(&action("sale-ended", ID, "null")),
            told(&action("sale-paused", Uuid::nil(), "null")),
            told("{}"),
        ] {
            assert!(matches!(told, Told::Wrong(_)), "{told:?}");
        }
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_killed() {
        let mut command = std::process::Command::new("sleep");
        let child = command.arg("60").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();

        let output = ended(child.unwrap(), Duration::ZERO).await.unwrap();

        assert_eq!(output.status.signal(), Some(9));
    }

    #[test]
    fn each_order_has_its_command() {
        let words = |what| arguments(what, 7).join(" ");
        let code = Uuid::from_u128(1);

        assert_eq!(words(What::Pause), "sales pause 7");
        assert_eq!(words(What::Stock(9)), "sales change 7 --stock 9");
        assert_eq!(words(What::EndAt(0)), "sales change 7 --ends-at 1970-01-01T00:00:00Z");
        assert_eq!(words(What::Release(code)), format!("holds release {code}"));
        let cancel = format!("purchases cancel --reason it came back {code}");
        assert_eq!(words(What::Cancel(code)), cancel);
        assert_eq!(
            words(What::Schedule { starts_ms: 0, ends_ms: 8_500 }),
            "sales schedule --starts-at 1970-01-01T00:00:00Z --lasts 8500ms"
        );
    }
}
