//! identity: grants of users with a token each, beside those of the same users who are believed. A token
//! is checked by a secret, or by a public key, which costs more.

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
pub(crate) struct Ways {
    /// With `user_id`, which is believed.
    pub(crate) believed: Vec<Run>,
    /// With tokens that are checked by a secret (HS256).
    pub(crate) by_secret: Vec<Run>,
    /// With tokens that are checked by a public key (ES256).
    pub(crate) by_jwks: Vec<Run>,
}

/// By what a run tells who its users are.
#[derive(Clone, Copy)]
enum By {
    Name,
    Secret,
    Jwks,
}

/// Measures as often as was asked for.
pub(crate) fn measure(bench: &Bench, stack: Stack, load: Load) -> Result<Ways, BenchError> {
    let shop = Shop::new()?;
    let mut ways = Ways::default();
    for _ in 0..bench.runs {
        ways.believed.push(shop.run(bench, stack, load, By::Name)?);
        ways.by_secret.push(shop.run(bench, stack, load, By::Secret)?);
        ways.by_jwks.push(shop.run(bench, stack, load, By::Jwks)?);
    }
    Ok(ways)
}

/// What the service and the load know of the users, in files.
struct Shop(TempDir);

impl Shop {
    fn new() -> Result<Self, BenchError> {
        let dir = tempfile::tempdir().map_err(during("make a directory for tokens"))?;
        let until_s = Timestamp::now().as_second() + GOOD_FOR_S;
        let (by_secret, by_jwks) = (TokenIssuer::hs256(SECRET), TokenIssuer::es256("bench"));
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text);
        write(By::Secret.tokens(), &tokens_of(&by_secret, until_s))
            .and_then(|()| write(By::Jwks.tokens(), &tokens_of(&by_jwks, until_s)))
            .and_then(|()| write("secret", SECRET))
            .and_then(|()| write("jwks", &TokenIssuer::jwks(&[&by_jwks])))
            .map_err(during("write tokens"))?;
        Ok(Self(dir))
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// One run on an empty ledger.
    fn run(&self, bench: &Bench, stack: Stack, load: Load, by: By) -> Result<Run, BenchError> {
        let mut settings = vec![("SALE_PER_USER_LIMIT", PER_USER_LIMIT.to_string())];
        match by {
            By::Name => {}
            By::Secret => settings.push(("BUYER_SECRET_FILE", self.file("secret"))),
            By::Jwks => settings.push(("BUYER_JWKS_FILE", self.file("jwks"))),
        }
        let deployment = Deployment::start_with(&bench.databases, stack, grant::STOCK, &settings)?;
        let bearing = if matches!(by, By::Name) { "no" } else { "yes" };
        let environment = [("TOKENS", self.file(by.tokens())), ("BEARING", bearing.to_owned())];
        let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
        grant::run_with(&deployment, "identity.lua", load, &environment)
    }
}

impl By {
    /// The file with the users, each with a token.
    const fn tokens(self) -> &'static str {
        match self {
            Self::Name | Self::Secret => "tokens-by-secret",
            Self::Jwks => "tokens-by-jwks",
        }
    }
}

/// A line for each user.
fn tokens_of(issuer: &TokenIssuer, until_s: i64) -> String {
    let mut tokens = String::new();
    for number in 0..USERS {
        let user = format!("user-{number}");
        // Writing to a text does not fail.
        let _ = writeln!(tokens, "{user} {}", issuer.token_of(&user, until_s));
    }
    tokens
}
