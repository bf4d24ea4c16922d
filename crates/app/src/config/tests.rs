//! What is read, and what is refused by its name.

use super::*;

fn config(arguments: &[&str]) -> Result<Config, clap::Error> {
    Cli::try_parse_from([&["flashsale"], arguments].concat()).map(|cli| cli.config)
}

#[test]
fn a_period_divides_the_day() {
    for good in ["1h", "15m", "1s", "2s", "1day"] {
        assert!(config(&["--sale-period", good]).is_ok(), "{good}");
    }
    for wrong in ["7m", "500ms", "25h", "0s", "hourly"] {
        let error = config(&["--sale-period", wrong]).err().unwrap().to_string();
        assert!(error.contains("--sale-period"), "{error}");
    }
}

#[test]
fn a_shop_may_have_no_timetable() {
    assert!(config(&["--sale-period", "off"]).unwrap().timetable().unwrap().is_none());
}

#[test]
fn what_is_out_of_range_is_refused_by_name() {
    for (flag, wrong) in [
        ("--sale-stock", "0"),
        ("--sale-stock", "1000001"),
        ("--sale-per-user-limit", "0"),
        ("--hold-ttl", "1ms"),
        ("--hold-ttl", "2days"),
        ("--queue-max", "0"),
        ("--queue-max", "1048577"),
        ("--queue-max", "18446744073709551615"),
        ("--queue-wait-max", "9ms"),
        ("--queue-wait-max", "61s"),
        ("--batch-max", "0"),
        ("--batch-max", "8193"),
        ("--batch-max", "18446744073709551615"),
        ("--http-workers", "0"),
        ("--http-workers", "513"),
        ("--http-addr", "everywhere"),
    ] {
        let error = config(&[flag, wrong]).err().unwrap().to_string();
        assert!(error.contains(flag), "{error}");
    }
}

#[test]
fn the_next_sale_is_made_a_period_ahead_and_never_less_than_five_seconds() {
    let hourly = config(&["--sale-period", "1h"]).unwrap().timetable().unwrap().unwrap();
    let quick = config(&["--sale-period", "1s"]).unwrap().timetable().unwrap().unwrap();

    assert_eq!((hourly.period_ms(), hourly.lead_ms()), (3_600_000, 3_600_000));
    assert_eq!((quick.period_ms(), quick.lead_ms()), (1_000, 5_000));
}

#[test]
fn connections_are_counted_by_the_threads_unless_somebody_counts_them() {
    let total = |arguments: &[&str]| config(arguments).unwrap().connections().map(|it| it.total());

    assert_eq!(total(&["--http-workers", "3"]).unwrap(), 30);
    assert_eq!(total(&["--database-connections", "7"]).unwrap(), 7);
    let few = total(&["--database-connections", "7", "--http-workers", "2"]).unwrap_err();
    assert!(few.to_string().contains("at least 10 are needed"), "{few}");
}
