//! The errors that say: not on this connection.
//!
//! Each is of what a session is or has, not of what it is asked, so it would come again for as long
//! as the connection is kept, and another connection need not have it. What is fatal is not here: it
//! ends the connection by itself.

use tokio_postgres::error::SqlState;

/// What is the matter with a connection that gives one of these errors. Nothing was done.
const TABLE: &[(&SqlState, &str)] = &[
    // Of a spell in which nobody may write, or to a server that is a standby now.
    (&SqlState::READ_ONLY_SQL_TRANSACTION, "which may only read"),
    // Somebody began a transaction here and did not end it: a pooler, or a future that was dropped.
    (&SqlState::IN_FAILED_SQL_TRANSACTION, "which is in a transaction that failed"),
    // Behind a pooler each statement may meet another session, with other statements or with none.
    (&SqlState::INVALID_SQL_STATEMENT_NAME, "which has forgotten what it prepared"),
    (&SqlState::DUPLICATE_PSTATEMENT, "on which somebody else has prepared"),
    (&SqlState::PROTOCOL_VIOLATION, "on which somebody else has prepared"),
    // Its search path is of before: the schema, or the setting, has come since.
    (&SqlState::UNDEFINED_TABLE, "which does not see the tables"),
    (&SqlState::INVALID_SCHEMA_NAME, "which does not see the schema"),
    // A pooler found no session for it.
    (&SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "whose role may not connect"),
    (&SqlState::INVALID_PASSWORD, "whose role may not connect"),
    (&SqlState::INVALID_CATALOG_NAME, "whose database is gone"),
    (&SqlState::TOO_MANY_CONNECTIONS, "for which there is no room"),
];

/// The part of the server that finds that a statement would return other columns than when it was
/// prepared. Its error is called what all that is not supported is called.
const FINDS_OTHER_COLUMNS: &str = "RevalidateCachedQuery";

/// What is the matter with the connection, if an ordinary error condemns it.
pub(super) fn why(code: &SqlState, routine: Option<&str>) -> Option<&'static str> {
    if *code == SqlState::FEATURE_NOT_SUPPORTED && routine == Some(FINDS_OTHER_COLUMNS) {
        return Some("whose statements were prepared for other columns");
    }
    TABLE.iter().find(|(condemning, _)| *condemning == code).map(|&(_, why)| why)
}

/// Whether an error of this code comes of statements that went to a session they were not prepared
/// in, or to one of others: only a pooler in transaction mode sends them there.
pub(crate) fn is_of_another_session(code: &SqlState) -> bool {
    [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT].contains(code)
}
