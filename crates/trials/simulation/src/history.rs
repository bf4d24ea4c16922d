//! What clients were told, and whether it may be told.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use domain::{
    CheckoutRefusal, Code, CodeRefusal, Hold, IdempotencyKey, Receipt, SaleId, UnixMillis, UserId,
};
use fakes::HoldState;

use crate::{
    checked::{Checked, ensure},
    ledger::Ledger,
    pauses::Pauses,
};

/// The answers of a run so far.
#[derive(Default)]
pub(crate) struct History {
    known: BTreeMap<Code, Known>,
    /// The keys that were asked with, whatever came of it.
    keys: Vec<KeyOfUser>,
    /// What was answered to them.
    of_keys: Vec<(KeyOfUser, Code)>,
    refused: BTreeMap<(SaleId, UserId, &'static str), usize>,
    /// Codes that clients know of and a restored ledger does not. Nothing is promised of them.
    lost: BTreeSet<Code>,
    /// Codes that operators asked to give back.
    released: BTreeSet<Code>,
    pub(crate) pauses: Pauses,
    /// Codes whose purchases operators asked to cancel.
    cancelled: BTreeSet<Code>,
}

/// A key in a sale, and whose it is.
type KeyOfUser = (SaleId, UserId, IdempotencyKey);

/// How many codes a key may lead to, by what is promised of tombstones.
const CODES_OF_KEY: u8 = 4;

/// A hold that a client knows of.
struct Known {
    hold: Hold,
    /// Its client asked to buy it, whatever came of it.
    is_wanted: bool,
    /// Its client asked to give it back, whatever came of it.
    is_unwanted: bool,
    /// They were told that they bought it just now.
    is_sold_now: bool,
    receipt: Option<Receipt>,
}

impl Known {
    const fn of(hold: Hold) -> Self {
        Self { hold, is_wanted: false, is_unwanted: false, is_sold_now: false, receipt: None }
    }
}

/// Whether a receipt that was shown is the ledger's: the same, or cancelled since.
fn is_kept(shown: &Receipt, recorded: Option<&Receipt>) -> bool {
    recorded.is_some_and(|recorded| {
        let cancelled = shown.cancelled.clone().or_else(|| recorded.cancelled.clone());
        Receipt { cancelled, ..shown.clone() } == *recorded
    })
}

impl History {
    /// The ledger went back to a backup: what is not in it was never said.
    pub(crate) fn go_back(&mut self, ledger: &dyn Ledger) {
        self.pauses.distrust_all();
        let records = ledger.records();
        for (code, mut known) in std::mem::take(&mut self.known) {
            if records.hold(code).is_none() {
                self.of_keys.retain(|(_, answered)| *answered != code);
                self.lost.insert(code);
                continue;
            }
            known.is_sold_now &= records.receipts.contains_key(&code);
            known.receipt = known.receipt.filter(|_| records.receipts.contains_key(&code));
            self.known.insert(code, known);
        }
        for ((sale, user, name), told) in &mut self.refused {
            let is_it = |(of, whom, what): &&(SaleId, UserId, Cow<'_, str>)| {
                of == sale && whom == user && what == name
            };
            *told = records.refusals.iter().filter(is_it).count().min(*told);
        }
    }

    /// A client is told of a hold.
    pub(crate) fn hear_of_hold(
        &mut self,
        hold: Hold,
        user: &UserId,
        ledger: &dyn Ledger,
    ) -> Checked {
        let code = hold.code;
        ensure(hold.user == *user, || format!("{user} was given the hold of {}", hold.user))?;
        let records = ledger.records();
        let record = records.hold(code).ok_or_else(|| format!("{code:?} has no record"))?;
        let recorded = (&record.user, record.sale, record.unit, record.slot, record.expires_at);
        let told = (&hold.user, hold.sale, hold.unit, hold.slot, hold.expires_at);
        ensure(recorded == told, || format!("told {told:?}, but recorded is {recorded:?}"))?;
        let before = self.known.insert(code, Known::of(hold));
        ensure(before.is_none(), || format!("{code:?} was given twice"))
    }

