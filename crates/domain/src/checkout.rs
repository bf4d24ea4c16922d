//! Asking for a unit.

mod keyed;

use std::sync::Arc;

use crate::{
    Catalog, CheckoutRefusal, Code, Failure, Hold, Phase, SaleId, StoreError, UserId,
    abandoned::{Abandoned, AbandonedCode, Reached},
    answer::Doing,
    ports::{
        AnsweredCodes, Attempt, AttemptPermit, CodeMint, CodeStore, Grant, Granted, HoldRequest,
        LedgerStore, Listed, Outcome, PlaceReply, Recorded, Verdict,
    },
    upkeep::{LOAD_AHEAD_MS, Rebuild, Restored},
};

pub use keyed::KeyedHold;

const ATTEMPT: Doing = Doing::step("Checkout::attempt");

const TOO_LATE: &str = "the hold was already judged when its record arrived";
const STALE: &str = "the live store of the sale is out of date and is being rebuilt";

/// How often a request looks again after its sale had to be rebuilt. Each look waits for a
/// rebuild, so this bounds the wait to about as many times half a second.
const LOOKS_MAX: u32 = 4;

/// Puts units on hold for users.
pub struct Checkout {
    catalog: Arc<Catalog>,
    codes: Arc<dyn CodeStore>,
    ledger: Arc<dyn LedgerStore>,
    answered: Arc<dyn AnsweredCodes>,
    rebuild: Arc<Rebuild>,
    mint: Arc<dyn CodeMint>,
    abandoned: Arc<Abandoned>,
}

/// A request that has no answer yet. Dropped before it has one, it leaves its code to the upkeep.
struct Unanswered<'a> {
    checkout: &'a Checkout,
    code: Code,
    reached: Option<Reached>,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let Some(reached) = self.reached else { return };
        if reached == Reached::LiveStore {
            self.checkout.codes.settle_soon(self.code, Verdict::Free);
        }
        // In either case: the grant may be on its way still, and come after this verdict.
        self.checkout.abandoned.note(AbandonedCode { code: self.code, reached });
    }
}

/// One request for a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutRequest {
    /// The sale that is asked.
    pub sale: SaleId,
    /// Who asks.
    pub user: UserId,
}

impl Checkout {
    /// A checkout over these stores.
    pub fn new(
        catalog: Arc<Catalog>,
        codes: Arc<dyn CodeStore>,
        ledger: Arc<dyn LedgerStore>,
        answered: Arc<dyn AnsweredCodes>,
        rebuild: Arc<Rebuild>,
        mint: Arc<dyn CodeMint>,
        abandoned: Arc<Abandoned>,
    ) -> Self {
        Self { catalog, codes, ledger, answered, rebuild, mint, abandoned }
    }

    /// Answers one request and records the answer, in this order:
    ///
    /// 1. a permit of the ledger's queue, so that a full queue is never discovered while
    ///    holding stock;
    /// 2. the hold, because only the live store knows what is free;
    /// 3. the record, because only the ledger can promise.
    ///
    /// If the ledger refuses the record or cannot be reached, the user never learns the code. If it refuses
    /// because the sale is paused or over by now, of which the live store had not heard, that is the answer.
    /// Where it is certain that no record will appear, the unit is given back at once;
    /// otherwise the sweep decides it when the hold is due.
    ///
    /// A caller who stops waiting may do so at any point: what the request held is given back by
    /// the upkeep.
    pub async fn attempt(
        &self,
        request: CheckoutRequest,
    ) -> Result<Result<Hold, CheckoutRefusal>, StoreError> {
        let code = Code::new(request.sale, self.mint.draw());
        let asked = HoldRequest { code, user: request.user, has_key: false };

        let mut unanswered = Unanswered { checkout: self, code, reached: Some(Reached::LiveStore) };
        let asked_for = self.ask(&asked).await;
        let is_granted = matches!(asked_for, Ok((Outcome::Granted(_), _)));
        unanswered.reached = is_granted.then_some(Reached::Ledger);
        let (outcome, permit) = asked_for?;
        let (sale, HoldRequest { user, .. }) = (request.sale, asked);
        let recorded = permit.record(Attempt { sale, user: user.clone(), outcome }).await;
        unanswered.reached = None;

        match outcome {
            Outcome::Refused(refusal) => recorded.map(|_| Err(refusal)),
            Outcome::Granted(grant) => self.conclude(grant, user, recorded).await,
        }
    }

