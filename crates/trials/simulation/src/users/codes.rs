//! What users do with the codes they know, and with those they make up.

use std::sync::Arc;

use domain::{Code, CodeRefusal, Receipt, StoreError};
use futures_util::future::join;

use super::User;
use crate::{
    answers::Told, checked::Checked, history::History, ledger::Ledger, lock::lock, process::Process,
};

type Redeemed = Option<Result<Result<Receipt, CodeRefusal>, StoreError>>;

impl User {
    /// Redeems a code, and asks again until they are told something of it.
    pub(crate) async fn redeem(&self, code: Code) {
        lock(&self.world.safety).history.wants(code);
        loop {
            let answer = self.press_buy(code).await;
            if self.hear_of_redemption(code, answer) {
                return;
            }
            self.world.pass(self.world.random.within(1..=300)).await;
        }
    }

    async fn press_buy(&self, code: Code) -> Redeemed {
        let redeeming = move |process: Arc<Process>| async move {
            process.services.purchase.redeem(code).await
        };
        self.request(redeeming).await
    }

    /// Presses the button twice.
    pub(super) async fn redeem_twice(&self, code: Code) {
        lock(&self.world.safety).history.wants(code);
        let restorations = self.restorations();
        let (one, other) = join(self.press_buy(code), self.press_buy(code)).await;
        if self.restorations() != restorations {
            return;
        }
        self.hear_of_redemption(code, one);
        self.hear_of_redemption(code, other);
    }

    /// Says whether the answer tells what became of the code.
    fn hear_of_redemption(&self, code: Code, answer: Redeemed) -> bool {
        if let Some(Ok(Err(CodeRefusal::NotRedeemed))) = answer {
            let checked = Err(format!("{code:?} was neither sold nor refused"));
            self.hear(Told::NotRedeemed, checked, Some(code));
            return true;
        }
        let told = self.hear_of_code(code, answer, Told::Sold, |history, receipt, ledger| {
            history.hear_of_sale(code, &receipt, ledger)
        });
        !told.is_no_answer()
    }

    pub(super) async fn give_back(&self, code: Code) {
        lock(&self.world.safety).history.gives_back(code);
        let releasing = move |process: Arc<Process>| async move {
            process.services.purchase.release(code).await
        };
        let answer = self.request(releasing).await;
        self.hear_of_code(code, answer, Told::GivenBack, |_, (), ledger| {
            History::hear_of_return(code, ledger)
        });
    }

    pub(super) async fn look_at_receipt(&self, code: Code) {
        let looking = move |process: Arc<Process>| async move {
            process.services.purchase.receipt(code).await
        };
        let answer = self.request(looking).await;
        self.hear_of_code(code, answer, Told::Receipt, |history, receipt, ledger| {
            history.hear_of_receipt(code, &receipt, ledger)
        });
    }

    /// What is heard of a code: nothing, that a store failed, a refusal, or what was asked for, which
    /// is then called `good` and checked.
    fn hear_of_code<T>(
        &self,
        code: Code,
        answer: Option<Result<Result<T, CodeRefusal>, StoreError>>,
        good: Told,
        check: impl FnOnce(&mut History, T, &dyn Ledger) -> Checked,
    ) -> Told {
        let (told, checked) = match answer {
            None => (Told::Nothing, Ok(())),
            Some(Err(error)) => (error.failure().into(), Ok(())),
            Some(Ok(Ok(answer))) => {
                let mut safety = lock(&self.world.safety);
                (good, check(&mut safety.history, answer, &*self.world.stores.ledger))
            }
            Some(Ok(Err(refusal))) => self.check_bad_code(code, &refusal),
        };
        self.hear(told, checked, Some(code));
        told
    }

    fn check_bad_code(&self, code: Code, refusal: &CodeRefusal) -> (Told, Checked) {
        let mut safety = lock(&self.world.safety);
        let latest = safety.latest;
        let checked =
            safety.history.hear_of_bad_code(code, refusal, latest, &*self.world.stores.ledger);
        (Told::from(refusal), checked)
    }

    /// Nobody was ever given this code.
    pub(super) async fn make_up_a_code(&self) {
        let Some(sale) = self.choose_sale() else { return };
        let code = Code::new(sale, u128::MAX);
        let (told, checked) = match self.press_buy(code).await {
            None => (Told::Nothing, Ok(())),
            Some(Err(error)) => (error.failure().into(), Ok(())),
            Some(Ok(Err(CodeRefusal::Unknown))) => (Told::UnknownCode, Ok(())),
            Some(Ok(answer)) => (Told::Sold, Err(format!("a made-up code is answered {answer:?}"))),
        };
        self.hear(told, checked, Some(code));
    }
}
