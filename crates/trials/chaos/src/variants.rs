//! Builds of the service that are not the one in the sources: with a newer function library,
//! or with a defence taken out.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::error::{ChaosError, during};

/// What the service is built from.
const SOURCES: [&str; 4] = ["Cargo.toml", "Cargo.lock", "crates", "migrations"];

/// Where the migrations of Postgres are.
const MIGRATIONS: &str = "migrations";

/// Where the function library of Redis lives, and where it is called from.
const LIBRARY: &str = "crates/redis-stores/src";

/// A program of the workspace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binary {
    pub(crate) package: &'static str,
    pub(crate) name: &'static str,
}

/// The service.
pub(crate) const FLASHSALE: Binary = Binary { package: "app", name: "flashsale" };

/// A text in a source file that is replaced by another, wherever it occurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// From the root of the workspace; of a directory, every file in it is meant.
    pub(crate) path: String,
    pub(crate) old: String,
    pub(crate) new: String,
}

/// A copy of the sources that is changed and built.
pub(crate) struct VariantBuilder {
    originals: PathBuf,
    dir: PathBuf,
}

impl Change {
    pub(crate) fn new(path: &str, old: &str, new: &str) -> Self {
        Self { path: path.to_owned(), old: old.to_owned(), new: new.to_owned() }
    }

    fn is_of(&self, path: &Path) -> bool {
        path.starts_with(&self.path)
    }
}

impl VariantBuilder {
    /// Builds in `dir`, which keeps what was compiled for the next time.
    pub(crate) fn in_dir(dir: &Path) -> Result<Self, ChaosError> {
        let originals = originals()?;
        let dir = std::path::absolute(dir).map_err(during("find a directory"))?;
        Ok(Self { originals, dir })
    }

    /// Builds a program with these changes, known by the name of the variant; returns where it is.
    pub(crate) fn build(
        &self,
        binary: Binary,
        variant: &str,
        changes: &[Change],
    ) -> Result<PathBuf, ChaosError> {
        let source = self.dir.join("source");
        fs::create_dir_all(&source).map_err(during("make a directory"))?;
        for part in SOURCES {
            copy(&self.originals, &source, Path::new(part), changes)?;
        }
        self.build_in(&source, binary, variant)
    }

    /// Builds a program as it was at a commit; returns where it is.
    pub(crate) fn build_of_commit(
        &self,
        binary: Binary,
        commit: &str,
    ) -> Result<PathBuf, ChaosError> {
        let source = self.dir.join(format!("source-{commit}"));
        fs::create_dir_all(&source).map_err(during("make a directory"))?;
        let archive = self.dir.join("source.tar");
        let output = ["--output".as_ref(), archive.as_os_str(), commit.as_ref()];
        self.git(["archive".as_ref()].into_iter().chain(output).chain(SOURCES.map(OsStr::new)))?;
        let mut unpack = Command::new("tar");
        // Without their times: cargo takes a file for unchanged that is older than the last build, and
        // that may have been of another commit.
        unpack.arg("-xmf").arg(&archive).arg("-C").arg(&source);
        said_by(unpack, "unpacking the sources of a commit")?;
        self.build_in(&source, binary, commit)
    }

    /// The whole name of a commit.
    pub(crate) fn commit_of(&self, name: &str) -> Result<String, ChaosError> {
        self.git(["rev-parse", "--verify", &format!("{name}^{{commit}}")].map(OsStr::new))
    }

    /// The last commit before the one that added the newest migration of Postgres.
    pub(crate) fn commit_before_newest_migration(&self) -> Result<String, ChaosError> {
        let names = names_in(&self.originals.join(MIGRATIONS))?;
        let newest = names.iter().filter_map(|name| Some((version_in(name)?, name))).max();
        let (_, newest) = newest.ok_or_else(|| ChaosError::Failed {
            what: "finding the newest migration",
            said: format!("there is none in {MIGRATIONS}"),
        })?;
        let path = Path::new(MIGRATIONS).join(newest);
        let log = ["log", "--diff-filter=A", "--format=%H", "-1", "--"].map(OsStr::new);
        let added = self.git(log.into_iter().chain([path.as_os_str()]))?;
        self.commit_of(&format!("{added}^"))
    }

    /// What git replies, of the repository that this program was built from.
    fn git<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a OsStr>,
    ) -> Result<String, ChaosError> {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.originals).args(arguments);
        said_by(git, "asking git for the version before (--from names its commit)")
    }

    fn build_in(
        &self,
        source: &Path,
        binary: Binary,
        variant: &str,
    ) -> Result<PathBuf, ChaosError> {
        let Binary { package, name } = binary;
        let target = self.dir.join("target");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["build", "--quiet", "--package", package, "--bin", name])
            .current_dir(source)
            .env("CARGO_TARGET_DIR", &target);
        said_by(command, "building a variant")?;
        let built = self.dir.join(format!("{name}-{variant}"));
        fs::copy(target.join("debug").join(name), &built).map_err(during("keep a build"))?;
        Ok(built)
    }

    /// The changes that make the next version of the function library of this one.
    pub(crate) fn next_library(&self) -> Result<Vec<Change>, ChaosError> {
        next_library(&self.originals)
    }
}

