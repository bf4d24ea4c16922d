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
        ("--user-rate", "20"),
        ("--client-rate", "0/s"),
        ("--trusted-proxies", "proxy"),
        ("--buyer-leeway", "301s"),
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

/// The rows of the document on limits, as far as the program has them: setting, default, least, most.
fn documented() -> Vec<[String; 4]> {
    let rows = include_str!("../../../../docs/limits.md").lines().filter_map(|line| {
        let cells: Vec<_> = line.strip_prefix("| `")?.split(" | ").collect();
        let (least, most) = cells.get(2)?.split_once(" – ")?;
        let unquoted = |cell: &str| cell.trim_matches('`').to_owned();
        Some([unquoted(cells[0]), unquoted(cells[1]), least.to_owned(), most.to_owned()])
    });
    rows.collect()
}

/// A number, and the unit after it.
fn split(text: &str) -> (u64, &str) {
    let (number, unit) =
        text.split_at(text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len()));
    (number.parse().unwrap(), unit)
}

#[test]
fn the_document_on_limits_has_the_defaults_and_the_bounds_of_the_program() {
    let rows = documented();
    let command = <Cli as clap::CommandFactory>::command();
    for [setting, default, least, most] in &rows {
        let flag = format!("--{}", setting.to_lowercase().replace('_', "-"));
        let argument = command
            .get_arguments()
            .find(|it| it.get_env().is_some_and(|env| env.to_str() == Some(setting)));
        let argument = argument.unwrap_or_else(|| panic!("there is no setting {setting}"));
        assert_eq!(argument.get_default_values(), [default.as_str()], "{setting}");
        for good in [least, most] {
            assert!(config(&[&flag, good]).is_ok(), "{setting}={good}");
        }
        let (number, unit) = split(least);
        let below = format!("{}{unit}", number - 1);
        let (number, unit) = split(most);
        let above = if unit.is_empty() { format!("{}", number + 1) } else { format!("{most} 1ms") };
        for wrong in [&below, &above] {
            assert!(config(&[&flag, wrong]).is_err(), "{setting}={wrong}");
        }
    }
    for bounded in ["HTTP_WORKERS", "QUEUE_MAX", "QUEUE_WAIT_MAX", "BATCH_MAX", "HOLD_TTL"] {
        assert!(rows.iter().any(|[setting, ..]| setting == bounded), "{bounded} is missing");
    }
}

#[test]
fn connections_are_counted_by_the_threads_unless_somebody_counts_them() {
    let total = |arguments: &[&str]| config(arguments).unwrap().connections().map(|it| it.total());

    assert_eq!(total(&["--http-workers", "3"]).unwrap(), 36);
    assert_eq!(total(&["--database-connections", "7"]).unwrap(), 7);
    assert_eq!(total(&["--database-connections", "3", "--http-workers", "2"]).unwrap(), 3);
    let few = total(&["--database-connections", "2", "--http-workers", "2"]).unwrap_err();
    assert!(few.to_string().contains("at least 3 are needed"), "{few}");
}

#[test]
fn what_is_said_of_servers_is_refused_where_there_are_none() {
    for (argument, setting) in [
        ("--database-connections=2", "DATABASE_CONNECTIONS"),
        ("--database-connections=40", "DATABASE_CONNECTIONS"),
        ("--ledger-durability=standby", "LEDGER_DURABILITY"),
        ("--ledger-durability=storage", "LEDGER_DURABILITY"),
        ("--migrate=off", "MIGRATE"),
        ("--database-ca-file=f", "DATABASE_CA_FILE"),
    ] {
        let config = config(&[argument]).unwrap();
        for place in [config.place(), config.ledger_place()] {
            let said = place.err().unwrap_or_else(|| panic!("{argument}")).to_string();
            assert!(said.starts_with(&format!("{setting} is set, but DATABASE_URL is")), "{said}");
        }
        let servers = [argument, "--database-url=postgres://h/d", "--redis-url=redis://h"];
        assert!(self::config(&servers).unwrap().place().is_ok(), "{argument}");
    }
    let usual = ["--ledger-durability=single", "--migrate=on"];
    assert!(config(&usual).unwrap().place().is_ok());
}

