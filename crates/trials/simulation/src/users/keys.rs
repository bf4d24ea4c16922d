//! Asking for a unit with a key, and again.

use std::sync::Arc;

use domain::{
    CheckoutRefusal, CheckoutRequest, IdempotencyKey, SaleId, StoreError, checkout::KeyedHold,
};
use futures_util::future::join;

use super::User;
use crate::{answers::Told, checked::ensure, lock::lock, process::Process};

/// How often somebody asks who hears nothing.
const TRIES_MAX: u32 = 3;

type Asked = Option<Result<Result<KeyedHold, CheckoutRefusal>, StoreError>>;

impl User {
    /// Asks with a key, mostly one that they used before, and sometimes twice at once.
    pub(super) async fn ask_with_key(&mut self) {
        let before = self.world.random.pick(&self.keys).filter(|_| self.world.random.below(3) > 0);
        let (sale, key) = if let Some(before) = before {
            before
        } else {
            let Some(sale) = self.choose_sale() else { return };
            // Every user calls theirs the same.
            let name = format!("key-{}", self.keys.len());
            let key: IdempotencyKey = name.parse().expect("it is a plain word");
            self.keys.push((sale, key.clone()));
            lock(&self.world.safety).history.asks_with(sale, &self.name, &key);
            (sale, key)
        };
        if self.world.random.below(3) == 0 {
            self.ask_twice(sale, &key).await;
            return;
        }
        // Whoever hears nothing asks again, while the first request may still be on its way.
        for _ in 0..TRIES_MAX {
            if self.ask_once(sale, &key).await != Told::Nothing {
                return;
            }
        }
    }

    async fn ask_once(&mut self, sale: SaleId, key: &IdempotencyKey) -> Told {
        let was_told = self.was_told(sale, key);
        let answer = self.press_ask(sale, key).await;
        self.hear_of_key(sale, key, answer, was_told)
    }

    async fn ask_twice(&mut self, sale: SaleId, key: &IdempotencyKey) {
        let (was_told, restorations) = (self.was_told(sale, key), self.restorations());
        let (one, other) = join(self.press_ask(sale, key), self.press_ask(sale, key)).await;
        if self.restorations() == restorations {
            self.hear_of_key(sale, key, one, was_told);
            self.hear_of_key(sale, key, other, was_told);
        }
    }

    /// Whether they know already what the key leads to.
    fn was_told(&self, sale: SaleId, key: &IdempotencyKey) -> bool {
        lock(&self.world.safety).history.has_answered(sale, &self.name, key)
    }

    async fn press_ask(&self, sale: SaleId, key: &IdempotencyKey) -> Asked {
        let request = CheckoutRequest { sale, user: self.name.clone() };
        let key = key.clone();
        let asking = move |process: Arc<Process>| async move {
            process.services.checkout.attempt_again(request, &key).await
        };
        self.request(asking).await
    }

    fn hear_of_key(
        &mut self,
        sale: SaleId,
        key: &IdempotencyKey,
        answer: Asked,
        was_told: bool,
    ) -> Told {
        let ledger = &*self.world.stores.ledger;
        let mut safety = lock(&self.world.safety);
        let (told, checked, code) = match answer {
            None => (Told::Nothing, Ok(()), None),
            Some(Err(error)) => (error.failure().into(), Ok(()), None),
            Some(Ok(Err(refusal))) => {
                let checked = safety.history.hear_of_refusal(sale, &self.name, &refusal, ledger);
                (Told::from(&refusal), checked, None)
            }
            Some(Ok(Ok(KeyedHold { hold, is_repeated }))) => {
                let told = if is_repeated { Told::GrantedBefore } else { Told::Granted };
                let code = hold.code;
                let checked = safety.history.hear_of_keyed_hold(hold, &self.name, key, ledger);
                (told, checked, Some(code))
            }
        };
        drop(safety);
        let is_answer = !told.is_no_answer();
        let checked = checked
            .and(ensure(!was_told || !is_answer || told == Told::GrantedBefore, || {
                format!("{} asks again with {key:?}, and hears: {}", self.name, told.name())
            }));
        self.hear(told, checked, code);
        self.codes.extend(code.filter(|code| !self.codes.contains(code)));
        told
    }
}
