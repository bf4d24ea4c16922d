//! What an operator can do about what a server says, in words that anybody may read.

use std::borrow::Cow;

use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::{
    servers::{WARNED, shown},
    session::SessionError,
};

const NO_TABLES: &str = "the role of DATABASE_URL finds no ledger in it: the role lacks USAGE on the \
     schema, or its search_path does not name that, or there is none yet (`flashsale migrate` makes one)";

/// What is known of what a server goes on to refuse, whatever words it has for it.
const KNOWN: &[(&SqlState, &str)] = &[
    (&SqlState::DISK_FULL, "it has no room left on its disk"),
    (
        &SqlState::READ_ONLY_SQL_TRANSACTION,
        "it may only be read: it is a standby, or default_transaction_read_only is on there, for the \
         role or for the database",
    ),
    (&SqlState::UNDEFINED_TABLE, NO_TABLES),
    (&SqlState::INVALID_SCHEMA_NAME, NO_TABLES),
    (
        &SqlState::UNDEFINED_COLUMN,
        "its ledger is of another version: `flashsale migrate` brings it up to date",
    ),
];

/// What an operator can do about what a server refuses on a connection that is there. What it says names
/// tables of the ledger at the most.
pub(crate) fn remedy_of(said: &DbError) -> Option<String> {
    let known = known(said.code()).map(str::to_owned);
    // What is fatal ends the connection, and of a server that goes down that is all that is known.
    let is_ordinary = said.parsed_severity() == Some(Severity::Error);
    known.or_else(|| is_ordinary.then(|| told(said.code(), said.message())))
}

fn known(code: &SqlState) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == code).map(|&(_, remedy)| remedy)
}

/// What is told in the server's own words.
fn told(code: &SqlState, message: &str) -> String {
    let said = format!("{} ({})", shown(message), code.code());
    match *code {
        SqlState::INSUFFICIENT_PRIVILEGE => format!(
            "the role of DATABASE_URL lacks a right: {said}; docs/rights.md lists all that are needed"
        ),
        SqlState::QUERY_CANCELED => format!(
            "it cancels what it is asked: {said}; is the statement_timeout of the role or of the database \
             too short?"
        ),
        SqlState::LOCK_NOT_AVAILABLE => {
            format!("another session has locked what is to be written: {said}; pg_locks says which")
        }
        _ => format!("it says: {said}"),
    }
}

impl SessionError {
    /// What an operator can do about it, if that is known.
    pub(crate) fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Unreachable(error) => error.remedy().map(Into::into),
            Self::Unconfirmed { warning: Some(warning) } => {
                Some(format!("it warns: {warning}; {WARNED}").into())
            }
            Self::Unseen(error) => error.remedy(),
            Self::NotAllowed(said)
            | Self::Contended(said)
            | Self::Refused(said)
            | Self::WrongConnection { source: said, .. } => {
                said.db_error().and_then(remedy_of).map(Into::into)
            }
            // What is said of bad values may quote them; and where nothing was heard, nothing is known.
            Self::Poison(_)
            | Self::Lost(_)
            | Self::TimedOut
            | Self::Unconfirmed { warning: None }
            | Self::Unreadable(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_goes_on_to_refuse_is_told_with_its_words_and_what_to_do() {
        for (code, message, words) in [
            (
                &SqlState::INSUFFICIENT_PRIVILEGE,
                "permission denied for table purchases",
                ["table purchases (42501)", "docs/rights.md"],
            ),
            (
                &SqlState::QUERY_CANCELED,
                "canceling statement due to statement timeout",
                ["due to statement timeout (57014)", "statement_timeout of the role"],
            ),
            (
                &SqlState::LOCK_NOT_AVAILABLE,
                "canceling statement due to lock timeout",
                ["lock timeout (55P03)", "pg_locks"],
            ),
            (&SqlState::OUT_OF_MEMORY, "out of\nmemory", ["it says: out of\\nmemory", "53200"]),
        ] {
            let said = told(code, message);
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
        for (code, words) in [
            (&SqlState::UNDEFINED_TABLE, ["lacks USAGE on the schema", "search_path"]),
            (&SqlState::INVALID_SCHEMA_NAME, ["USAGE", "flashsale migrate"]),
            (&SqlState::READ_ONLY_SQL_TRANSACTION, ["default_transaction_read_only", "the role"]),
        ] {
            let said = known(code).unwrap();
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
    }
}
