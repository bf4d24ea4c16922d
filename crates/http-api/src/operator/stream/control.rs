//! Who watches the service, and who tells them: one task a thread, as long as somebody is there.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    rt,
    web::{Bytes, Data},
};
use domain::{Company, processes::Sum};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    known::{Asking, Known, upkeep},
    told::{ControlBody, LatencyBody, ProcessBody, RatesBody},
};
use crate::{
    api::Api,
    moment::rfc3339,
    operator::{
        Operators,
        access::{Known as Operator, Pass},
    },
    stream::END,
};

/// How often an event comes.
const PACE: Duration = Duration::from_secs(1);

/// The most who watch.
pub(super) const WATCHERS_MAX: usize = 64;

type News = watch::Sender<Option<Arc<ControlBody>>>;

/// Tells operators of one thread how the service does.
pub struct Control {
    company: Arc<Company>,
    /// Where news come from, while somebody watches.
    news: Rc<RefCell<Option<Rc<News>>>>,
    asking: Rc<Asking>,
    watchers: Rc<Cell<usize>>,
}

/// An operator who watches.
pub(crate) struct Watcher {
    operators: Arc<Operators>,
    pass: Pass,
    news: watch::Receiver<Option<Arc<ControlBody>>>,
    /// Says that somebody may have been signed out.
    changes: watch::Receiver<()>,
    /// Whether there is something that was not told.
    is_due: bool,
    is_over: bool,
    watchers: Rc<Cell<usize>>,
}

impl Control {
    /// What is told of this company.
    #[must_use]
    pub fn of(company: Arc<Company>) -> Self {
        let asking = Asking::nothing();
        Self { company, news: Rc::default(), asking, watchers: Rc::default() }
    }

    /// Whether one more may watch.
    pub(super) fn has_room(&self) -> bool {
        self.watchers.get() < WATCHERS_MAX
    }

    /// One more who watches, if there is room.
    pub(super) fn watch(
        &self,
        api: &Data<Api>,
        operators: Arc<Operators>,
        pass: Pass,
    ) -> Option<Watcher> {
        if !self.has_room() {
            return None;
        }
        let mut kept = self.news.borrow_mut();
        let sender = kept.get_or_insert_with(|| {
            let sender = Rc::new(News::new(None));
            let asking = Rc::clone(&self.asking);
            let telling = tell(api.clone(), self.company.clone(), asking, Rc::clone(&sender));
            let news = Rc::clone(&self.news);
            rt::spawn(async move {
                telling.await;
                // Nobody has come since they were counted: nothing was waited for.
                *news.borrow_mut() = None;
            });
            sender
        });
        let news = sender.subscribe();
        self.watchers.update(|watchers| watchers + 1);
        let (changes, watchers) = (operators.changes(), Rc::clone(&self.watchers));
        // What was told the others last is told at once.
        let (is_due, is_over) = (true, false);
        Some(Watcher { operators, pass, news, changes, is_due, is_over, watchers })
    }
}

/// Tells how the service does, until nobody watches any more.
async fn tell(api: Data<Api>, company: Arc<Company>, asking: Rc<Asking>, news: Rc<News>) {
    let known = Rc::new(Known::from_now_on());
    rt::spawn(list(api.clone(), Rc::downgrade(&known), Rc::clone(&asking)));
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if news.receiver_count() == 0 {
            break;
        }
        known.look(&api, &asking).await;
        news.send_replace(Some(Arc::new(body(&api, &company, &known))));
    }
}

/// Lists the sales once, also if that takes a while, for as long as somebody is to be told.
async fn list(api: Data<Api>, known: Weak<Known>, asking: Rc<Asking>) {
    while let Some(known) = known.upgrade() {
        if known.list(&api, &asking).await.is_ok() {
            return;
        }
        drop(known);
        sleep(PACE).await;
    }
}

/// How the service does, for nobody in particular.
fn body(api: &Api, company: &Company, known: &Known) -> ControlBody {
    let now = api.services.catalog.reckoned_now();
    let processes = company.look();
    let sum = Sum::of(&processes);
    let (drift, sweep_lag_ms) = upkeep(now);
    ControlBody {
        server_time: rfc3339(now),
        operator: String::new(),
        role: "",
        sales: known.sales(now),
        sales_unknown: known.unknown() as u64,
        rates: RatesBody::from(&sum),
        latency: LatencyBody::from(&sum),
        stores: known.stores(api, now),
        drift,
        sweep_lag_ms,
        processes: processes.iter().map(ProcessBody::from).collect(),
        viewers: sum.viewers,
        refused: sum.refused,
    }
}

impl Watcher {
    /// What is to be sent next, once there is something: the latest, whatever came before. `None`
    /// at the end, which comes when they are let in no more.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        while !self.is_over {
            let Some(operator) = self.operators.still(&self.pass) else {
                self.is_over = true;
                return Some(Bytes::from_static(END.as_bytes()));
            };
            // Who they are is asked anew for each event: it may be a second until there is one.
            if std::mem::take(&mut self.is_due)
                && let Some(body) = self.news.borrow_and_update().clone()
            {
                return Some(event(&body, &operator));
            }
            tokio::select! {
                biased;
                changed = self.changes.changed() => changed.ok()?,
                changed = self.news.changed() => {
                    changed.ok()?;
                    self.is_due = true;
                }
            }
        }
        None
    }
}