    /// What the sale says to the request, and the permit to record it.
    async fn ask(
        &self,
        asked: &HoldRequest,
    ) -> Result<(Outcome, Box<dyn AttemptPermit>), StoreError> {
        let sale = asked.code.sale();
        for _ in 0..LOOKS_MAX {
            let permit = self.ledger.permit()?;
            if let Some(refusal) = self.refuse_unasked(sale).await? {
                return Ok((Outcome::Refused(refusal), permit));
            }
            match self.codes.place_hold(asked.clone()).await? {
                PlaceReply::Granted(grant) => return Ok((Outcome::Granted(grant), permit)),
                PlaceReply::Refused(refusal) => return Ok((Outcome::Refused(refusal), permit)),
                PlaceReply::NotLoaded => {
                    // A load takes long, and whoever waits for one must not stand in the way of
                    // those who want another sale.
                    drop(permit);
                    if self.rebuild.restore_on_demand(sale).await? == Restored::Closed {
                        self.catalog.refresh().await?;
                    }
                }
            }
        }
        Err(StoreError::new(ATTEMPT, Failure::Rebuilding, "the sale was lost again and again"))
    }

    /// A refusal that needs no live store: of a sale that never was, is over for good, or is so
    /// far ahead that it is not loaded yet.
    async fn refuse_unasked(&self, sale: SaleId) -> Result<Option<CheckoutRefusal>, StoreError> {
        let mut found = self.catalog.find(sale).await?;
        if found.as_ref().is_some_and(is_far_ahead) {
            // An operator may have moved the start since the snapshot.
            found = self.catalog.find_lately(sale).await?;
        }
        let Some(listed) = found else { return Ok(Some(CheckoutRefusal::UnknownSale)) };
        let window = listed.sale.window;
        Ok(match listed.sale.phase_at(listed.seen_at) {
            Phase::Ended => Some(CheckoutRefusal::Ended { ends_at: window.ends_at() }),
            Phase::Scheduled if is_far_ahead(&listed) => {
                Some(CheckoutRefusal::NotOpen { starts_at: window.starts_at() })
            }
            Phase::Scheduled | Phase::Open | Phase::Paused => None,
        })
    }

    /// Turns what the ledger said of a grant into the answer.
    async fn conclude(
        &self,
        grant: Grant,
        user: UserId,
        recorded: Result<Recorded, StoreError>,
    ) -> Result<Result<Hold, CheckoutRefusal>, StoreError> {
        let code = grant.code;
        match recorded {
            Ok(Recorded::Hold(granted)) => Ok(Ok(hold_of(code, user, granted))),
            Ok(Recorded::TooLate) => Err(StoreError::new(ATTEMPT, Failure::NotDone, TOO_LATE)),
            Ok(Recorded::Refusal | Recorded::Stale) => {
                self.codes.settle_soon(code, Verdict::Free);
                self.refuse_stale(grant, user).await.map(Err)
            }
            Err(error) => {
                if error.failure() != Failure::Unknown {
                    self.codes.settle_soon(code, Verdict::Free);
                }
                Err(error)
            }
        }
    }

    /// The answer to a grant that the ledger did not take down: no, if the sale is paused or over by now.
    /// Otherwise there is none, for the live store is out of date.
    async fn refuse_stale(
        &self,
        Grant { code, epoch, .. }: Grant,
        user: UserId,
    ) -> Result<CheckoutRefusal, StoreError> {
        let sale = code.sale();
        let listed = self.catalog.listed_about_now(sale).await;
        let stopped = listed.as_ref().and_then(stopped);
        // Units that were asked for in the last moment of a sale are no reason to load it anew. Where it was
        // ended without the live store, that is found when the two are compared.
        if !matches!(stopped, Some(CheckoutRefusal::Ended { .. })) {
            self.rebuild.ask(sale, epoch);
        }
        let Some(refusal) = stopped else {
            return Err(StoreError::new(ATTEMPT, Failure::Rebuilding, STALE));
        };
        let attempt = Attempt { sale, user, outcome: Outcome::Refused(refusal) };
        self.ledger.permit()?.record(attempt).await?;
        Ok(refusal)
    }
}

/// Whether a sale is so far ahead that no live store has it yet.
fn is_far_ahead(Listed { sale, seen_at }: &Listed) -> bool {
    sale.window.starts_at() - *seen_at > LOAD_AHEAD_MS
}

/// Why nothing is to be had of a sale any more, or for now.
fn stopped(Listed { sale, seen_at }: &Listed) -> Option<CheckoutRefusal> {
    let ends_at = sale.window.ends_at();
    match sale.phase_at(*seen_at) {
        Phase::Ended => Some(CheckoutRefusal::Ended { ends_at }),
        Phase::Paused => Some(CheckoutRefusal::Paused { ends_at }),
        Phase::Scheduled | Phase::Open => None,
    }
}

fn hold_of(code: Code, user: UserId, granted: Granted) -> Hold {
    let Granted { unit, slot, expires_at } = granted;
    Hold { code, sale: code.sale(), user, unit, slot, expires_at }
}