#[test]
fn operators_are_heard_elsewhere_than_buyers() {
    let heard = |http: &str, admin: &str| {
        let arguments = [format!("--http-addr={http}"), format!("--admin-addr={admin}")];
        config(&[&arguments[0], &arguments[1]]).unwrap().admin_addr().map(drop)
    };

    for (http, admin) in [
        ("127.0.0.1:9000", "127.0.0.1:9000"),
        ("0.0.0.0:9000", "127.0.0.1:9000"),
        ("127.0.0.1:9000", "0.0.0.0:9000"),
        ("[::]:9000", "127.0.0.1:9000"),
        ("[::ffff:127.0.0.1]:9000", "127.0.0.1:9000"),
    ] {
        let said = heard(http, admin).unwrap_err().to_string();
        assert!(
            said.contains("HTTP_ADDR") && said.contains("such as ADMIN_ADDR=127.0.0.1:9001"),
            "{said}"
        );
    }
    for (http, admin) in [
        ("127.0.0.1:9000", "127.0.0.1:9001"),
        ("127.0.0.1:9000", "127.0.0.2:9000"),
        ("0.0.0.0:9000", "[::1]:9000"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:9000", "off"),
    ] {
        assert!(heard(http, admin).is_ok(), "{http} {admin}");
    }
}

#[test]
fn of_two_ways_to_know_buyers_one_is_chosen_and_what_belongs_to_it_needs_it() {
    let believed = |arguments: &[&str]| {
        let believed = config(arguments).unwrap().believed();
        believed.map(|it| it.map(|it| (it.file.setting, it.rules.claim, it.rules.leeway)))
    };
    let (seconds, both) = (Duration::from_secs, ["--buyer-jwks-file=a", "--buyer-secret-file=b"]);

    assert_eq!(believed(&[]).unwrap(), None);
    assert_eq!(believed(&["--buyer-jwks-file=", "--buyer-claim="]).unwrap(), None);
    let jwks = ("BUYER_JWKS_FILE", "sub".to_owned(), seconds(30));
    assert_eq!(believed(&["--buyer-jwks-file=a"]).unwrap(), Some(jwks));
    let secret = ["--buyer-secret-file=b", "--buyer-claim=uid", "--buyer-leeway=5m"];
    let expected = ("BUYER_SECRET_FILE", "uid".to_owned(), seconds(300));
    assert_eq!(believed(&secret).unwrap(), Some(expected));
    let said = |arguments: &[&str]| believed(arguments).unwrap_err().to_string();
    assert!(said(&both).contains("BUYER_JWKS_FILE and BUYER_SECRET_FILE"));
    for blank in ["claim= ", "audience=shop ", "issuer=\t"] {
        let setting = format!("BUYER_{}", blank.split('=').next().unwrap().to_uppercase());
        let said = said(&["--buyer-secret-file=b", &format!("--buyer-{blank}")]);
        assert!(said.starts_with(&setting) && said.contains("blanks"), "{said}");
    }
    for orphan in ["claim=x", "audience=x", "issuer=x", "leeway=0s"] {
        let setting = format!("BUYER_{}", orphan.split('=').next().unwrap().to_uppercase());
        let said = said(&[&format!("--buyer-{orphan}")]);
        assert!(said.starts_with(&setting) && said.contains("BUYER_JWKS_FILE or"), "{said}");
    }
}

#[test]
fn limits_are_off_unless_set_and_proxies_need_a_limit_of_clients() {
    let rates = |arguments: &[&str]| config(arguments).unwrap().rates();

    assert!(!rates(&[]).unwrap().are_any());
    assert!(!rates(&["--user-rate=", "--client-rate=", "--trusted-proxies="]).unwrap().are_any());
    assert!(rates(&["--user-rate=20/s"]).unwrap().are_any());
    assert!(rates(&["--client-rate=20/s:40", "--trusted-proxies=10.0.0.0/8"]).is_ok());
    let error = rates(&["--user-rate=20/s", "--trusted-proxies=10.0.0.0/8"]).err().unwrap();
    assert!(error.to_string().contains("CLIENT_RATE"), "{error}");
}
