//! What a connection begins with: a write that is waited for, and a look at what a write is worth.

use std::{str::FromStr, sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use super::{connection::Line, error::ConnectError, hosts::Host, race::last_row};
use crate::settings::LOCK_TIMEOUT;

const BARRIER_SQL: &str = include_str!("../sql/connect/barrier.sql");
const LOOK_SQL: &str = include_str!("../sql/connect/look.sql");

/// How long a barrier may take, and the wait for room.
const BARRIER_TIMEOUT: Duration = Duration::from_secs(2);

/// Where an answer must be before it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// On the disk of one server, which is lost with it.
    #[default]
    Single,
    /// On storage that keeps copies of its own, whichever server is in front of it.
    Storage,
    /// On a synchronous standby too.
    Standby,
}

impl Durability {
    /// What a setting calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Storage => "storage",
            Self::Standby => "standby",
        }
    }

    /// What an answer is worth that is given so.
    pub(super) const fn meaning(self, is_flushed: bool) -> &'static str {
        match self {
            // Whoever demands more than `single` takes no such server.
            _ if !is_flushed => {
                "an answer is in the memory of one machine when it is given, for fsync is off on the \
                 server, and is lost with that; set fsync = on"
            }
            Self::Single => {
                "an answer is on the disk of one server when it is given, or on a synchronous standby \
                 too if the server waits for one; nothing demands that"
            }
            Self::Storage => "an answer is on the storage of the server when it is given",
            Self::Standby => "an answer is on a synchronous standby too when it is given",
        }
    }

    /// What a server lacks that keeps writes so. Whether a commit waits for more than that is set on
    /// each connection.
    fn lacks(self, kept: &Kept) -> Option<&'static str> {
        match self {
            Self::Single => None,
            _ if !kept.is_flushed => Some("fsync is off on the server"),
            Self::Standby if kept.standbys.trim().is_empty() => {
                Some("synchronous_standby_names is empty on the server")
            }
            Self::Storage | Self::Standby => None,
        }
    }

    /// Fails if a server keeps less, which is shown to whoever watches.
    pub(super) fn is_met_by(self, kept: &Kept) -> Result<(), ConnectError> {
        let lacks = self.lacks(kept);
        telemetry::ledger_keeps(self.name(), lacks.is_none());
        match lacks {
            None => Ok(()),
            Some(lacks) => Err(ConnectError::NotDurable { demanded: self.name(), lacks }),
        }
    }
}

impl FromStr for Durability {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Single, Self::Storage, Self::Standby]
            .into_iter()
            .find(|durability| durability.name() == text)
            .ok_or("must be single, storage or standby")
    }
}

/// What a connection begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// A write that is waited for, on a server that keeps writes as is demanded.
    Barrier(Durability),
    /// A look at whose session it is. What is read then may be lost with the server.
    Look,
}

/// Waits until what can be seen on a connection is where answers must be, and looks whether that is
/// far enough.
///
/// A server waits for its standby however long that takes, also when nobody waits for the server any
/// more. So a barrier that was not waited for to its end keeps its permit until it is answered, or
/// until the ledger has left the host.
pub(super) async fn pass(
    host: &Arc<Host>,
    line: Line,
    beginning: Beginning,
    deadline: Instant,
) -> Result<Passed, ConnectError> {
    let deadline = deadline.min(Instant::now() + BARRIER_TIMEOUT);
    let not_confirmed = || ConnectError::NotConfirmed { server: host.name.clone() };
    let room = timeout_at(deadline, Arc::clone(&host.barriers.room).acquire_owned()).await;
    let Ok(Ok(room)) = room else { return Err(not_confirmed()) };
    let (passed, passing) = oneshot::channel();
    let given_up = Arc::clone(&host.barriers.given_up).notified_owned();
    tokio::spawn(async move {
        tokio::select! {
            said = begin(&line, beginning) => {
                drop(room);
                let _ = passed.send((line, said));
            }
            // The line ends with this task.
            () = given_up => {}
        }
    });
    let Ok(Ok((line, said))) = timeout_at(deadline, passing).await else {
        return Err(not_confirmed());
    };
    let (before, after) = said?;
    let (Some(before), Some(after)) = (last_row(&before), last_row(&after)) else {
        return Err(ConnectError::Silent);
    };
    if let Some(warning) = line.take_warning() {
        return Err(ConnectError::Warned { server: host.name.clone(), warning });
    }
    if before.get("backend") != after.get("backend")
        || after.get("lock_timeout") != Some(LOCK_TIMEOUT)
    {
        return Err(ConnectError::Pooler);
    }
    let kept = Kept::of(after);
    if let Beginning::Barrier(durability) = beginning {
        durability.is_met_by(&kept)?;
    }
    Ok(Passed { line, kept })
}

