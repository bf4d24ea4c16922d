//! How much of the machine a process may use.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{ServerError, error::Attempting};

/// Lets this process, and all it starts from now on, have as many files and connections open as the
/// machine allows: a crowd has thousands.
pub fn raise_open_files() -> Result<(), ServerError> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    raised.map_err(std::io::Error::from).attempting("raise the limit of open files")
}
