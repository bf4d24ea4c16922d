//! The users: they ask, buy, forget, give back, ask again when they heard nothing, and remember
//! every answer.

use std::sync::Arc;

use domain::{
    CheckoutRequest, Code, CodeRefusal, Receipt, SaleId, StoreError, UserId, Window, sale::Sale,
};
use futures_util::future::join;
use tokio::{
    sync::oneshot,
    time::{Duration, timeout},
};

use crate::{
    answers::Told, history::History, lock, mishap::Mishap, process::Process, stage::Stage,
};

/// How long a user waits for an answer, in milliseconds.
const PATIENCE_MS: u64 = 3_000;

/// A number that no sale has.
const NO_SALE: i64 = 999;

/// A user, and the codes he knows.
pub(crate) struct User {
    stage: Arc<Stage>,
    name: UserId,
    codes: Vec<Code>,
}

type Redeemed = Option<Result<Result<Receipt, CodeRefusal>, StoreError>>;

impl User {
    pub(crate) fn new(stage: &Arc<Stage>, name: &str) -> Self {
        let name = name.parse().expect("users of a run are called by plain words");
        Self { stage: Arc::clone(stage), name, codes: Vec::new() }
    }

    /// Does this and that until all trouble is over.
    pub(crate) async fn live(mut self) {
        while self.stage.is_in_trouble() {
            self.stage.pass(self.stage.dice.within(1..=400)).await;
            let code = self.stage.dice.pick(&self.codes);
            match (self.stage.dice.below(20), code) {
                (0..=3, Some(code)) => self.redeem(code).await,
                (4..=5, Some(code)) => self.give_back(code).await,
                (6, Some(code)) => self.redeem_twice(code).await,
                (7, Some(code)) => self.look_at_receipt(code).await,
                (8, _) => self.make_up_a_code().await,
                (9, _) => self.look_at_sales().await,
                _ => {
                    if let Some(sale) = self.choose_sale() {
                        // He remembers what he was told.
                        let _ = self.ask(sale).await;
                    }
                }
            }
        }
    }

    /// Asks for a unit once: a code, or what else he is told. Whoever hears nothing never learns
    /// his code, and it expires.
    pub(crate) async fn ask(&mut self, sale: SaleId) -> Result<Code, Told> {
        let request = CheckoutRequest { sale, user: self.name.clone() };
        let asking = move |process: Arc<Process>| async move {
            process.services.checkout.attempt(request).await
        };
        let answer = self.request(asking).await;
        let ledger = &*self.stage.ledger;
        let mut witness = lock(&self.stage.witness);
        let (told, checked, code) = match answer {
            None => (Told::Nothing, Ok(()), None),
            Some(Err(error)) => (error.failure().into(), Ok(()), None),
            Some(Ok(Err(refusal))) => {
                let checked = witness.history.hear_of_refusal(sale, &self.name, &refusal, ledger);
                (Told::from(&refusal), checked, None)
            }
            Some(Ok(Ok(hold))) => {
                let code = hold.code;
                let checked = witness.history.hear_of_hold(hold, &self.name, ledger);
                (Told::Granted, checked, Some(code))
            }
        };
        drop(witness);
        self.hear(told, checked, code);
        self.codes.extend(code);
        code.ok_or(told)
    }

    /// Redeems a code, and asks again until he is told something of it.
    pub(crate) async fn redeem(&self, code: Code) {
        lock(&self.stage.witness).history.wants(code);
        loop {
            let answer = self.press_buy(code).await;
            if self.hear_of_redemption(code, answer) {
                return;
            }
            self.stage.pass(self.stage.dice.within(1..=300)).await;
        }
    }

    async fn press_buy(&self, code: Code) -> Redeemed {
        let redeeming = move |process: Arc<Process>| async move {
            process.services.purchase.redeem(code).await
        };
        self.request(redeeming).await
    }

    /// Presses the button twice.
    async fn redeem_twice(&self, code: Code) {
        lock(&self.stage.witness).history.wants(code);
        let (one, other) = join(self.press_buy(code), self.press_buy(code)).await;
        self.hear_of_redemption(code, one);
        self.hear_of_redemption(code, other);
    }

    /// Says whether the answer tells what became of the code.
    fn hear_of_redemption(&self, code: Code, answer: Redeemed) -> bool {
        let (told, checked) = match answer {
            None => (Told::Nothing, Ok(())),
            Some(Err(error)) => (error.failure().into(), Ok(())),
            Some(Ok(Ok(receipt))) => {
                let mut witness = lock(&self.stage.witness);
                let checked = witness.history.hear_of_sale(code, &receipt, &*self.stage.ledger);
                (Told::Sold, checked)
            }
            Some(Ok(Err(CodeRefusal::NotRedeemed))) => {
                (Told::NotRedeemed, Err(format!("{code:?} was neither sold nor refused")))
            }
            Some(Ok(Err(refusal))) => self.check_bad_code(code, &refusal),
        };
        self.hear(told, checked, Some(code));
        !matches!(
            told,
            Told::Nothing | Told::Overloaded | Told::NotDone | Told::Unknown | Told::Rebuilding
        )
    }