/// A connection that has its beginning behind it.
pub(super) struct Passed {
    pub(super) line: Line,
    pub(super) kept: Kept,
}

/// What a server does with a write.
pub(super) struct Kept {
    pub(super) is_flushed: bool,
    standbys: String,
}

impl Kept {
    pub(super) fn of(row: &SimpleQueryRow) -> Self {
        let standbys = row.get("standbys").unwrap_or_default().to_owned();
        Self { is_flushed: row.get("fsync") == Some("on"), standbys }
    }

    /// Whether whoever takes the log of the server may confirm what is written, such as a backup that
    /// streams it: by any name, in quotes too.
    pub(super) fn is_confirmed_by_anybody(&self) -> bool {
        let names = self.standbys.split([',', '(', ')']);
        names.map(|name| name.trim().trim_matches('"')).any(|name| name == "*")
    }
}

type Rows = Vec<SimpleQueryMessage>;

async fn begin(line: &Line, beginning: Beginning) -> Result<(Rows, Rows), tokio_postgres::Error> {
    let before = line.client.simple_query("SELECT pg_backend_pid() AS backend").await?;
    // What was said before concerns nobody.
    line.take_warning();
    let sql = match beginning {
        Beginning::Barrier(_) => BARRIER_SQL,
        Beginning::Look => LOOK_SQL,
    };
    Ok((before, line.client.simple_query(sql).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_keeps_less_than_was_said_is_told_what_it_lacks() {
        use Durability::{Single, Standby, Storage};

        for (durability, is_flushed, standbys, is_enough) in [
            (Single, false, "", true),
            (Storage, true, "", true),
            (Storage, false, "", false),
            (Standby, true, "", false),
            (Standby, true, " ", false),
            (Standby, false, "a", false),
            (Standby, true, "ANY 1 (a, b)", true),
        ] {
            let kept = Kept { is_flushed, standbys: standbys.to_owned() };
            let is_met = durability.is_met_by(&kept).is_ok();
            assert_eq!(is_met, is_enough, "{durability:?} {is_flushed} {standbys}");
        }
    }

    #[test]
    fn a_list_of_standbys_that_anybody_is_on_is_told_from_one_of_names() {
        for (standbys, is_so) in [
            ("*", true),
            ("ANY 1 (*)", true),
            ("FIRST 2 (a, \"*\" )", true),
            ("ANY 1 (a, b, c)", false),
            ("ANY 1 (\"server-1\", \"server-2\")", false),
            ("", false),
        ] {
            let kept = Kept { is_flushed: true, standbys: standbys.to_owned() };
            assert_eq!(kept.is_confirmed_by_anybody(), is_so, "{standbys}");
        }
    }

    #[test]
    fn no_answer_is_said_to_be_on_a_disk_of_which_that_is_not_certain() {
        assert!(Durability::Single.meaning(true).contains("on the disk"));
        assert!(!Durability::Single.meaning(false).contains("disk"));
        assert!(Durability::Single.meaning(false).contains("fsync"));
    }

    #[test]
    fn a_durability_is_read_by_its_name() {
        for durability in [Durability::Single, Durability::Storage, Durability::Standby] {
            assert_eq!(durability.name().parse(), Ok(durability));
        }
        assert!("Standby".parse::<Durability>().is_err());
    }
}
