//! Files that settings name.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

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
#[error("{setting}: {} {what}", named(path))]
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
        // As long as they may be, nobody has to guess them.
        if secret.trim().is_empty() {
            return Err(self.wrong("is nothing but blanks, and has no secret in it"));
        }
        Ok(secret.to_owned())
    }

    /// What is in the file. It is read for each connection, so it must be one that can be read again.
    pub(crate) fn read(&self) -> Result<Vec<u8>, FileError> {
        let failed = |source| FileError {
            what: "cannot be read".to_owned(),
            source: Some(source),
            ..self.wrong("")
        };
        // Before it is opened, for a pipe would wait for somebody to write.
        if !fs::metadata(&self.path).map_err(failed)?.is_file() {
            return Err(self.wrong(
                "is no regular file; a pipe, such as /dev/stdin or what <(...) stands for, can be read \
                 once only",
            ));
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(&self.path).map_err(failed)?;
        io::Read::read_to_end(&mut io::Read::take(file, BYTES_MAX + 1), &mut bytes)
            .map_err(failed)?;
        if u64::try_from(bytes.len()).is_ok_and(|it| it > BYTES_MAX) {
            return Err(self.wrong("is too large"));
        }
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

/// A path as it may be shown: what leads nowhere may be the secret itself, which somebody wrote in the
/// place of the file that it is in.
fn named(path: &Path) -> String {
    let dir = path.parent().filter(|dir| dir.parent().is_some() && dir.is_dir());
    if dir.is_some() || path.exists() {
        path.display().to_string()
    } else {
        "a file that is not there, and whose name is not repeated, as it may be a secret,"
            .to_owned()
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
        let blanks = [b' '; 64];
        for content in [&b""[..], b"\n", b"\r\n", b"pa55\xff", b" \t\n", b"\n\n", &blanks] {
            let (_dir, file) = file(content);
            let error = file.read_secret().unwrap_err().to_string();
            let named = format!("REDIS_PASSWORD_FILE: {} is ", file.path.display());
            assert!(error.starts_with(&named) && !error.contains("pa55"), "{error}");
        }
        let (dir, _) = file(b"");
        let path = dir.path().join("absent");
        let absent = NamedFile { setting: "DATABASE_URL_FILE", path: path.clone() };
        let error = absent.read_secret().unwrap_err();
        let named = format!("DATABASE_URL_FILE: {} cannot be read", path.display());
        assert_eq!(error.to_string(), named);
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn a_secret_in_the_place_of_the_path_of_its_file_is_not_repeated() {
        for secret in ["geheim", "/geheim", "postgres://shop:geheim@db/ledger", "a\0geheim"] {
            let file = NamedFile { setting: "DATABASE_PASSWORD_FILE", path: secret.into() };
            let error = file.read_secret().unwrap_err();
            let said = format!("{error} {}", std::error::Error::source(&error).unwrap());
            assert!(said.starts_with("DATABASE_PASSWORD_FILE: "), "{said}");
            assert!(!said.contains("geheim"), "{said}");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting_for_it_and_a_link_to_one_is_read() {
        let (dir, file) = file(b"geheim");
        let of = |path: PathBuf| NamedFile { setting: "REDIS_PASSWORD_FILE", path };
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&file.path, &link).unwrap();

        for path in [pipe, "/dev/null".into(), dir.path().into()] {
            let error = of(path).read_secret().unwrap_err().to_string();
            assert!(error.contains("is no regular file"), "{error}");
        }
        assert_eq!(of(link).read_secret().unwrap(), "geheim");
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_and_not_cut() {
        let max = usize::try_from(BYTES_MAX).unwrap();
        assert_eq!(file(&vec![b'a'; max]).1.read_secret().unwrap().len(), max);
        let error = file(&vec![b'a'; max + 1]).1.read_secret().unwrap_err().to_string();
        assert!(error.contains("too large"), "{error}");
    }
}
