//! What judges whether a page can be used by everybody: axe-core, a program to be run in the page.

use std::{env, fs, path::PathBuf};

use crate::ServerError;

const MISSING: ServerError =
    ServerError::Missing { program: "axe-core", remedy: "`make deps` fetches it, by npm" };

/// The program.
pub fn axe() -> Result<String, ServerError> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../target")),
        PathBuf::from,
    );
    let file = target.join("axe/node_modules/axe-core/axe.min.js");
    fs::read_to_string(file).map_err(|_| MISSING)
}
