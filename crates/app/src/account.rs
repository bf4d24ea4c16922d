//! Whose account this process runs in: who an order is of, if nobody says so.

use std::{env, fs};

use domain::operator::OperatorName;

/// Where the accounts of the machine are.
const ACCOUNTS: &str = "/etc/passwd";

/// The account, by what the session says, or the machine; one that nobody has named by its number, such as
/// `uid-1000`.
pub(crate) fn account() -> OperatorName {
    let said = ["LOGNAME", "USER"].into_iter().filter_map(|variable| env::var(variable).ok());
    let uid = rustix::process::getuid().as_raw();
    let listed = fs::read_to_string(ACCOUNTS).ok();
    let listed = listed.as_deref().and_then(|accounts| name_of(uid, accounts)).map(str::to_owned);
    let mut names = said.chain(listed).filter_map(|name| name.parse().ok());
    let by_number = || format!("uid-{uid}").parse().expect("it has plain characters");
    names.next().unwrap_or_else(by_number)
}

/// What this list calls a user.
fn name_of(uid: u32, accounts: &str) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut columns = line.split(':');
        let (name, of) = (columns.next()?, columns.nth(1)?);
        (of.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_called_as_the_machine_calls_it() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\n# ann:x:7:\nbroken\nann:x:1007:7::/home:\n";

        assert_eq!(name_of(0, accounts), Some("root"));
        assert_eq!(name_of(1_007, accounts), Some("ann"));
        assert_eq!(name_of(7, accounts), Some("# ann"));
        assert_eq!(name_of(8, accounts), None);
        // What is no name of an operator is passed by.
        assert!("# ann".parse::<OperatorName>().is_err());
    }
}
