//! Why a token does not say who asks.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::ids::ParseUserIdError;
use jsonwebtoken::{
    Algorithm,
    errors::{Error, ErrorKind},
};
use serde_json::{Map, Value};

/// Why a token does not say who asks. Says nothing of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenRefusal {
    /// There is none.
    Missing,
    /// There are two.
    Twice,
    /// It is longer than any needs to be.
    TooLong,
    /// It cannot be read.
    Malformed,
    /// It says how it is signed, and something else beside that which it cannot mean.
    Head,
    /// It is not signed.
    Unsigned,
    /// It is signed in a way that is not taken.
    Algorithm,
    /// It demands that something of it is understood that is not.
    Critical,
    /// No key is called so.
    UnknownKey,
    /// Somebody else signed it, or changed it.
    Signature,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYet,
    /// It is for somebody else.
    Audience,
    /// It does not say for whom it is.
    NoAudience,
    /// It is of somebody else.
    Issuer,
    /// It does not say of whom it is.
    NoIssuer,
    /// What it says is no JSON object.
    Claims,
    /// It does not say when its time is over.
    Expiry,
    /// It does not say when its time comes, and would.
    Beginning,
    /// It names nobody.
    Nobody,
    /// It is good, but whom it names cannot be a user.
    User(ParseUserIdError),
}

impl TokenRefusal {
    /// What it is counted as.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Twice | Self::TooLong | Self::Malformed | Self::Head => "malformed",
            Self::Unsigned | Self::Algorithm | Self::Critical => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Audience | Self::NoAudience => "audience",
            Self::Issuer | Self::NoIssuer => "issuer",
            Self::Claims | Self::Expiry | Self::Beginning | Self::Nobody => "claims",
            Self::User(_) => "user",
        }
    }

    /// What is wrong, for whoever sent it; of characters that a header field may quote.
    pub(crate) const fn says(self) -> &'static str {
        match self {
            Self::Missing => "this needs a token of the buyer, as Authorization: Bearer",
            Self::Twice => "there is more than one Authorization",
            Self::TooLong => "the token is longer than 8 KiB",
            Self::Malformed => "this is no token that can be read",
            Self::Head => {
                "the head of the token has a member of the wrong kind, such as kid, a text"
            }
            Self::Unsigned => "the token is not signed",
            Self::Algorithm => "the token is signed in a way that is not taken here",
            Self::Critical => "the head of the token demands by crit what is not known here",
            Self::UnknownKey => "the token is signed with a key that is not known here",
            Self::Signature => "the signature of the token is wrong",
            Self::Expired => "the token has expired",
            Self::NotYet => "the token is not good yet",
            Self::Audience => "the token is for somebody else, by its aud",
            Self::NoAudience => "the token lacks aud, which says for whom it is",
            Self::Issuer => "the token is of somebody who is not believed here, by its iss",
            Self::NoIssuer => "the token lacks iss, which says of whom it is",
            Self::Claims => "what the token says is no JSON object",
            Self::Expiry => "the token needs exp, as a number of seconds",
            Self::Beginning => "nbf of the token is no number of seconds",
            Self::Nobody => {
                "the token lacks the claim that names its user here, as a text or a whole number"
            }
            Self::User(_) => "the user of the token cannot be one here",
        }
    }

    /// What an error of the library means.
    pub(super) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::NotYet,
            ErrorKind::InvalidAudience => Self::Audience,
            ErrorKind::InvalidIssuer => Self::Issuer,
            ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Self::NoAudience,
            ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Self::NoIssuer,
            ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => Self::Algorithm,
            ErrorKind::InvalidClaimFormat(claim) if claim == "nbf" => Self::Beginning,
            ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => Self::Expiry,
            ErrorKind::Json(_) => Self::Claims,
            _ => Self::Malformed,
        }
    }

    /// What is wrong with the head of a token that cannot be read as one.
    pub(super) fn of_head(token: &str) -> Self {
        if token.split('.').count() != 3 {
            return Self::Malformed;
        }
        let head = token.split('.').next().unwrap_or_default();
        let head = URL_SAFE_NO_PAD.decode(head).unwrap_or_default();
        let Ok(mut head) = serde_json::from_slice::<Map<String, Value>>(&head) else {
            return Self::Malformed;
        };
        match head.remove("alg") {
            None => Self::Unsigned,
            // As other libraries read it, whatever its letters (RFC 7519, 6).
            Some(Value::String(name)) if name.eq_ignore_ascii_case("none") => Self::Unsigned,
            Some(Value::String(name)) if name.parse::<Algorithm>().is_err() => Self::Algorithm,
            Some(_) => Self::Head,
        }
    }
}
