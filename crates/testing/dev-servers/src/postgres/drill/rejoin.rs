//! Making a server that was lost, or will not follow, a standby of the one that takes writes.

use std::{fs, path::Path, thread};

use super::{
    Drill, LOOK_AGAIN, Role, SERVERS, STANDBY, is_followed, place, programs, refused, timeline,
};
use crate::{
    ServerError,
    error::{Attempting, succeeded},
    postgres::trio::{FORKED, LOST, UNFINISHED, source},
};

/// How often it is looked whether a standby follows by itself after all: fifteen seconds in all.
const FOLLOW_LOOKS_MAX: u32 = 75;

/// What `pg_rewind` says when it has found where the two parted. It also ends well when it has not
/// looked: of two on one timeline it believes that they are the same.
const PARTED: &str = "servers diverged at WAL location";

impl<S: FnMut(&str)> Drill<S> {
    /// Makes each server a standby that is down and is not one, or that does not follow: with what
    /// it still has, or else with a copy. Whoever runs the servers starts it; it follows when this
    /// returns.
    pub fn rejoin(&mut self) -> Result<(), ServerError> {
        let roles = self.roles()?;
        let first = self.the_server(&roles)?.ok_or_else(|| {
            refused("no server takes writes that could be followed: ha promote first".to_owned())
        })?;
        let away = |index: &usize| *index != first && !is_followed(&roles[first], *index);
        let away = (0..SERVERS).filter(away).collect::<Vec<_>>();
        if away.is_empty() {
            (self.say)(&format!("nothing to do: the others follow server {}", first + 1));
        }
        for index in away {
            if let Role::Silent(said) = &roles[index] {
                let number = index + 1;
                return Err(refused(format!(
                    "server {number} does not answer ({said}): if it does not come to it, ha kill {number}"
                )));
            }
            let home = place(&self.dir, index);
            let is_standby =
                !home.join(UNFINISHED).exists() && self.cluster(index).join(STANDBY).exists();
            if !(is_standby && self.comes_to_follow(first, index)?) {
                self.make_standby(first, index, is_standby)?;
                self.until("it to follow; does anybody run the servers?", |this| {
                    Ok(is_followed(&this.role(first)?, index))
                })?;
            }
            (self.say)(&format!("server {} is a standby of server {}", index + 1, first + 1));
        }
        Ok(())
    }

    /// Whether a standby follows by itself, which it may do soon after it was started.
    fn comes_to_follow(&self, first: usize, index: usize) -> Result<bool, ServerError> {
        for _ in 0..FOLLOW_LOOKS_MAX {
            if is_followed(&self.role(first)?, index) {
                return Ok(true);
            }
            if self.sign(index).is_some() {
                break;
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(false)
    }

    fn make_standby(
        &mut self,
        first: usize,
        index: usize,
        is_standby: bool,
    ) -> Result<(), ServerError> {
        let (home, cluster) = (place(&self.dir, index), self.cluster(index));
        let (unfinished, forked) = (home.join(UNFINISHED), home.join(FORKED));
        // What was begun and not ended is neither the one nor the other, and not worth keeping.
        let is_whole = !unfinished.exists();
        // From now on nobody starts it.
        fs::write(&unfinished, "").attempting(format!("write {}", unfinished.display()))?;
        if is_standby {
            let why = self.sign(index).unwrap_or_else(|| "it says no reason".to_owned());
            (self.say)(&format!("server {} is a standby, and does not follow: {why}", index + 1));
            if self.role(index)? != Role::Down {
                let (pg_ctl, cluster) = (self.program("pg_ctl"), cluster.display().to_string());
                let stop = [&pg_ctl, "stop", "-m", "fast", "-D", &cluster];
                self.run_well(&stop, self.account)?;
            }
        }
        let is_earlier = !forked.exists() && timeline(&cluster) < timeline(&self.cluster(first));
        if is_whole && !is_standby && !is_earlier {
            (self.say)(&format!(
                "server {} took writes beside server {}: pg_rewind does not find where they parted",
                index + 1,
                first + 1
            ));
        }
        let may_rewind = is_whole && !is_standby && is_earlier;
        if !(may_rewind && self.rewinds(first, &cluster)?) {
            self.copies(first, &home, is_whole)?;
        }
        let standby = cluster.join(STANDBY).display().to_string();
        self.run_well(&["touch", &standby], self.account)?;
        // Whoever runs the servers starts it now.
        for done in [forked, unfinished].iter().filter(|done| done.exists()) {
            fs::remove_file(done).attempting(format!("remove {}", done.display()))?;
        }
        Ok(())
    }

    /// Takes back what the server of before wrote and the promoted one never had; returns whether that
    /// could be done.
    fn rewinds(&mut self, first: usize, cluster: &Path) -> Result<bool, ServerError> {
        let source = source(&self.dir, self.ports[first]);
        // Until the promoted server has made a checkpoint, pg_rewind takes it for one that was not.
        let psql = programs::client(&self.programs, "psql").display().to_string();
        self.run_well(&[&psql, "-q", "-d", &source, "-c", "CHECKPOINT"], None)?;
        let (rewind, cluster) = (self.program("pg_rewind"), cluster.display().to_string());
        let rewind = [&rewind, "-D", &cluster, "--source-server", &source];
        let rewound = self.run(&rewind, self.account)?;
        let said = String::from_utf8_lossy(&rewound.stderr).into_owned();
        if let Err(error) = succeeded("pg_rewind", &rewound) {
            (self.say)(&error.to_string());
        } else if !said.contains(PARTED) {
            (self.say)(&format!("pg_rewind did not look where they parted:\n{said}"));
        } else {
            return Ok(true);
        }
        Ok(false)
    }

    /// Gives it a copy of all that the server has. What it had is kept once, for it may hold answers
    /// that nobody else has.
    fn copies(&mut self, first: usize, home: &Path, is_whole: bool) -> Result<(), ServerError> {
        let (cluster, lost) = (home.join("postgres"), home.join(LOST));
        let text = |path: &Path| path.display().to_string();
        if is_whole && cluster.exists() {
            if lost.exists() {
                self.run_well(&["rm", "-r", &text(&lost)], None)?;
            }
            self.run_well(&["mv", &text(&cluster), &text(&lost)], None)?;
            (self.say)(&format!("what it had is kept in {} until the next time", lost.display()));
        } else if cluster.exists() {
            self.run_well(&["rm", "-r", &text(&cluster)], None)?;
        }
        self.run_well(&["mkdir", "-m", "700", &text(&cluster)], None)?;
        if let Some(account) = self.account {
            self.run_well(&["chown", &account.owner(), &text(&cluster)], None)?;
        }
        let (copy, cluster) = (self.program("pg_basebackup"), text(&cluster));
        let source = source(&self.dir, self.ports[first]);
        let copy = [&copy, "-D", &cluster, "-d", &source, "-X", "stream", "-c", "fast"];
        self.run_well(&copy, self.account)
    }
}