    async fn give_back(&self, code: Code) {
        lock(&self.stage.witness).history.gives_back(code);
        let releasing = move |process: Arc<Process>| async move {
            process.services.purchase.release(code).await
        };
        let answer = self.request(releasing).await;
        let (told, checked) = match answer {
            None => (Told::Nothing, Ok(())),
            Some(Err(error)) => (error.failure().into(), Ok(())),
            Some(Ok(Ok(()))) => {
                let checked = History::hear_of_return(code, &*self.stage.ledger);
                (Told::GivenBack, checked)
            }
            Some(Ok(Err(refusal))) => self.check_bad_code(code, &refusal),
        };
        self.hear(told, checked, Some(code));
    }

    async fn look_at_receipt(&self, code: Code) {
        let looking = move |process: Arc<Process>| async move {
            process.services.purchase.receipt(code).await
        };
        let answer = self.request(looking).await;
        let (told, checked) = match answer {
            None => (Told::Nothing, Ok(())),
            Some(Err(error)) => (error.failure().into(), Ok(())),
            Some(Ok(Ok(receipt))) => {
                let mut witness = lock(&self.stage.witness);
                let checked = witness.history.hear_of_receipt(code, &receipt, &*self.stage.ledger);
                (Told::Receipt, checked)
            }
            Some(Ok(Err(refusal))) => self.check_bad_code(code, &refusal),
        };
        self.hear(told, checked, Some(code));
    }

    fn check_bad_code(&self, code: Code, refusal: &CodeRefusal) -> (Told, Result<(), String>) {
        let mut witness = lock(&self.stage.witness);
        let latest = witness.latest;
        let checked = witness.history.hear_of_bad_code(code, refusal, latest, &*self.stage.ledger);
        (Told::from(refusal), checked)
    }

    /// Nobody was ever given this code.
    async fn make_up_a_code(&self) {
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

    async fn look_at_sales(&self) {
        let looking = |process: Arc<Process>| async move {
            process.services.standings.current().await?;
            process.services.standings.page(None, 3).await
        };
        let (told, checked) = match self.request(looking).await {
            None => (Told::Nothing, Ok(())),
            Some(Err(error)) => (error.failure().into(), Ok(())),
            Some(Ok(standings)) => {
                let wrong = standings.iter().find(|at| at.held + at.sold > at.sale.terms.stock());
                (
                    Told::Standing,
                    wrong.map_or(Ok(()), |at| Err(format!("more than there is: {at:?}"))),
                )
            }
        };
        self.hear(told, checked, None);
    }

    fn hear(&self, told: Told, checked: Result<(), String>, code: Option<Code>) {
        lock(&self.stage.coverage).answer(told);
        self.stage.note(|| format!("{} hears: {} {code:?}", self.name, told.name()));
        self.stage.expect(checked);
    }

    /// Mostly the sale that is on.
    fn choose_sale(&self) -> Option<SaleId> {
        let sales = self.stage.ledger.sales();
        let now = self.stage.true_time();
        let is_on = |window: Window| window.starts_at() <= now && now < window.ends_at();
        let on = sales.iter().find(|sale| is_on(sale.window)).map(|sale| sale.id);
        match self.stage.dice.below(20) {
            0 => SaleId::try_from(NO_SALE).ok(),
            1..=3 => self.stage.dice.pick(&sales).map(|sale: Sale| sale.id),
            _ => on,
        }
    }

    /// Has a process do something, and waits for what it says. `None` if nothing is heard.
    async fn request<T, F>(&self, work: impl FnOnce(Arc<Process>) -> F) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let stage = &self.stage;
        let up: Vec<_> = lock(&stage.seats).iter().flatten().cloned().collect();
        let process = stage.dice.pick(&up)?;
        let cut_off = stage.plan.rates.client_cut_off;
        if stage.goes_wrong(cut_off) {
            stage.met(Mishap::ClientCutOff);
            return None;
        }
        let (reply, replied) = oneshot::channel();
        let owner = process.owner();
        let working = work(process);
        let task = stage.tasks.start(owner, async move {
            let answer = working.await;
            // The client may have gone away.
            let _ = reply.send(answer);
        });
        if stage.goes_wrong(stage.plan.rates.hung_up) {
            stage.met(Mishap::ClientHungUp);
            stage.pass(stage.dice.within(0..=15)).await;
            stage.tasks.end(task);
            return None;
        }
        let answer = timeout(Duration::from_millis(PATIENCE_MS), replied).await;
        if stage.goes_wrong(cut_off) {
            stage.met(Mishap::ClientCutOff);
            return None;
        }
        answer.ok()?.ok()
    }
}
