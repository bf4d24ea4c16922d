//! Why somebody is not let in where operators are, or not as far as they ask.

use domain::operator::OperatorName;

use super::{Role, tokens::TOKEN_LENGTH_MIN};

/// Why somebody is not let in. Says nothing of what they sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// They showed nothing.
    Missing,
    /// What they showed cannot be a token.
    Malformed,
    /// Nobody has this token.
    Unknown,
    /// Their session is over, or never was.
    Session,
    /// The ticket was used, is too old, or never was.
    Ticket,
    /// Their browser was sent by a page of somebody else.
    Origin,
    /// They are known, and may not do this.
    Role {
        /// Who they are.
        name: OperatorName,
        /// What they are.
        has: Role,
        /// What they would have to be.
        needs: Role,
    },
    /// Too many came from their address that were wrong; again in so many seconds.
    Guesses(u64),
}

impl Refusal {
    /// What it is counted as.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Session => "session",
            Self::Ticket => "ticket",
            Self::Origin => "origin",
            Self::Role { .. } => "role",
            Self::Guesses(_) => "guesses",
        }
    }

    /// What is wrong, for whoever sent it; of characters that a header field may quote.
    pub(crate) fn says(&self) -> String {
        match self {
            Self::Missing => {
                "this needs a token of an operator, as Authorization: Bearer, or a session"
                    .to_owned()
            }
            Self::Malformed => format!(
                "this is no token that could be one: it must be sent once, as Authorization: Bearer, and \
                 has {TOKEN_LENGTH_MIN} characters or more"
            ),
            Self::Unknown => "nobody has this token".to_owned(),
            Self::Session => "the session is over: sign in again".to_owned(),
            Self::Ticket => {
                "this link was used, or is older than five minutes: sign in with a token".to_owned()
            }
            Self::Origin => {
                "whoever is signed in with a browser may act by a page of this host alone: \
                             Origin must be exactly that"
                    .to_owned()
            }
            Self::Role { name, has, needs } => {
                format!("this needs the role {needs}, and {name} has the role {has}")
            }
            Self::Guesses(_) => {
                "too many tokens came from this address that nobody has: none is looked at for now"
                    .to_owned()
            }
        }
    }
}
