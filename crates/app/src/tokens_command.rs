//! `flashsale tokens`: what operators show, and what the service knows of it.

use std::{
    error::Error,
    io::{self, Write},
};

use http_api::NewToken;

use crate::{config::TokensCommand, output::output};

/// Carries out a command.
pub(crate) fn run(command: &TokensCommand) -> Result<(), Box<dyn Error>> {
    let TokensCommand::Make { name, role } = command;
    let made = NewToken::draw().ok_or("the system has no random source to draw a token from")?;
    let line = made.line(name, *role);
    print(&made.token, &line)?;
    tracing::info!(
        "the first line is the token: give it to {name}, for it is nowhere else; the second belongs into \
         the file that ADMIN_TOKENS_FILE names"
    );
    Ok(())
}

fn print(token: &str, line: &str) -> io::Result<()> {
    let mut out = output();
    writeln!(out, "{token}")?;
    writeln!(out, "{line}")?;
    out.flush()
}
