//! Files that settings name.

use std::{fs, io, path::PathBuf};

/// How large such a file may be. A bundle of all authorities there are has a quarter of it; a device
/// that never ends is none.
const BYTES_MAX: u64 = 1 << 20;

/// A file, and the setting that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// The setting.
    pub setting: &'static str,
    /// Where the file is.
    pub path: PathBuf,
}

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {} {what}", path.display())]
pub struct FileError {
    setting: &'static str,
    path: PathBuf,
    what: String,
    source: Option<io::Error>,
}

impl NamedFile {
    /// What is in the file, without the newline at its end.
    pub fn read_secret(&self) -> Result<String, FileError> {
        let text = String::from_utf8(self.read()?).map_err(|_| self.wrong("is not in UTF-8"))?;
        let secret =
            text.strip_suffix('\n').map_or(&*text, |it| it.strip_suffix('\r').unwrap_or(it));
        if secret.is_empty() {
            return Err(self.wrong("is empty"));
        }
        Ok(secret.to_owned())
    }

    pub(crate) fn read(&self) -> Result<Vec<u8>, FileError> {
        let failed = |source| FileError {
            what: "cannot be read".to_owned(),
            source: Some(source),
            ..self.wrong("")
        };
        let size = fs::metadata(&self.path).map_err(failed)?.len();
        if size > BYTES_MAX {
            return Err(self.wrong("is too large"));
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(&self.path).map_err(failed)?;
        io::Read::read_to_end(&mut io::Read::take(file, BYTES_MAX), &mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    pub(crate) fn wrong(&self, what: impl Into<String>) -> FileError {
        FileError {
            setting: self.setting,
            path: self.path.clone(),
            what: what.into(),
            source: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, NamedFile) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, content).unwrap();
        (dir, NamedFile { setting: "REDIS_PASSWORD_FILE", path })
    }

    #[test]
    fn a_secret_is_what_is_in_its_file_but_for_the_newline_at_the_end() {
        for (content, secret) in [
            ("geheim", "geheim"),
            ("geheim\n", "geheim"),
            ("geheim\r\n", "geheim"),
            (" two words \n", " two words "),
            ("two\nlines\n\n", "two\nlines\n"),
        ] {
            let (_dir, file) = file(content.as_bytes());
            assert_eq!(file.read_secret().unwrap(), secret);
        }
    }

    #[test]
    fn a_file_that_is_of_no_use_is_named_with_its_setting_and_not_quoted() {
        for content in [&b""[..], b"\n", b"\r\n", b"pa55\xff"] {
            let (_dir, file) = file(content);
            let error = file.read_secret().unwrap_err().to_string();
            let named = format!("REDIS_PASSWORD_FILE: {} is ", file.path.display());
            assert!(error.starts_with(&named) && !error.contains("pa55"), "{error}");
        }
        let absent = NamedFile { setting: "DATABASE_URL_FILE", path: "/nowhere/url".into() };
        let error = absent.read_secret().unwrap_err();
        assert_eq!(error.to_string(), "DATABASE_URL_FILE: /nowhere/url cannot be read");
        assert!(std::error::Error::source(&error).is_some());
    }
}
