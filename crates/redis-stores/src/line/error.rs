//! What keeps a call from a reply, and what is known of its work then.

use std::borrow::Cow;

use deadpool_redis::redis::RedisError;
use domain::{Failure, StoreError, answer::Doing};

use crate::{
    refusal::{half_way, is_answer, remedy},
    server::ConnectError,
};

/// Why a call brought no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// No connection could be had; nothing was sent.
    #[error("Redis cannot be reached")]
    Unreachable(#[source] ConnectError),
    /// Redis refused the call; nothing was done.
    #[error("Redis refuses: {remedy}")]
    Refused {
        /// What an operator can do about it.
        remedy: Cow<'static, str>,
        /// What the server said, if it was asked just now.
        source: Option<RedisError>,
    },
    /// Redis reported a failure that may have come half-way.
    #[error("Redis reports a failure: {0}")]
    Failed(Cow<'static, str>, #[source] RedisError),
    /// The reply got lost.
    #[error("Redis gave no answer")]
    Lost(#[source] RedisError),
    /// It is not known whose sales these are; nothing was sent.
    #[error("the ledger has not said who it is")]
    Ownerless(#[source] StoreError),
    /// The sale that is there is another ledger's; nothing was done.
    #[error(
        "the sale in Redis is that of another ledger, which uses the same database of the same \
         server: REDIS_URL must name one for each ledger, such as redis://host:6379/1. If the other \
         ledger is no more, FLUSHDB makes room"
    )]
    OtherLedger,
    /// The sale is being loaded.
    #[error("the sale is being loaded by another process")]
    Loading,
    /// What a load had brought was lost before its end; the sale is not served.
    #[error("the load was cut short; the next begins anew")]
    CutShort,
    /// A newer version of the function library serves the sale; nothing was done.
    #[error("a newer version of this service serves the sale; this process must be replaced")]
    Superseded,
    /// The reply is not one this version knows.
    #[error("Redis gave an answer of an unknown form: {0}")]
    Unreadable(String),
}

impl LineError {
    /// Names the port method this error ended.
    pub(crate) fn during(self, doing: impl Into<Doing>) -> StoreError {
        let remedy = self.remedy();
        StoreError::new(doing, self.failure(), self).with_remedy(remedy)
    }

    /// What an error of the driver means that came instead of a reply.
    pub(crate) fn of(error: RedisError) -> Self {
        match remedy(&error) {
            Some(remedy) => Self::Refused { remedy, source: Some(error) },
            None if is_answer(&error) => Self::Failed(half_way(&error), error),
            None => Self::Lost(error),
        }
    }

    /// What an operator can do about it, if that is known.
    pub(crate) fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Refused { remedy, .. } => Some(remedy.clone()),
            Self::Failed(what, _) => Some(what.clone()),
            Self::Unreachable(error) => error.remedy().map(Into::into),
            Self::OtherLedger | Self::Superseded => Some(self.to_string().into()),
            Self::Ownerless(_) => {
                Some("nothing is asked of it before the ledger has said whose the sales are".into())
            }
            _ => None,
        }
    }

    /// What is known of the work that was asked for.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Unreachable(_)
            | Self::Refused { .. }
            | Self::Ownerless(_)
            | Self::OtherLedger
            | Self::CutShort
            | Self::Superseded => Failure::NotDone,
            Self::Loading => Failure::Rebuilding,
            Self::Failed(..) | Self::Lost(_) | Self::Unreadable(_) => Failure::Unknown,
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Failed(..))
    }
}