    /// A client asks with a key for the first time.
    pub(crate) fn asks_with(&mut self, sale: SaleId, user: &UserId, key: &IdempotencyKey) {
        self.keys.push((sale, user.clone(), key.clone()));
    }

    /// Whether a client was told what their key leads to.
    pub(crate) fn has_answered(&self, sale: SaleId, user: &UserId, key: &IdempotencyKey) -> bool {
        let is_it = |(of, whom, with): &KeyOfUser| *of == sale && whom == user && with == key;
        self.of_keys.iter().any(|(known, _)| is_it(known))
    }

    /// A client is told of the hold that their key leads to: the same each time, whatever became of
    /// it.
    pub(crate) fn hear_of_keyed_hold(
        &mut self,
        hold: Hold,
        user: &UserId,
        key: &IdempotencyKey,
        ledger: &dyn Ledger,
    ) -> Checked {
        let of_key = (hold.sale, user.clone(), key.clone());
        let code = hold.code;
        let Some((_, first)) = self.of_keys.iter().find(|(known, _)| *known == of_key) else {
            self.of_keys.push((of_key, code));
            return self.hear_of_hold(hold, user, ledger);
        };
        ensure(*first == code, || format!("a key of {user} leads to {first:?}, and to {code:?}"))?;
        let known = self.known.get(&code).ok_or_else(|| format!("who knows {code:?}?"))?;
        ensure(known.hold == hold, || format!("{:?} is answered again as {hold:?}", known.hold))
    }

    /// A client is told that they get nothing.
    pub(crate) fn hear_of_refusal(
        &mut self,
        sale: SaleId,
        user: &UserId,
        refusal: &CheckoutRefusal,
        ledger: &dyn Ledger,
    ) -> Checked {
        let name = refusal.name();
        let told = self.refused.entry((sale, user.clone(), name)).or_insert(0);
        *told += 1;
        let records = ledger.records();
        let is_it = |(of, whom, what): &&(SaleId, UserId, Cow<'_, str>)| {
            *of == sale && whom == user && *what == name
        };
        let recorded = records.refusals.iter().filter(is_it).count();
        ensure(*told <= recorded, || {
            format!("{user} was told {told} times {name}, and recorded is it {recorded} times")
        })
    }

    /// A client asks to buy.
    pub(crate) fn wants(&mut self, code: Code) {
        if let Some(known) = self.known.get_mut(&code) {
            known.is_wanted = true;
        }
    }

    /// An operator asks to give a hold back that is somebody's.
    pub(crate) fn takes_back(&mut self, code: Code) {
        self.released.insert(code);
    }

    /// An operator asks to cancel a purchase that is somebody's.
    pub(crate) fn cancels(&mut self, code: Code) {
        self.cancelled.insert(code);
    }

    /// A client asks to give back.
    pub(crate) fn gives_back(&mut self, code: Code) {
        if let Some(known) = self.known.get_mut(&code) {
            known.is_unwanted = true;
        }
    }

    /// A client is told that they have just bought.
    pub(crate) fn hear_of_sale(
        &mut self,
        code: Code,
        receipt: &Receipt,
        ledger: &dyn Ledger,
    ) -> Checked {
        self.hear_of_receipt(code, receipt, ledger)?;
        if self.lost.contains(&code) {
            return Ok(());
        }
        let is_sold_now = self.known.get_mut(&code).map(|known| &mut known.is_sold_now);
        let is_first = is_sold_now.is_some_and(|is_sold_now| !std::mem::replace(is_sold_now, true));
        ensure(is_first, || format!("{code:?} was sold twice"))
    }

