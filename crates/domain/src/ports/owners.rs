//! Whose codes are, for whoever must know before anything is done with one.

use async_trait::async_trait;

use crate::{Code, CodeRefusal, StoreError, UserId};

/// What the ledger knows of the users to whom codes were given.
#[async_trait]
pub trait CodeOwners: Send + Sync {
    /// Whom the code was given to, whatever has become of it since; `None` if it was given to nobody.
    /// The same for ever once there is one, so whoever has looked may act on it.
    async fn owner(&self, code: Code) -> Result<Option<UserId>, StoreError>;
}

/// Refuses a code that is not this user's as one that was never given, so that nobody learns by asking
/// whether it was. Changes nothing.
pub async fn check_owner(
    owners: &dyn CodeOwners,
    code: Code,
    user: &UserId,
) -> Result<Result<(), CodeRefusal>, StoreError> {
    let owner = owners.owner(code).await?;
    Ok(if owner.as_ref() == Some(user) { Ok(()) } else { Err(CodeRefusal::Unknown) })
}
