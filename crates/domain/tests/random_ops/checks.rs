//! What must be true: of every answer when it is given, and of both stores after every step.

use std::collections::BTreeSet;

use domain::{Code, CodeRefusal, Hold, Receipt, Unit, sale::SaleState};
use fakes::{AttemptRecord, HoldRecord, HoldState};

use crate::model::{KnownHold, Model, Reply};

impl Model {
    /// Takes an answer to a client, and checks that it may be given.
    pub(crate) fn hear(&mut self, reply: Reply) {
        match reply {
            Reply::Asked(Ok(Ok(hold))) => self.hear_of_hold(hold),
            Reply::Asked(Ok(Err(_))) => self.refusals_answered += 1,
            Reply::Redeemed(code, Ok(Ok(receipt))) => {
                self.check_receipt(code, &receipt);
                let known = self.known.iter_mut().find(|known| known.hold.code == code).unwrap();
                assert!(!known.is_bought, "{code:?} was sold twice");
                known.is_bought = true;
            }
            Reply::Released(code, Ok(Ok(()))) => {
                assert_eq!(self.record(code).state, HoldState::Released);
            }
            Reply::Redeemed(code, Ok(Err(refusal))) | Reply::Released(code, Ok(Err(refusal))) => {
                self.check_refusal(code, &refusal);
            }
            Reply::Asked(Err(_))
            | Reply::Redeemed(_, Err(_))
            | Reply::Released(_, Err(_))
            | Reply::Upkeep => {}
        }
    }

    fn hear_of_hold(&mut self, hold: Hold) {
        let record = self.record(hold.code);
        assert_eq!(record.expires_at, hold.expires_at);
        let is_new = self.known.iter().all(|known| known.hold.code != hold.code);
        assert!(is_new, "{:?} was given twice", hold.code);
        self.known.push(KnownHold { hold, is_returned: false, is_bought: false });
    }

    fn check_receipt(&self, code: Code, receipt: &Receipt) {
        let record = self.record(code);
        assert_eq!(record.state, HoldState::Sold);
        assert_eq!((receipt.unit, &receipt.user), (record.unit, &record.user));
        assert!(self.world.ledger.purchases().contains(receipt));
    }

    /// A hold that is live is never refused: it was sold, it is due, or it was given back.
    fn check_refusal(&self, code: Code, refusal: &CodeRefusal) {
        let known = self.known.iter().find(|known| known.hold.code == code).unwrap();
        match refusal {
            CodeRefusal::AlreadyUsed(receipt) => self.check_receipt(code, receipt),
            CodeRefusal::Expired => assert!(self.world.clock.now() >= known.hold.expires_at),
            CodeRefusal::Released => assert!(known.is_returned),
            CodeRefusal::Unknown | CodeRefusal::NotRedeemed | CodeRefusal::Cancelled(_) => {
                panic!("{code:?} was given to a client, and is refused: {refusal}")
            }
        }
    }

    fn record(&self, code: Code) -> HoldRecord {
        self.world.ledger.hold(code).unwrap_or_else(|| panic!("{code:?} has no record"))
    }

    /// Checks both stores.
    pub(crate) fn check(&mut self) {
        let attempts = self.world.ledger.attempts();
        let holds: Vec<_> = attempts.iter().filter_map(AttemptRecord::hold).collect();
        let live: Vec<_> = holds.iter().copied().filter(|hold| hold.is_live()).collect();

        self.check_live(&live);
        self.check_purchases(&holds);
        self.check_history(&holds);
        for KnownHold { hold, .. } in &self.known {
            let record = self.record(hold.code);
            assert_eq!((record.unit, record.slot), (hold.unit, hold.slot));
            assert_eq!(record.user, hold.user);
        }
        let refusals = attempts.iter().filter(|attempt| attempt.code().is_none()).count();
        assert!(refusals >= self.refusals_answered, "a refusal was answered and not recorded");
        self.check_live_store(&live);
        let is_closed = self.world.ledger.sale(self.sale.id).unwrap().state == SaleState::Closed;
        assert!(is_closed || self.closed_at.is_none(), "a closed sale is open again");
        if is_closed {
            self.closed_at.get_or_insert(self.world.clock.now());
        }
    }

    /// No unit and no slot is live twice, and nobody has more than the limit.
    fn check_live(&self, live: &[&HoldRecord]) {
        let terms = self.sale.terms;
        let units: BTreeSet<_> = live.iter().map(|hold| hold.unit).collect();
        let slots: BTreeSet<_> = live.iter().map(|hold| (&hold.user, hold.slot)).collect();
        assert_eq!(units.len(), live.len(), "a unit is live twice");
        assert_eq!(slots.len(), live.len(), "a slot is live twice");
        assert!(units.iter().all(|unit| unit.get() <= terms.stock()));
        assert!(slots.iter().all(|(_, slot)| slot.0 < terms.per_user_limit()));
    }

    /// What is sold has a receipt, and what has a receipt is sold.
    fn check_purchases(&self, holds: &[&HoldRecord]) {
        let sold = holds.iter().filter(|hold| hold.state == HoldState::Sold);
        let sold: BTreeSet<_> = sold.map(|hold| (hold.code, hold.unit)).collect();
        let receipts = self.world.ledger.purchases();
        let bought: BTreeSet<_> =
            receipts.iter().map(|bought| (bought.code, bought.unit)).collect();
        assert_eq!(sold, bought);
    }

    /// No record disappears, and no hold ends twice.
    fn check_history(&mut self, holds: &[&HoldRecord]) {
        for hold in holds {
            let before = self.seen.insert(hold.code, hold.state);
            let is_legal =
                before.is_none_or(|before| before == HoldState::Held || before == hold.state);
            assert!(is_legal, "{:?} was {before:?} and is {:?}", hold.code, hold.state);
        }
        assert_eq!(self.seen.len(), holds.len(), "a record is gone");
    }

    /// Each unit is free, held or sold there; and unless it went back unnoticed, what is live
    /// in the ledger is not free there.
    fn check_live_store(&self, live: &[&HoldRecord]) {
        let id = self.sale.id;
        let Some(status) = self.world.live.served(id) else { return };
        assert_eq!(status.free + status.held + status.sold, self.sale.terms.stock());
        let free: BTreeSet<Unit> = self.world.live.free(id).into_iter().collect();
        let held: BTreeSet<Unit> = self.world.live.held(id).into_iter().map(|(_, u)| u).collect();
        assert!(free.is_disjoint(&held), "free and held: {free:?}, {held:?}");
        assert_eq!(free.len() + held.len(), (status.free + status.held) as usize);

        let epoch = self.world.ledger.sale(id).unwrap().epoch;
        assert!(status.epoch <= epoch, "an epoch is served that was never issued");
        if status.epoch == epoch && self.doubtful.is_none_or(|doubtful| epoch > doubtful) {
            let taken = live.iter().find(|hold| free.contains(&hold.unit));
            assert_eq!(taken, None, "live in the ledger, and free on the live store");
        }
    }
}
