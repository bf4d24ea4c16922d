//! What a connection begins with: a write that is waited for, and a look at what a write is worth.

use std::{str::FromStr, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};
use tokio_postgres::SimpleQueryRow;

use super::{connection::Line, error::ConnectError, hosts::Host, race::last_row};
use crate::settings::LOCK_TIMEOUT;

const BARRIER_SQL: &str = include_str!("../sql/connect/barrier.sql");
const KEEPS_SQL: &str = include_str!("../sql/connect/keeps.sql");

/// How long a barrier may take, and the wait for its place.
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
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Single => {
                "an answer is on the disk of one server when it is given, or on a synchronous standby \
                 too if the server waits for one; nothing demands that"
            }
            Self::Storage => "an answer is on the storage of the server when it is given",
            Self::Standby => "an answer is on a synchronous standby too when it is given",
        }
    }

    /// Whether a server with these settings keeps answers so, which is shown to whoever watches.
    fn met_by(self, fsync: &str, commit: &str, standbys: &str) -> Result<(), ConnectError> {
        let lacks = self.lacks(fsync, commit, standbys);
        telemetry::ledger_keeps(self.name(), lacks.is_none());
        lacks.map_or(Ok(()), |lacks| Err(ConnectError::NotDurable { demanded: self.name(), lacks }))
    }

    /// What a server lacks that keeps writes so.
    fn lacks(self, fsync: &str, commit: &str, standbys: &str) -> Option<&'static str> {
        match self {
            Self::Single => None,
            _ if fsync != "on" => Some("fsync is off on the server"),
            _ if !matches!(commit, "on" | "remote_apply") => {
                Some("synchronous_commit is neither 'on' nor 'remote_apply' on the server")
            }
            Self::Standby if standbys.is_empty() => {
                Some("synchronous_standby_names is empty on the server")
            }
            Self::Storage | Self::Standby => None,
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

/// Waits until what can be seen on a connection is where answers must be, and looks whether that is
/// far enough.
///
/// A server waits for its standby however long that takes, also when nobody waits for the server any
/// more. So a barrier that was given up keeps its place until it is answered.
pub(super) async fn pass(
    host: &Host,
    line: Line,
    durability: Durability,
) -> Result<Line, ConnectError> {
    let deadline = Instant::now() + BARRIER_TIMEOUT;
    let Ok(Ok(place)) = timeout_at(deadline, host.barriers.clone().acquire_owned()).await else {
        return Err(ConnectError::NotConfirmed);
    };
    let (passed, passing) = oneshot::channel();
    tokio::spawn(async move {
        let began_on = line.client.simple_query("SELECT pg_backend_pid() AS backend").await;
        // What was said before concerns nobody.
        line.was_warned();
        let answered = line.client.simple_query(BARRIER_SQL).await;
        drop(place);
        let _ = passed.send((line, began_on, answered));
    });
    let passed = timeout_at(deadline, passing).await;
    let Ok(Ok((line, began_on, answered))) = passed else { return Err(ConnectError::NotConfirmed) };
    let (began_on, answered) = (began_on?, answered?);
    let (Some(before), Some(after)) = (last_row(&began_on), last_row(&answered)) else {
        return Err(ConnectError::Silent);
    };
    if line.was_warned() {
        return Err(ConnectError::NotConfirmed);
    }
    if before.get("backend") != after.get("backend")
        || after.get("lock_timeout") != Some(LOCK_TIMEOUT)
    {
        return Err(ConnectError::Pooler);
    }
    let setting = |row: &SimpleQueryRow, name: &str| row.get(name).unwrap_or_default().to_owned();
    let [fsync, commit, standbys] =
        ["fsync", "synchronous_commit", "standbys"].map(|name| setting(after, name));
    durability.met_by(&fsync, &commit, &standbys).map(|()| line)
}

/// Looks whether a server that keeps answers far enough still does. What a session of ours has set is
/// not asked: that is no other than it was.
pub(super) async fn look_again(line: &Line, durability: Durability) -> Result<(), ConnectError> {
    let asked = timeout(BARRIER_TIMEOUT, line.client.simple_query(KEEPS_SQL)).await;
    let answered = asked.map_err(|_| ConnectError::Silent)??;
    let row = last_row(&answered).ok_or(ConnectError::Silent)?;
    let setting = |name: &str| row.get(name).unwrap_or_default();
    durability.met_by(setting("fsync"), "on", setting("standbys"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_keeps_less_than_was_said_is_told_what_it_lacks() {
        use Durability::{Single, Standby, Storage};

        for (durability, fsync, commit, standbys, is_enough) in [
            (Single, "off", "off", "", true),
            (Storage, "on", "on", "", true),
            (Storage, "off", "on", "", false),
            (Storage, "on", "local", "", false),
            (Standby, "on", "on", "", false),
            (Standby, "on", "remote_write", "a", false),
            (Standby, "off", "on", "a", false),
            (Standby, "on", "on", "a", true),
            (Standby, "on", "remote_apply", "ANY 1 (a, b)", true),
        ] {
            let lacks = durability.lacks(fsync, commit, standbys);
            assert_eq!(lacks.is_none(), is_enough, "{durability:?} {fsync} {commit} {standbys}");
        }
    }

    #[test]
    fn a_durability_is_read_by_its_name() {
        for durability in [Durability::Single, Durability::Storage, Durability::Standby] {
            assert_eq!(durability.name().parse(), Ok(durability));
        }
        assert!("Standby".parse::<Durability>().is_err());
    }
}
