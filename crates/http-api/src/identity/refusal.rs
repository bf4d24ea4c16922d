//! Why a token does not say who asks.

use domain::ids::ParseUserIdError;
use jsonwebtoken::errors::{Error, ErrorKind};
use serde_json::error::Category;

/// Why a token does not say who asks. Says nothing of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenRefusal {
    /// There is none.
    Missing,
    /// It cannot be read.
    Malformed,
    /// It is not signed, or in a way that is not taken.
    Algorithm,
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
    /// It is of somebody else.
    Issuer,
    /// It lacks something.
    Claims,
    /// It is good, but whom it names cannot be a user.
    User(ParseUserIdError),
}

impl TokenRefusal {
    /// What it is counted as.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Audience => "audience",
            Self::Issuer => "issuer",
            Self::Claims => "claims",
            Self::User(_) => "user",
        }
    }

    /// What is wrong, for whoever sent it; of characters that a header field may quote.
    pub(crate) const fn says(self) -> &'static str {
        match self {
            Self::Missing => "this needs a token of the buyer, as Authorization: Bearer",
            Self::Malformed => "this is no token that can be read",
            Self::Algorithm => "the token is not signed in a way that is taken here",
            Self::UnknownKey => "the token is signed with a key that is not known here",
            Self::Signature => "the signature of the token is wrong",
            Self::Expired => "the token has expired",
            Self::NotYet => "the token is not good yet",
            Self::Audience => "the token is for somebody else",
            Self::Issuer => "the token is of an issuer that is not believed here",
            Self::Claims => "the token lacks what it must have: exp, and the name of the user",
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
            ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Self::Audience,
            ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Self::Issuer,
            ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => Self::Algorithm,
            ErrorKind::MissingRequiredClaim(_)
            | ErrorKind::InvalidClaimFormat(_)
            | ErrorKind::Json(_) => Self::Claims,
            _ => Self::Malformed,
        }
    }

    /// The same, where the head of a token is read: what is JSON there, and no head, names no
    /// algorithm that there is.
    pub(super) fn of_head(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Json(error) if error.classify() == Category::Data => Self::Algorithm,
            _ => Self::Malformed,
        }
    }
}
