//! Settings as nobody should make them: each is refused by its name, or can be worked with.

use clap::Parser;
use domain::{UnixMillis, time::DAY_MS};
use proptest::prelude::*;

use super::{Cli, Command, SalesCommand, window};

const YEAR_MS: i64 = 366 * DAY_MS;

/// Durations, numbers and addresses with a slip or two, and anything at all.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9]{1,4}(ns|us|ms|s|m|h|days?|weeks?|years?)",
        2 => "[0-9]{1,20} ?(ms|s|h|years) [0-9]{1,3}(ns|us|ms|s)",
        2 => "[0-9]{1,20}",
        1 => any::<i128>().prop_map(|number| number.to_string()),
        1 => "[0-9.:\\[\\]]{1,20}",
        1 => any::<String>(),
    ]
}

fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from([&["flashsale"], arguments].concat())
}

const FLAGS: [&str; 19] = [
    "--http-addr",
    "--admin-addr",
    "--admin-hosts",
    "--http-workers",
    "--database-connections",
    "--migrate",
    "--sale-period",
    "--sale-stock",
    "--sale-per-user-limit",
    "--hold-ttl",
    "--queue-max",
    "--queue-wait-max",
    "--batch-max",
    "--buyer-leeway",
    "--user-rate",
    "--client-rate",
    "--trusted-proxies",
    "--cors-origins",
    "--rust-log",
];

/// Settings that name files, and the URL without which they are of no use.
const FILES: [(&str, &str); 11] = [
    ("DATABASE_URL_FILE", ""),
    ("DATABASE_PASSWORD_FILE", "DATABASE_URL"),
    ("DATABASE_CA_FILE", "DATABASE_URL"),
    ("DATABASE_CERT_FILE", "DATABASE_URL"),
    ("DATABASE_KEY_FILE", "DATABASE_URL"),
    ("REDIS_URL_FILE", ""),
    ("REDIS_PASSWORD_FILE", "REDIS_URL"),
    ("REDIS_SENTINEL_PASSWORD_FILE", "REDIS_URL"),
    ("REDIS_CA_FILE", "REDIS_URL"),
    ("REDIS_CERT_FILE", "REDIS_URL"),
    ("REDIS_KEY_FILE", "REDIS_URL"),
];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn a_setting_is_refused_by_name_or_gives_terms_the_ledger_takes(
        flag in prop::sample::select(FLAGS.to_vec()), text in text()
    ) {
        match parse(&[&format!("{flag}={text}")]) {
            Ok(cli) => {
                let timetable = cli.config.timetable().unwrap().unwrap();
                let (period_ms, terms) = (timetable.period_ms(), timetable.terms());
                prop_assert!((1_000..=DAY_MS).contains(&period_ms) && DAY_MS % period_ms == 0);
                prop_assert!(timetable.lead_ms() >= period_ms);
                prop_assert!((1..=1_000_000).contains(&terms.stock()));
                prop_assert!((1..=1_000).contains(&terms.per_user_limit()));
                prop_assert!((100..=DAY_MS).contains(&terms.hold_ms()));
            }
            Err(error) => prop_assert!(error.to_string().contains(flag), "{}", error),
        }
    }

    #[test]
    fn a_file_whatever_its_name_is_refused_with_what_it_lacks(
        (setting, lacks) in prop::sample::select(FILES.to_vec()), path in text()
    ) {
        let flag = format!("--{}={path}", setting.to_lowercase().replace('_', "-"));
        let cli = parse(&[&flag]).map_err(|error| TestCaseError::fail(error.to_string()))?;
        match cli.config.place() {
            Ok(_) => prop_assert_eq!(path, ""),
            Err(error) => {
                let error = error.to_string();
                prop_assert!(error.contains(setting) && error.contains(lacks), "{}", error);
            }
        }
    }

    #[test]
    fn a_sale_that_is_scheduled_ends_after_it_starts_and_within_the_calendar(
        starts_at in prop_oneof![
            3 => "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:00:00Z", 1 => any::<String>()
        ],
        lasts in text(),
    ) {
        let asked = [format!("--starts-at={starts_at}"), format!("--lasts={lasts}")];
        match parse(&["sales", "schedule", &asked[0], &asked[1]]) {
            Ok(cli) => {
                let Command::Sales(SalesCommand::Schedule { starts_at, lasts, .. }) = cli.command()
                else { return Err(TestCaseError::fail("another command")) };
                let window = window(starts_at, lasts).unwrap();
                prop_assert!((1..=YEAR_MS).contains(&(window.ends_at() - window.starts_at())));
            }
            Err(error) => {
                let message = error.to_string();
                prop_assert!(message.contains("--starts-at") || message.contains("--lasts"), "{}", message);
            }
        }
    }
}

#[test]
fn a_sale_does_not_last_longer_than_time_itself() {
    for wrong in ["300000000years", "367days", "0s", "1us"] {
        let lasts = format!("--lasts={wrong}");
        let error = parse(&["sales", "schedule", "--starts-at=2026-11-27T09:00:00Z", &lasts]);
        assert!(error.err().unwrap().to_string().contains("--lasts"), "{wrong}");
    }
    let whole = window(UnixMillis(0), std::time::Duration::from_secs(366 * 24 * 60 * 60));
    assert_eq!(whole.unwrap().ends_at(), UnixMillis(YEAR_MS));
}
