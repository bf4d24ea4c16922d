//! Asking for a unit again and again, and getting one.
//!
//! The key is the code: a user's key leads to the same code of a sale, whoever is asked and when, and
//! both stores give one code one unit. What sets such a request apart is that **its hold is not its
//! own**: an equal one may have asked for it, recorded it or been answered it meanwhile. So it gives
//! nothing back, and leaves its hold to the next request of its key, or to the ledger's verdict when
//! it is due, or to a load of its sale, which has nothing without a record; and what it answers is what the record has, not what it was granted itself.

use crate::{
    Checkout, CheckoutRefusal, CheckoutRequest, Code, Failure, Hold, IdempotencyKey, Sale,
    StoreError, UserId,
    ports::{Answered, Attempt, Grant, HoldRequest, Listed, Outcome, Recorded, Verdict},
};

use super::{ATTEMPT, TOO_LATE, hold_of};

/// How many codes a key may lead to. Each but the last was judged before its record came, so that
/// it can have none any more.
const CODES_OF_KEY: u8 = 4;

/// The answer to a request that has a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedHold {
    /// The hold, as it was granted. It may have been sold, or have ended, since.
    pub hold: Hold,
    /// Whether it was recorded before this request came.
    pub is_repeated: bool,
}

/// What the ledger has for a key.
enum Found {
    /// Nothing was answered yet; this is the code to ask for.
    Nothing(Code),
    Answer(Hold),
}

impl Checkout {
    /// [`attempt`](Self::attempt), for whoever may ask again: the same key of the same user gets the
    /// hold that it got first, whatever has become of it. Only grants are kept: a refusal has done
    /// nothing that could happen twice, so the same key may try again.
    ///
    /// Before anything is taken the ledger is asked. What is not there goes the usual way; two that
    /// go it at once meet at the code, in the live store and in the ledger.
    ///
    /// An error leaves the hold where it is, if there is one: asking again with the key takes it over.
    pub async fn attempt_again(
        &self,
        request: CheckoutRequest,
        key: &IdempotencyKey,
    ) -> Result<Result<KeyedHold, CheckoutRefusal>, StoreError> {
        let Some(Listed { sale, .. }) = self.catalog.find(request.sale).await? else {
            return self.refuse_unknown(request).await.map(Err);
        };
        let code = match self.look_first(&sale, &request.user, key).await? {
            Found::Answer(hold) => return Ok(Ok(KeyedHold { hold, is_repeated: true })),
            Found::Nothing(code) => code,
        };
        let asked = HoldRequest { code, user: request.user, has_key: true };
        let (outcome, permit) = self.ask(&asked).await?;
        let HoldRequest { user, .. } = asked;
        let attempt = Attempt { sale: sale.id, user: user.clone(), outcome };
        let recorded = permit.record(attempt).await;
        match outcome {
            Outcome::Refused(refusal) => recorded.map(|_| Err(refusal)),
            Outcome::Granted(grant) => self.conclude_shared(grant, user, recorded?).await,
        }
    }

    /// Refuses a request for a sale that there is not. Nobody is asked again: a sale that is made
    /// meanwhile would be asked without the key.
    async fn refuse_unknown(
        &self,
        CheckoutRequest { sale, user }: CheckoutRequest,
    ) -> Result<CheckoutRefusal, StoreError> {
        let refusal = CheckoutRefusal::UnknownSale;
        let attempt = Attempt { sale, user, outcome: Outcome::Refused(refusal) };
        self.ledger.permit()?.record(attempt).await?;
        Ok(refusal)
    }

    /// The first code of a key that is no tombstone, or what was granted under it.
    async fn look_first(
        &self,
        sale: &Sale,
        user: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Found, StoreError> {
        for nth in 0..CODES_OF_KEY {
            let code = sale.salt.code(sale.id, user, key, nth);
            match self.answered.answered(code).await? {
                Answered::NotYet => return Ok(Found::Nothing(code)),
                Answered::Granted(granted) => {
                    return Ok(Found::Answer(hold_of(code, user.clone(), granted)));
                }
                // It was nobody's answer, and cannot become one.
                Answered::Never => {}
            }
        }
        let reason = "every code of the key was judged before its record came; use another key";
        Err(StoreError::new(ATTEMPT, Failure::NotDone, reason))
    }

    /// Turns what the ledger said of a grant into the answer, without a word to the live store but
    /// what the ledger has decided for good.
    async fn conclude_shared(
        &self,
        grant: Grant,
        user: UserId,
        recorded: Recorded,
    ) -> Result<Result<KeyedHold, CheckoutRefusal>, StoreError> {
        let Grant { code, unit, .. } = grant;
        match recorded {
            Recorded::Hold(granted) => {
                if granted.unit != unit {
                    // The code had left the live store, and was granted a second unit.
                    self.codes.settle_soon(code, Verdict::Only { unit: granted.unit });
                }
                Ok(Ok(KeyedHold { hold: hold_of(code, user, granted), is_repeated: false }))
            }
            Recorded::TooLate => {
                self.codes.settle_soon(code, Verdict::Free);
                Err(StoreError::new(ATTEMPT, Failure::NotDone, TOO_LATE))
            }
            Recorded::Refusal | Recorded::Stale => self.refuse_stale(grant, user).await.map(Err),
        }
    }
}
