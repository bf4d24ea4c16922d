//! Which server it is, as far as that can be told from outside.

use tokio_postgres::SimpleQueryRow;

/// How long after its start a server may answer without waiting for its standby, where it may at all.
const WAITS_AFTER_MS: i64 = 3_000;

/// For each version before 18, the first of its releases that waits from the start.
const WAITS_SINCE: [(u32, u32); 3] = [(15, 150_013), (16, 160_009), (17, 170_005)];

/// Which server it is, as far as the role may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// The cluster, which its standbys are of too.
    pub(super) system: Option<String>,
    /// How often it, or what it is a copy of, was promoted.
    pub(super) timeline: Option<u32>,
    /// When its processes began, to the microsecond.
    pub(super) started: Option<String>,
    /// Whether its commits may not wait for a standby yet.
    pub(super) may_not_wait: bool,
}

impl Identity {
    /// What a probe found.
    pub(super) fn of(row: &SimpleQueryRow) -> Self {
        let number = |name| row.get(name).and_then(|text| text.parse().ok());
        let version = number("version").and_then(|version| u32::try_from(version).ok());
        Self {
            system: row.get("system").map(ToOwned::to_owned),
            timeline: row.get("timeline").and_then(|timeline| timeline.parse().ok()),
            started: row.get("started").map(ToOwned::to_owned),
            may_not_wait: version.zip(number("age_ms")).is_some_and(may_not_wait),
        }
    }

    /// Whether it is of another cluster than this one.
    pub(super) fn is_foreign(&self, system: Option<&str>) -> bool {
        self.system.as_deref().zip(system).is_some_and(|(ours, theirs)| ours != theirs)
    }

    /// Whether this is a server beside the other one, of which neither was promoted after the other,
    /// as far as that is told.
    pub(super) fn rivals(&self, other: &Self) -> bool {
        self.timeline == other.timeline
            && self.started.is_some()
            && other.started.is_some()
            && self.started != other.started
    }
}

/// Whether a server of this version and age may answer a commit without waiting for the standby: until
/// its checkpointer has read `synchronous_standby_names`, it does not know of any.
fn may_not_wait((version, age_ms): (u32, i64)) -> bool {
    // A clock that was set back makes a server younger than it can be.
    let is_young = (0..WAITS_AFTER_MS).contains(&age_ms);
    let fixed = WAITS_SINCE.iter().find(|(major, _)| *major == version / 10_000);
    is_young && fixed.is_some_and(|(_, fixed)| version < *fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_has_just_started_is_waited_for_if_its_version_may_not_wait() {
        for (version, age_ms, waits) in [
            (150_012, 0, false),
            (150_012, 2_999, false),
            (150_012, 3_000, true),
            (150_012, -1, true),
            (150_013, 0, true),
            (160_008, 0, false),
            (160_009, 0, true),
            (170_004, 0, false),
            (170_005, 0, true),
            (180_000, 0, true),
        ] {
            assert_eq!(!may_not_wait((version, age_ms)), waits, "{version} at {age_ms} ms");
        }
    }
}