fn event(body: &ControlBody, operator: &Operator) -> Bytes {
    let body = ControlBody {
        operator: operator.name.to_string(),
        role: operator.role.name(),
        ..body.clone()
    };
    // Text and numbers can always be written, and have no end of a line in them.
    let data = serde_json::to_string(&body).unwrap_or_default();
    format!("event: control\ndata: {data}\n\n").into()
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.watchers.update(|watchers| watchers - 1);
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use domain::{
        StoreError,
        ports::Processes,
        processes::{Process, ProcessId},
    };
    use fakes::{Fault, Operation, World};
    use futures_util::FutureExt as _;
    use serde_json::{Value, json};
    use tokio::time::{advance, pause};

    use super::{super::known::AT_A_TIME, *};
    use crate::{
        operator::{NewToken, Role, secret::Digest},
        test_api::api_for,
    };

    /// Where nobody else is.
    struct Nobody;

    #[async_trait]
    impl Processes for Nobody {
        async fn leave(&self, _: &Process) -> Result<(), StoreError> {
            Ok(())
        }

        async fn exchange(&self, _: &Process) -> Result<Vec<Process>, StoreError> {
            Ok(Vec::new())
        }
    }

    /// A service with one operator, and what lets them in.
    fn service() -> (Data<Api>, Control, Pass) {
        service_of(&World::new())
    }

    fn service_of(world: &World) -> (Data<Api>, Control, Pass) {
        let made = NewToken::draw().unwrap();
        let line = made.line(&"ann".parse().unwrap(), Role::Viewer);
        let api = Data::new(api_for(world, &line));
        let company = api.services.company(Arc::new(Nobody), ProcessId(7), "a:1".to_owned());
        (api, Control::of(company), Pass::Token(Digest::of(&made.token)))
    }

    fn watch(service: &(Data<Api>, Control, Pass)) -> Option<Watcher> {
        let (api, control, pass) = service;
        control.watch(api, api.operators.clone().unwrap(), *pass)
    }

    #[actix_web::test]
    async fn whoever_comes_is_told_at_once_what_the_others_were_told_last() {
        pause();
        let service = service();
        let mut first = watch(&service).unwrap();
        let told = first.next().await.unwrap();

        let mut second = watch(&service).unwrap();

        assert_eq!(second.next().now_or_never(), Some(Some(told.clone())));
        assert!(second.next().now_or_never().is_none(), "once");
        let told = String::from_utf8(told.to_vec()).unwrap();
        assert!(told.starts_with("event: control\ndata: {\"server_time\":"), "{told}");
        assert!(told.contains("\"operator\":\"ann\",\"role\":\"viewer\""), "{told}");
        assert_eq!(told.matches('\n').count(), 3, "{told}");
    }

    /// The next event, as JSON.
    async fn told(watcher: &mut Watcher) -> Value {
        let event = watcher.next().await.unwrap();
        let event = String::from_utf8(event.to_vec()).unwrap();
        let data = event.strip_prefix("event: control\ndata: ").unwrap();
        serde_json::from_str(data.trim_end()).unwrap()
    }

    #[actix_web::test]
    async fn a_store_that_is_slow_is_asked_no_more_however_often_somebody_looks() {
        pause();
        let world = World::new();
        for _ in 0..10 {
            let _sale = world.open_sale(3, 1);
        }
        let service = service_of(&world);
        service.0.services.catalog.refresh().await.unwrap();
        let ledger = world.ledger.faults();
        for _ in 0..100 {
            ledger.plan(Operation::Tally, Fault::Pause);
        }

        for _ in 0..3 {
            let mut watcher = watch(&service).unwrap();
            for _ in 0..3 {
                let told = told(&mut watcher).await;
                assert_eq!((&told["sales"], &told["sales_unknown"]), (&json!([]), &json!(10)));
            }
            drop(watcher);
            // The task has its turn, and ends.
            sleep(2 * PACE).await;
        }

        let asked = std::iter::repeat_with(|| ledger.resume()).take_while(|&is_so| is_so).count();
        assert_eq!(asked, AT_A_TIME + 1, "and one lists the newest sales");
        ledger.clear();
        let mut watcher = watch(&service).unwrap();
        while told(&mut watcher).await["sales_unknown"] != 0 {}
        let told = told(&mut watcher).await;
        assert_eq!(told["sales"].as_array().unwrap().len(), 10);
        assert!(told["sales"][0]["known_at"].is_string(), "{told}");
    }

    #[actix_web::test]
    async fn so_many_watch_and_when_nobody_does_nothing_is_asked_any_more() {
        pause();
        let service = service();
        let mut watchers: Vec<_> = (0..WATCHERS_MAX).map(|_| watch(&service).unwrap()).collect();

        assert!(watch(&service).is_none());
        assert!(watchers[0].next().await.is_some());
        watchers.pop();
        watchers.push(watch(&service).expect("there is room again"));
        watchers.clear();
        assert!(service.1.news.borrow().is_some());
        advance(2 * PACE).await;
        // The task has its turn.
        sleep(PACE).await;

        assert!(service.1.news.borrow().is_none());
        assert!(watch(&service).unwrap().next().await.is_some(), "it begins anew");
    }
}
