//! What is said of a setting that cannot be: by its name, and without a password that may be in it.

use std::error::Error as _;

use clap::{
    CommandFactory, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{Cli, access::may_have_password};

/// What the process ends with. What may have a password is not repeated, wherever it stands.
pub(super) fn of(error: Error) -> Error {
    // Help has examples of addresses in it, and repeats nothing.
    if !error.use_stderr() {
        return error;
    }
    if !may_have_password(&error.to_string()) && !names_user(&error) {
        return with_variable(error);
    }
    let wrong = match flag_of(&error) {
        Some(flag) => {
            // Some values are quoted where it is said what is wrong with them.
            let is_safe = |why: &String| !may_have_password(why) && !has_user(why);
            let why = error.source().map(ToString::to_string).filter(is_safe);
            let variable = variable_of(flag).map(|it| format!(" ({it})")).unwrap_or_default();
            format!("the value for '{flag}'{variable} {}", why.as_deref().unwrap_or("cannot be"))
        }
        None => "an address belongs into DATABASE_URL or REDIS_URL, or into the file that \
                 DATABASE_URL_FILE or REDIS_URL_FILE names"
            .to_owned(),
    };
    let said = format!("{wrong}; it is not repeated here, for it may have a password\n");
    <Cli as CommandFactory>::command().error(error.kind(), said)
}

/// Whether the value that is wrong is an address with a user, which for some is a token.
fn names_user(error: &Error) -> bool {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return false;
    };
    has_user(value)
}

fn has_user(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

/// The flag whose value is wrong, if that is what is wrong.
fn flag_of(error: &Error) -> Option<&str> {
    let is_of_value = matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) if is_of_value => Some(flag),
        _ => None,
    }
}

/// The same, with the name of the variable, for whoever set no flag.
fn with_variable(mut error: Error) -> Error {
    if let Some(variable) = flag_of(&error).and_then(variable_of) {
        let tip = format!("in the environment it is {variable}");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// The variable that says the same as a flag.
fn variable_of(flag: &str) -> Option<String> {
    let mut command = <Cli as CommandFactory>::command();
    command.build();
    let argument = command.get_arguments().find(|argument| argument.to_string() == flag)?;
    Some(argument.get_env()?.display().to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// What is said of this value, which is refused.
    fn said(flag: &str, value: &str) -> String {
        let error = Cli::try_parse_from(["flashsale", &format!("{flag}={value}")]).err();
        of(error.unwrap_or_else(|| panic!("{flag}={value}"))).to_string()
    }

    #[test]
    fn what_is_wrong_is_said_with_the_setting_the_value_and_what_may_be() {
        for (flag, value, may_be) in [
            ("--queue-max", "0", "from 1 to 1048576"),
            ("--queue-max", "many", "a whole number from 1 to 1048576"),
            ("--queue-max", "-1", "a whole number from 1 to 1048576"),
            ("--batch-max", "1e3", "from 1 to 8192"),
            ("--queue-wait-max", "1", "a duration, such as 100ms, 30s, 5m or 1h, from 10ms to 1m"),
            ("--queue-wait-max", "2m", "from 10ms to 1m"),
            ("--hold-ttl", "x", "a duration, such as 100ms, 30s, 5m or 1h, from 100ms to 1day"),
            ("--hold-ttl", "5", "a duration"),
            ("--hold-ttl", "2days", "from 100ms to 1day"),
            (
                "--sale-period",
                "x",
                "must divide a day and be at least 1s, such as 1h, 15m or 2s, or `off`",
            ),
            ("--sale-period", "7m", "must divide a day"),
            ("--sale-stock", "1.5", "a whole number from 1 to 1000000"),
            ("--sale-per-user-limit", "0", "from 1 to 1000"),
            ("--http-workers", "two", "a whole number from 1 to 512"),
            ("--database-connections", "x", "a whole number, 3 or more"),
            ("--buyer-leeway", "1h", "from 0s to 5m"),
            ("--buyer-leeway", "soon", "a duration"),
            ("--user-rate", "20", "20/s"),
            ("--migrate", "maybe", "[possible values: on, off]"),
            ("--ledger-durability", "twice", "single, storage or standby"),
            ("--admin-addr", "8081", "127.0.0.1:8080, or `off`"),
            ("--rust-log", "infoo", "off, error, warn, info, debug and trace"),
        ] {
            let variable = flag.trim_start_matches("--").replace('-', "_").to_uppercase();
            let said = said(flag, value);
            for part in [flag, &format!("'{value}'"), may_be, &variable] {
                assert!(said.contains(part), "{part}: {said}");
            }
            assert!(!said.contains("digit") && !said.contains("expected number"), "{said}");
        }
    }

    #[test]
    fn what_may_be_a_password_is_not_repeated_and_its_setting_is_named() {
        for (flag, value, what) in [
            ("--cors-origins", "https://u:geheim@shop.example", "names a user"),
            ("--cors-origins", "https://a.example,https://geheim@shop.example", "names a user"),
            ("--cors-origins", "https://geheim@shop.example", "names a user"),
            ("--trusted-proxies", "https://u:geheim@proxy", "cannot be"),
            ("--admin-hosts", "https://u:geheim@host", ""),
            ("--http-addr", "http://u:geheim@host", "must be an IP address"),
            ("--http-workers", "postgres://u:geheim@h/d", "must be a whole number"),
            ("--migrate", "postgres://u:geheim@h/d", ""),
        ] {
            let variable = flag.trim_start_matches("--").replace('-', "_").to_uppercase();
            let said = said(flag, value);
            assert!(said.contains(flag) && said.contains(what), "{said}");
            assert!(said.contains(&variable), "{said}");
            assert!(!said.contains("geheim"), "{said}");
            assert!(!said.contains("DATABASE_URL or"), "{said}");
        }
    }
}
