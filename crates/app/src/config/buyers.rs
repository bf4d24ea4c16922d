//! Who is believed to be whom, and how often anybody may ask.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use clap::Args;
use credentials::NamedFile;
use http_api::{KeySource, Limits, Proxies, Rate, Rules};

use super::{access::a_path, parse::duration_within};

/// The settings, as errors have them.
const JWKS_FILE: &str = "BUYER_JWKS_FILE";
const SECRET_FILE: &str = "BUYER_SECRET_FILE";
const CLAIM: &str = "BUYER_CLAIM";
const AUDIENCE: &str = "BUYER_AUDIENCE";
const ISSUER: &str = "BUYER_ISSUER";

/// How far the clock of whoever signs tokens may be off. Beyond that a token that was stolen is good
/// for too long.
const LEEWAY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(300);

/// Who is believed to be whom, and how often anybody may ask.
#[derive(Args, Clone)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(super) struct BuyerSettings {
    /// A JWK set of public keys: each buyer shows a token (Authorization: Bearer, a JWT) that is signed
    /// by one of them, by ES256 or EdDSA, and gets to nobody else's codes. Read again when it changes.
    /// Without this or the next, `user_id` is believed
    #[arg(long, env, global = true, value_name = "FILE", value_parser = a_path())]
    buyer_jwks_file: Option<PathBuf>,

    /// A secret of 32 bytes or more instead, which the tokens are signed with by HS256
    #[arg(long, env, global = true, value_name = "FILE", value_parser = a_path())]
    buyer_secret_file: Option<PathBuf>,

    /// The claim of a token that is the user [default: sub]
    #[arg(long, env, global = true, value_name = "NAME")]
    buyer_claim: Option<String>,

    /// Whom tokens must be for, in their claim `aud`. Set it where the issuer makes tokens for others,
    /// too: they are taken otherwise
    #[arg(long, env, global = true, value_name = "NAME")]
    buyer_audience: Option<String>,

    /// Of whom tokens must be, in their claim `iss`
    #[arg(long, env, global = true, value_name = "NAME")]
    buyer_issuer: Option<String>,

    /// How far the clock of whoever signs tokens may be off [default: 30s]
    #[arg(long, env, global = true, value_name = "DURATION", value_parser = parse_leeway)]
    buyer_leeway: Option<Duration>,

    /// How often one user may ask this process, such as 20/s, or with how many requests may come at
    /// once, such as 20/s:40
    #[arg(long, env, global = true, value_name = "RATE", value_parser = parse_rate)]
    user_rate: Option<SomeRate>,

    /// How often one client address may ask this process, /health and the files of the page left out;
    /// of IPv6 a network of 64 bits is one
    #[arg(long, env, global = true, value_name = "RATE", value_parser = parse_rate)]
    client_rate: Option<SomeRate>,

    /// Proxies, as addresses and networks with commas between them, that say in X-Forwarded-For whom
    /// they ask for; nobody else is believed
    #[arg(long, env, global = true, value_name = "NETWORKS")]
    trusted_proxies: Option<Proxies>,
}

/// A rate, or nothing, which is none.
#[derive(Debug, Clone, Copy)]
struct SomeRate(Option<Rate>);

/// How tokens are checked.
pub(crate) struct Believed {
    /// What the file has in it.
    pub(crate) source: KeySource,
    pub(crate) file: NamedFile,
    pub(crate) rules: Rules,
}

/// Settings that cannot be meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuyersError {
    /// Two ways to know one thing.
    #[error("{JWKS_FILE} and {SECRET_FILE} are both set: leave one of them out")]
    Both,
    /// A name that no token has.
    #[error(
        "{0} has blanks at its beginning or its end, or nothing else: no token would say that, so leave \
         them out, or the setting"
    )]
    Blanks(&'static str),
    /// A setting without the one that it belongs to.
    #[error("{set} is set, but {missing} is not: it would change nothing")]
    Without {
        /// What is there.
        set: &'static str,
        /// What is not.
        missing: &'static str,
    },
}

impl BuyerSettings {
    /// How tokens are checked, if buyers have some. What is empty was not said.
    pub(super) fn believed(&self) -> Result<Option<Believed>, BuyersError> {
        let said = |setting, text: &Option<String>| {
            let text = text.clone().filter(|text| !text.is_empty());
            match &text {
                Some(name) if name.trim() != name => Err(BuyersError::Blanks(setting)),
                _ => Ok(text),
            }
        };
        let file = |setting, path: &Option<PathBuf>| {
            let path = path.clone().filter(|path| !path.as_os_str().is_empty())?;
            Some(NamedFile { setting, path })
        };
        let claim = said(CLAIM, &self.buyer_claim)?;
        let audience = said(AUDIENCE, &self.buyer_audience)?;
        let issuer = said(ISSUER, &self.buyer_issuer)?;
        let jwks = file(JWKS_FILE, &self.buyer_jwks_file);
        let (source, file) = match (jwks, file(SECRET_FILE, &self.buyer_secret_file)) {
            (Some(_), Some(_)) => return Err(BuyersError::Both),
            (Some(file), None) => (KeySource::Jwks, file),
            (None, Some(file)) => (KeySource::Secret, file),
            (None, None) => {
                let orphans = [
                    (CLAIM, claim.is_some()),
                    (AUDIENCE, audience.is_some()),
                    (ISSUER, issuer.is_some()),
                    ("BUYER_LEEWAY", self.buyer_leeway.is_some()),
                ];
                let missing = "BUYER_JWKS_FILE or BUYER_SECRET_FILE";
                return match orphans.into_iter().find(|(_, is_set)| *is_set) {
                    Some((set, _)) => Err(BuyersError::Without { set, missing }),
                    None => Ok(None),
                };
            }
        };
        let claim = claim.unwrap_or_else(|| "sub".to_owned());
        let leeway = self.buyer_leeway.unwrap_or(Duration::from_secs(30));
        Ok(Some(Believed { source, file, rules: Rules { claim, audience, issuer, leeway } }))
    }

    /// How often anybody may ask.
    pub(super) fn limits(&self) -> Result<Limits, BuyersError> {
        let rate = |some: Option<SomeRate>| some.and_then(|some| some.0);
        let (of_client, of_user) = (rate(self.client_rate), rate(self.user_rate));
        let proxies = self.trusted_proxies.clone().unwrap_or_default();
        if of_client.is_none() && proxies != Proxies::default() {
            let (set, missing) = ("TRUSTED_PROXIES", "CLIENT_RATE");
            return Err(BuyersError::Without { set, missing });
        }
        Ok(Limits::new(of_client, of_user, proxies))
    }

    /// Whether each client is believed to be whoever it says.
    pub(super) fn trust_everybody(&self) -> bool {
        self.trusted_proxies.as_ref().is_some_and(Proxies::are_everybody)
    }
}

fn parse_rate(text: &str) -> Result<SomeRate, String> {
    if text.is_empty() {
        return Ok(SomeRate(None));
    }
    text.parse()
        .map(|rate| SomeRate(Some(rate)))
        .map_err(|error: http_api::RateError| error.to_string())
}

fn parse_leeway(text: &str) -> Result<Duration, String> {
    duration_within(text, &LEEWAY)
}
