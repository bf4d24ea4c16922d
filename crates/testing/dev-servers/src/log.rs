//! The file that all the words of a server go to.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use crate::error::{Attempting, ServerError};

/// How many lines of a log an error shows.
const TAIL_LINES: usize = 15;

/// The log of one run of a server.
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    /// Where this run begins in the file.
    from: u64,
}

impl Log {
    /// A log that forgets the runs before.
    pub(crate) fn anew(path: PathBuf) -> Result<Self, ServerError> {
        let file = File::create(&path).attempting(writing(&path))?;
        Ok(Self { path, file, from: 0 })
    }

    /// A log that goes on after the runs before.
    pub(crate) fn continued(path: PathBuf) -> Result<Self, ServerError> {
        let file = File::options().create(true).append(true).open(&path);
        let file = file.attempting(writing(&path))?;
        let from = file.metadata().attempting(writing(&path))?.len();
        Ok(Self { path, file, from })
    }

    /// What writes to it.
    pub(crate) fn writer(&self) -> Result<File, ServerError> {
        self.file.try_clone().attempting(writing(&self.path))
    }

    /// What was said in this run so far.
    pub(crate) fn text(&self) -> String {
        let mut text = Vec::new();
        let mut read = || -> io::Result<usize> {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.from))?;
            file.read_to_end(&mut text)
        };
        // What cannot be read was not said.
        let _ = read();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The end of that.
    pub(crate) fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}

fn writing(path: &Path) -> String {
    format!("write {}", path.display())
}
