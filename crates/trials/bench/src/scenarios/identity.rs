//! identity: grants of users with a token each, beside those of the same users who are believed.

use std::{fmt::Write as _, fs};

use dev_servers::{Stack, TokenIssuer};
use jiff::Timestamp;
use tempfile::TempDir;

use super::grant;
use crate::{
    Bench,
    deployment::Deployment,
    error::{BenchError, during},
    figures::{Load, Run},
};

/// Users, each with a token: so many that a sale of 10,000 units has a crowd, and so few that each
/// asks several times in a run, as buyers do.
const USERS: u32 = 20_000;

/// Units of one user, which nobody comes to.
const PER_USER_LIMIT: u16 = 1_000;

/// The secret of the shop whose users they are.
const SECRET: &str = "a secret of thirty-two bytes or more, for a bench alone";

/// How long tokens are good: longer than any run.
const GOOD_FOR_S: i64 = 24 * 60 * 60;

/// Runs of the same load, in turns.
#[derive(Default)]
pub(crate) struct Pairs {
    /// With `user_id`, which is believed.
    pub(crate) believed: Vec<Run>,
    /// With tokens, which are checked.
    pub(crate) checked: Vec<Run>,
}

/// Measures as often as was asked for.
pub(crate) fn measure(bench: &Bench, stack: Stack, load: Load) -> Result<Pairs, BenchError> {
    let shop = Shop::new()?;
    let mut pairs = Pairs::default();
    for _ in 0..bench.runs {
        pairs.believed.push(shop.run(bench, stack, load, false)?);
        pairs.checked.push(shop.run(bench, stack, load, true)?);
    }
    Ok(pairs)
}

/// What the service and the load know of the users, in files.
struct Shop(TempDir);

impl Shop {
    fn new() -> Result<Self, BenchError> {
        let dir = tempfile::tempdir().map_err(during("make a directory for tokens"))?;
        let (issuer, until_s) =
            (TokenIssuer::hs256(SECRET), Timestamp::now().as_second() + GOOD_FOR_S);
        let mut tokens = String::new();
        for number in 0..USERS {
            let user = format!("user-{number}");
            // Writing to a text does not fail.
            let _ = writeln!(tokens, "{user} {}", issuer.token_of(&user, until_s));
        }
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text);
        write("tokens", &tokens)
            .and_then(|()| write("secret", SECRET))
            .map_err(during("write tokens"))?;
        Ok(Self(dir))
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// One run on an empty ledger.
    fn run(
        &self,
        bench: &Bench,
        stack: Stack,
        load: Load,
        has_tokens: bool,
    ) -> Result<Run, BenchError> {
        let mut settings = vec![("SALE_PER_USER_LIMIT", PER_USER_LIMIT.to_string())];
        if has_tokens {
            settings.push(("BUYER_SECRET_FILE", self.file("secret")));
        }
        let deployment = Deployment::start_with(&bench.databases, stack, grant::STOCK, &settings)?;
        let bearing = if has_tokens { "yes" } else { "no" };
        let environment = [("TOKENS", self.file("tokens")), ("BEARING", bearing.to_owned())];
        let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
        grant::run_with(&deployment, "identity.lua", load, &environment)
    }
}
