//! Who a server runs as.

use std::{
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use crate::error::{Attempting, ServerError};

/// A user other than the one we are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// The account Postgres must run as: it refuses root. `None` if we are not root, and run it
    /// as ourselves.
    pub(crate) fn for_postgres() -> Result<Option<Self>, ServerError> {
        if id(&["-u"])? != Some(0) {
            return Ok(None);
        }
        for user in ["postgres", "nobody"] {
            if let (Some(uid), Some(gid)) = (id(&["-u", user])?, id(&["-g", user])?) {
                return Ok(Some(Self { uid, gid }));
            }
        }
        Err(ServerError::Missing {
            program: "a user for Postgres, which refuses to run as root,",
            remedy: "add a user 'postgres' (Debian's package postgresql does), or do not be root",
        })
    }

    /// Lets this account run `command`, with none of root's groups.
    pub(crate) fn runs(self, command: &mut Command) {
        // Dropping root with `uid` drops the supplementary groups too. Clients of Postgres look for
        // certificates at home, and root's is closed to others.
        command.uid(self.uid).gid(self.gid).env("HOME", "/");
    }

    /// The words before those of a command that run it so, for whoever may.
    pub(crate) fn words(self) -> Vec<String> {
        let (uid, gid) = (self.uid, self.gid);
        vec![
            "setpriv".to_owned(),
            format!("--reuid={uid}"),
            format!("--regid={gid}"),
            "--clear-groups".to_owned(),
            // Root's home is closed to others, and clients of Postgres look for certificates there.
            "--reset-env".to_owned(),
        ]
    }

    /// Makes the account the owner of `path`.
    pub(crate) fn owns(self, path: &Path) -> Result<(), ServerError> {
        chown(path, Some(self.uid), Some(self.gid))
            .attempting(format!("give {} to the user of Postgres", path.display()))
    }

    /// Whether the account may go through `dir`. The account itself is asked, because parents,
    /// modes, ACLs and mounts all have a say.
    pub(crate) fn can_enter(self, dir: &Path) -> Result<bool, ServerError> {
        let mut command = Command::new("test");
        command.arg("-x").arg(dir).current_dir("/");
        self.runs(&mut command);
        let status = command.status().attempting("run test")?;
        Ok(status.success())
    }
}

fn id(args: &[&str]) -> Result<Option<u32>, ServerError> {
    let output =
        Command::new("id").args(args).stdin(Stdio::null()).output().attempting("run id")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok())
}
