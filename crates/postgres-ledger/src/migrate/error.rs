//! Why the schema is not up to date, and whether trying again is of any use.

use std::error::Error;

use refinery::error::Kind;
use tokio_postgres::error::{DbError, Severity, SqlState};

use super::careful::StepError;
use crate::{
    servers::{ConnectError, PoolError, of_pool},
    session::{SessionError, is_of_another_session},
};

type Cause = Box<dyn Error + Send + Sync>;

const TO_LOOK: &str = "SELECT on refinery_schema_history";
const TO_MIGRATE: &str = "CREATE in the schema, the ownership of its tables, and SELECT and INSERT on \
     refinery_schema_history; `flashsale migrate` may run as another role than the service";
const TO_CONNECT: &str = "CONNECT on the database";
const TO_SEE_THE_SCHEMA: &str = "USAGE on a schema that its search_path names";

/// Why the schema is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be asked, or cannot do it now.
    #[error(transparent)]
    NotYet(Cause),
    /// Somebody else migrates, or holds a lock on a table, for longer than was waited.
    #[error("a migration waits for {blocker}")]
    Blocked {
        /// Who it is.
        blocker: String,
    },
    /// A migration was carried out, but perhaps on one server only.
    #[error(
        "the server has carried a migration out, but no standby has confirmed it, so it is not certain \
         to stay; its locks may stand until one does. Bring a standby back, and migrate again: what is \
         there then is not done twice. Do not cancel or end the session that waits"
    )]
    Unconfirmed(#[source] Cause),
    /// Migrations are missing, and it is not for this process to apply them.
    #[error(
        "the schema lacks {versions}, and with MIGRATE=off this process waits for it: run `flashsale \
         migrate`, as the role that owns the tables"
    )]
    Missing {
        /// Their names.
        versions: String,
    },
    /// What leads to the database is no way for this service.
    #[error("the database cannot be used this way")]
    WrongWay(#[source] Cause),
    /// The role must not do what a migration does.
    #[error("the role of DATABASE_URL lacks a right: {needs}")]
    NotAllowed {
        /// The rights that are needed.
        needs: &'static str,
        /// What the server says.
        source: Cause,
    },
    /// The server refuses what a migration says, or the data do not admit it.
    #[error("a migration is refused, with SQLSTATE {code}")]
    Refused {
        /// Why, in the server's code.
        code: String,
        /// What the server says.
        source: Cause,
    },
    /// A migration was changed after it was applied, or left out.
    #[error("the database has another history than this version; use the version it is of")]
    OtherHistory(#[source] Cause),
}

impl MigrateError {
    /// Whether trying again is of no use.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::NotYet(_)
            | Self::Blocked { .. }
            | Self::Unconfirmed(_)
            | Self::Missing { .. } => false,
            Self::WrongWay(_)
            | Self::NotAllowed { .. }
            | Self::Refused { .. }
            | Self::OtherHistory(_) => true,
        }
    }

    /// No connection could be had.
    pub(crate) fn unreachable(error: PoolError) -> Self {
        let error = of_pool(error);
        if error.db_error().map(DbError::code) == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            return Self::NotAllowed { needs: TO_CONNECT, source: error.into() };
        }
        match error {
            pooler @ ConnectError::Pooler => Self::WrongWay(pooler.into()),
            error => Self::NotYet(SessionError::Unreachable(error).into()),
        }
    }

    /// The role sees no schema, so neither tables nor a place for them.
    pub(super) fn no_schema() -> Self {
        let source = "no schema of its search path is there for the role".into();
        Self::NotAllowed { needs: TO_SEE_THE_SCHEMA, source }
    }

    /// The server stood still.
    pub(super) fn timed_out() -> Self {
        Self::NotYet(SessionError::TimedOut.into())
    }

    /// The server answered, but is not believed any more.
    pub(super) fn unbelieved() -> Self {
        Self::NotYet(SessionError::Unconfirmed { warning: None }.into())
    }

    /// What an error of the driver means.
    pub(super) fn of(error: tokio_postgres::Error) -> Self {
        Self::new(error.as_db_error().and_then(final_code), TO_MIGRATE, error.into())
    }

    /// [`of`](Self::of) an error that came of looking at what was applied.
    pub(super) fn of_looking(error: tokio_postgres::Error) -> Self {
        Self::new(error.as_db_error().and_then(final_code), TO_LOOK, error.into())
    }

    /// What an error of the runner means. It passes every error of the driver on as one of the
    /// connection.
    pub(super) fn of_migration(error: refinery::Error) -> Self {
        match error.kind() {
            Kind::Connection(..) if matches!(step(&error), Some(StepError::Unconfirmed)) => {
                Self::Unconfirmed(error.into())
            }
            Kind::Connection(..) => {
                Self::new(db_error(&error).and_then(final_code), TO_MIGRATE, error.into())
            }
            _ => Self::OtherHistory(error.into()),
        }
    }

    fn new(final_code: Option<SqlState>, needs: &'static str, source: Cause) -> Self {
        match final_code {
            None => Self::NotYet(source),
            Some(SqlState::INSUFFICIENT_PRIVILEGE) => Self::NotAllowed { needs, source },
            // Where no second connection can be had to look for a pooler, this is how it shows.
            Some(code) if is_of_another_session(&code) => {
                Self::WrongWay(ConnectError::Pooler.into())
            }
            Some(code) => Self::Refused { code: code.code().to_owned(), source },
        }
    }
}

/// What the server says, if an error of the runner is one of the server's.
pub(super) fn db_error(error: &refinery::Error) -> Option<&DbError> {
    step(error)?.db_error()
}

/// The step of a migration that did not end well.
fn step(error: &refinery::Error) -> Option<&StepError> {
    let Kind::Connection(_, cause) = error.kind() else { return None };
    cause.downcast_ref()
}

/// The code of an error that would come again. Not so where the server goes down, is full, is a
/// standby, was interrupted, or another transaction was in the way; what it says of the SQL or of
/// the data it would say again.
fn final_code(error: &DbError) -> Option<SqlState> {
    let code = error.code();
    // Not by the word, which is in the language of the server.
    let may_pass = error.parsed_severity() != Some(Severity::Error)
        || matches!(&code.code()[..2], "08" | "40" | "53" | "57" | "58" | "XX")
        || matches!(
            *code,
            SqlState::LOCK_NOT_AVAILABLE
                | SqlState::OBJECT_IN_USE
                | SqlState::READ_ONLY_SQL_TRANSACTION
                | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        );
    (!may_pass).then(|| code.clone())
}