    /// A client is shown a receipt: the ledger's, the same each time, but that it may be cancelled since.
    pub(crate) fn hear_of_receipt(
        &mut self,
        code: Code,
        receipt: &Receipt,
        ledger: &dyn Ledger,
    ) -> Checked {
        if self.lost.contains(&code) {
            return Ok(());
        }
        let known = self.known.get_mut(&code).ok_or_else(|| format!("who knows {code:?}?"))?;
        ensure(known.is_wanted, || format!("{code:?} was sold to someone who did not ask"))?;
        let is_meant = receipt.cancelled.is_none() || self.cancelled.contains(&code);
        ensure(is_meant, || format!("{code:?} was cancelled by nobody"))?;
        let is_recorded = is_kept(receipt, ledger.records().receipts.get(&code));
        ensure(is_recorded, || format!("not in the ledger: {receipt:?}"))?;
        let first = || Receipt { cancelled: None, ..receipt.clone() };
        let (hold, first) = (&known.hold, &*known.receipt.get_or_insert_with(first));
        let is_of_it =
            (receipt.unit, &receipt.user, receipt.sale) == (hold.unit, &hold.user, hold.sale);
        let is_the_same = is_kept(first, Some(receipt));
        ensure(is_of_it && is_the_same, || format!("{receipt:?} is no receipt of {hold:?}"))
    }

    /// A client is told that they gave a hold back.
    pub(crate) fn hear_of_return(code: Code, ledger: &dyn Ledger) -> Checked {
        let state = ledger.records().hold(code).map(|record| record.state);
        ensure(state == Some(HoldState::Released), || format!("given back {code:?} is {state:?}"))
    }

    /// A client is told that their code is not good. It was good once, so it was sold, it was
    /// due, or they gave it back.
    pub(crate) fn hear_of_bad_code(
        &mut self,
        code: Code,
        refusal: &CodeRefusal,
        latest: Option<UnixMillis>,
        ledger: &dyn Ledger,
    ) -> Checked {
        if let CodeRefusal::AlreadyUsed(receipt) | CodeRefusal::Cancelled(receipt) = refusal {
            let is_cancelled = matches!(refusal, CodeRefusal::Cancelled(_));
            ensure(receipt.cancelled.is_some() == is_cancelled, || {
                format!("{receipt:?} is shown to whoever is told: {refusal}")
            })?;
            return self.hear_of_receipt(code, receipt, ledger);
        }
        if self.lost.contains(&code) {
            return Ok(());
        }
        let known = self.known.get(&code).ok_or_else(|| format!("who knows {code:?}?"))?;
        let state = ledger.records().hold(code).map(|record| record.state);
        let may_be_told = match refusal {
            CodeRefusal::Expired => {
                state == Some(HoldState::Expired) && latest >= Some(known.hold.expires_at)
            }
            CodeRefusal::Released => {
                let is_meant = known.is_unwanted || self.released.contains(&code);
                state == Some(HoldState::Released) && is_meant
            }
            CodeRefusal::NotRedeemed => known.receipt.is_none(),
            CodeRefusal::Unknown | CodeRefusal::AlreadyUsed(_) | CodeRefusal::Cancelled(_) => false,
        };
        ensure(may_be_told, || format!("{code:?} is {state:?}, and its client is told: {refusal}"))
    }

    /// Whatever was told is in the ledger, now as then; and a key has one hold, heard of or not.
    pub(crate) fn check(&self, ledger: &dyn Ledger) -> Checked {
        self.check_keys(ledger)?;
        let records = ledger.records();
        for (code, Known { hold, receipt, .. }) in &self.known {
            let record = records.hold(*code).ok_or_else(|| format!("{code:?} is lost"))?;
            let is_the_same = (&record.user, record.unit, record.slot, record.expires_at)
                == (&hold.user, hold.unit, hold.slot, hold.expires_at);
            ensure(is_the_same, || format!("{code:?} was {hold:?} and is {record:?}"))?;
            if let Some(receipt) = receipt {
                let kept = is_kept(receipt, records.receipts.get(code));
                ensure(kept, || format!("the receipt of {code:?} is lost"))?;
            }
        }
        Ok(())
    }

    fn check_keys(&self, ledger: &dyn Ledger) -> Checked {
        let (records, sales) = (ledger.records(), ledger.sales());
        for (id, user, key) in &self.keys {
            let Some(sale) = sales.iter().find(|sale| sale.id == *id) else { continue };
            let codes = (0..CODES_OF_KEY).map(|nth| sale.salt.code(*id, user, key, nth));
            let holds: Vec<_> = codes.filter_map(|code| records.hold(code)).collect();
            ensure(holds.len() < 2, || format!("{key:?} of {user} has {holds:?}"))?;
        }
        Ok(())
    }
}