/// What a program says that does its work, without the last line's end.
fn said_by(mut command: Command, what: &'static str) -> Result<String, ChaosError> {
    let output = command.stdin(Stdio::null()).output().map_err(during(what))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if !output.status.success() {
        return Err(ChaosError::Failed { what, said: text(&output.stderr) });
    }
    Ok(text(&output.stdout))
}

/// Reads 2 out of `V2__sales_may_overlap.sql`.
fn version_in(migration: &Path) -> Option<u32> {
    migration.to_str()?.strip_prefix('V')?.split_once("__")?.0.parse().ok()
}

fn next_library(originals: &Path) -> Result<Vec<Change>, ChaosError> {
    let path = originals.join(LIBRARY).join("lua/library.lua");
    let library = fs::read_to_string(path).map_err(during("read the function library"))?;
    let version = version_of(&library).ok_or_else(|| ChaosError::Failed {
        what: "finding the version of the function library",
        said: library.lines().next().unwrap_or_default().to_owned(),
    })?;
    let next = version + 1;
    let change = |old: String, new: String| Change::new(LIBRARY, &old, &new);
    Ok(vec![
        change(format!("flashsale_v{version}"), format!("flashsale_v{next}")),
        change(format!("LIBRARY_VERSION = {version}\n"), format!("LIBRARY_VERSION = {next}\n")),
    ])
}

/// Reads 1 out of a library that begins with `#!lua name=flashsale_v1`.
fn version_of(library: &str) -> Option<u32> {
    library.lines().next()?.strip_prefix("#!lua name=flashsale_v")?.trim().parse().ok()
}

/// Copies a file or a directory, changed. What is the same already is left alone, so that
/// little is compiled again; what is no more is removed.
fn copy(from: &Path, to: &Path, part: &Path, changes: &[Change]) -> Result<(), ChaosError> {
    let (original, copied) = (from.join(part), to.join(part));
    if original.is_dir() {
        fs::create_dir_all(&copied).map_err(during("make a directory"))?;
        for name in names_in(&copied)? {
            if !original.join(&name).exists() {
                remove(&copied.join(&name))?;
            }
        }
        for name in names_in(&original)? {
            copy(from, to, &part.join(name), changes)?;
        }
        return Ok(());
    }
    let bytes = fs::read(&original).map_err(during("read a source file"))?;
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => changed(part, text, changes).into_bytes(),
        Err(error) => error.into_bytes(),
    };
    if fs::read(&copied).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    fs::write(&copied, bytes).map_err(during("write a source file"))
}

fn changed(path: &Path, text: String, changes: &[Change]) -> String {
    changes
        .iter()
        .filter(|change| change.is_of(path))
        .fold(text, |text, change| text.replace(&change.old, &change.new))
}

fn names_in(dir: &Path) -> Result<Vec<PathBuf>, ChaosError> {
    let entries = fs::read_dir(dir).map_err(during("read a directory"))?;
    Ok(entries.flatten().map(|entry| entry.file_name().into()).collect())
}

fn remove(path: &Path) -> Result<(), ChaosError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(during("remove a source file"))
}

/// The root of the workspace this program was built from.
fn originals() -> Result<PathBuf, ChaosError> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../..")
        .canonicalize()
        .map_err(during("find the sources that this program was built from"))
}

/// Whether each change finds what it is to change, so that none is silently left out.
#[cfg(test)]
pub(crate) fn find_their_places(changes: &[Change]) -> bool {
    fn has(path: &Path, old: &str) -> bool {
        if path.is_dir() {
            return names_in(path).unwrap().iter().any(|name| has(&path.join(name), old));
        }
        fs::read_to_string(path).is_ok_and(|text| text.contains(old))
    }
    let root = originals().unwrap();
    changes.iter().all(|change| has(&root.join(&change.path), &change.old))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_library_is_found_in_the_sources() {
        let changes = next_library(&originals().unwrap()).unwrap();

        assert!(find_their_places(&changes), "{changes:?}");
    }

    #[test]
    fn the_version_of_a_migration_is_read_as_a_number() {
        let versions = ["V2__a.sql", "V10__b__c.sql", "README.md", "checksums.txt", "Vx__d.sql"]
            .map(|name| version_in(Path::new(name)));

        assert_eq!(versions, [Some(2), Some(10), None, None, None]);
    }

    #[test]
    fn a_copy_is_changed_where_it_is_to_be_and_follows_its_original() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |name: &str, text: &str| fs::write(from.path().join("src").join(name), text);
        fs::create_dir(from.path().join("src")).unwrap();
        write("a", "one two").unwrap();
        write("b", "one").unwrap();
        let changes = [Change::new("src/a", "one", "1")];
        let copy = || copy(from.path(), to.path(), Path::new("src"), &changes).unwrap();
        let read = |name: &str| fs::read_to_string(to.path().join("src").join(name)).ok();

        copy();
        assert_eq!((read("a").as_deref(), read("b").as_deref()), (Some("1 two"), Some("one")));
        fs::remove_file(from.path().join("src/b")).unwrap();
        copy();
        assert_eq!(read("b"), None);
    }
}
