//! Why it cannot be said how one gets into a store.

use crate::FileError;

/// Why it cannot be said how one gets into a store, whichever it is.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A file is of no use.
    #[error(transparent)]
    File(#[from] FileError),
    /// Two settings say what the password is.
    #[error("there is a password in {url} and one in {file}: leave one of them out")]
    TwoPasswords {
        /// The setting of the URL.
        url: &'static str,
        /// That of the file.
        file: &'static str,
    },
    /// The files are where nobody answers.
    #[error("what its settings name cannot be read: the disk that it is on does not answer")]
    Slow,
    /// The process is ending.
    #[error("the process ends")]
    Ending,
}

/// A certificate is of no use without its key, nor a key without its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{set} is set, but {missing} is not: a certificate is shown with its key")]
pub struct HalfCertificate {
    /// The setting that is there.
    pub set: &'static str,
    /// The one that is not.
    pub missing: &'static str,
}
