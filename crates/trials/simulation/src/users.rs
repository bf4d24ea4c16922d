//! The users: they ask, buy, forget, give back, ask again when they heard nothing, and remember
//! every answer.

mod codes;
mod keys;

use std::sync::Arc;

use domain::{
    CheckoutRequest, Code, IdempotencyKey, SaleId, UserId, Window, ports::Store, sale::Sale,
};
use tokio::{
    sync::oneshot,
    time::{Duration, timeout},
};

use crate::{
    answers::Told,
    checked::Checked,
    fault::Fault,
    lock::lock,
    process::{Process, Service},
    world::World,
};

/// How long a user waits for an answer, in milliseconds.
const PATIENCE_MS: u64 = 3_000;

/// A number that no sale has.
const NO_SALE: i64 = 999;

/// A user, and the codes they know.
pub(crate) struct User {
    world: Arc<World>,
    service: Arc<Service>,
    name: UserId,
    codes: Vec<Code>,
    /// The keys they have used, and for which sale.
    keys: Vec<(SaleId, IdempotencyKey)>,
}

impl User {
    pub(crate) fn new(service: &Arc<Service>, name: &str) -> Self {
        let name = name.parse().expect("users of a run are called by plain words");
        let (world, service) = (Arc::clone(&service.world), Arc::clone(service));
        Self { world, service, name, codes: Vec::new(), keys: Vec::new() }
    }

    /// Does this and that until all trouble is over.
    pub(crate) async fn live(mut self) {
        while self.world.is_in_trouble() {
            self.world.pass(self.world.random.within(1..=400)).await;
            let code = self.world.random.pick(&self.codes);
            match (self.world.random.below(25), code) {
                (0..=3, Some(code)) => self.redeem(code).await,
                (4..=5, Some(code)) => self.give_back(code).await,
                (6, Some(code)) => self.redeem_twice(code).await,
                (7, Some(code)) => self.look_at_receipt(code).await,
                (8, _) => self.make_up_a_code().await,
                (9, _) => self.look_at_sales().await,
                (10..=15, _) => self.ask_with_key().await,
                _ => {
                    if let Some(sale) = self.choose_sale() {
                        // They remember what they were told.
                        let _ = self.ask(sale).await;
                    }
                }
            }
        }
    }

    /// Asks for a unit once: a code, or what else they are told. Whoever hears nothing never learns
    /// the code, and it expires.
    pub(crate) async fn ask(&mut self, sale: SaleId) -> Result<Code, Told> {
        let request = CheckoutRequest { sale, user: self.name.clone() };
        let pause = lock(&self.world.safety).history.pauses.of(sale);
        let asking = move |process: Arc<Process>| async move {
            process.services.checkout.attempt(request).await
        };
        let answer = self.request(asking).await;
        let ledger = &*self.world.stores.ledger;
        let mut safety = lock(&self.world.safety);
        let (told, checked, code) = match answer {
            None => (Told::Nothing, Ok(()), None),
            Some(Err(error)) => (error.failure().into(), Ok(()), None),
            Some(Ok(Err(refusal))) => {
                let checked = safety.history.hear_of_refusal(sale, &self.name, &refusal, ledger);
                (Told::from(&refusal), checked, None)
            }
            Some(Ok(Ok(hold))) => {
                let code = hold.code;
                let checked = safety.history.hear_of_hold(hold, &self.name, ledger);
                let checked = checked.and(safety.history.pauses.check_grant(sale, pause));
                (Told::Granted, checked, Some(code))
            }
        };
        drop(safety);
        self.hear(told, checked, code);
        self.codes.extend(code);
        code.ok_or(told)
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

    fn hear(&self, told: Told, checked: Checked, code: Option<Code>) {
        lock(&self.world.coverage).answer(told);
        self.world.note(|| format!("{} hears: {} {code:?}", self.name, told.name()));
        self.world.expect(checked);
    }

    fn restorations(&self) -> u64 {
        lock(&self.service.network).restorations(Store::Ledger)
    }

    /// Mostly the sale that is on.
    fn choose_sale(&self) -> Option<SaleId> {
        let sales = self.world.stores.ledger.sales();
        let now = self.world.true_time();
        let is_on = |window: Window| window.starts_at() <= now && now < window.ends_at();
        let on = sales.iter().find(|sale| is_on(sale.window)).map(|sale| sale.id);
        match self.world.random.below(20) {
            0 => SaleId::try_from(NO_SALE).ok(),
            1..=3 => self.world.random.pick(&sales).map(|sale: Sale| sale.id),
            _ => on,
        }
    }

    /// Has a process do something, and waits for what it says. `None` if nothing is heard.
    async fn request<T, F>(&self, work: impl FnOnce(Arc<Process>) -> F) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let world = &self.world;
        let restorations = self.restorations();
        let (_, process) = self.service.pick()?;
        let cut_off = world.plan.rates.client_cut_off;
        if world.goes_wrong(cut_off) {
            world.met(Fault::ClientCutOff);
            return None;
        }
        let (reply, replied) = oneshot::channel();
        let owner = process.owner();
        let working = work(process);
        let task = world.tasks.start(owner, async move {
            let answer = working.await;
            // The client may have gone away.
            let _ = reply.send(answer);
        });
        if world.goes_wrong(world.plan.rates.hung_up) {
            world.met(Fault::ClientHungUp);
            world.pass(world.random.within(0..=15)).await;
            world.tasks.end(task);
            return None;
        }
        let answer = timeout(Duration::from_millis(PATIENCE_MS), replied).await;
        if world.goes_wrong(cut_off) {
            world.met(Fault::ClientCutOff);
            return None;
        }
        // What a ledger said that went back since, the process did not live to say.
        answer.ok()?.ok().filter(|_| self.restorations() == restorations)
    }
}
