//! The pipe to a browser: orders with numbers, answers with the same, and what it tells unasked.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    process::{ChildStdin, ChildStdout},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Sender},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// How long it may think about an order. Only a sick machine needs this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Hears what a tab tells unasked.
type Listener = Box<dyn Fn(&str, &Value) + Send>;

/// The pipe to a browser.
pub(super) struct Wire {
    orders: Mutex<ChildStdin>,
    number: AtomicU64,
    awaited: Mutex<HashMap<u64, Sender<Value>>>,
    listeners: Mutex<HashMap<String, Listener>>,
}

impl Wire {
    /// Reads answers from now on, to their end.
    pub(super) fn over(orders: ChildStdin, answers: ChildStdout) -> Arc<Self> {
        let (awaited, listeners) = (Mutex::default(), Mutex::default());
        let number = AtomicU64::new(0);
        let wire = Arc::new(Self { orders: Mutex::new(orders), number, awaited, listeners });
        let reading = Arc::clone(&wire);
        thread::spawn(move || {
            for message in BufReader::new(answers).split(0) {
                let Ok(message) = message else { break };
                reading.take(&serde_json::from_slice(&message).unwrap_or_default());
            }
            // Whoever waits hears that nothing will come.
            locked(&reading.awaited).clear();
        });
        wire
    }

    fn take(&self, message: &Value) {
        if let Some(number) = message["id"].as_u64() {
            let awaiting = locked(&self.awaited).remove(&number);
            // Nobody may wait for it any more.
            let _ = awaiting.map(|sender| sender.send(message.clone()));
        } else if let (Some(session), Some(method)) =
            (message["sessionId"].as_str(), message["method"].as_str())
            && let Some(listener) = locked(&self.listeners).get(session)
        {
            listener(method, &message["params"]);
        }
    }

    /// Calls this with whatever is told of a session. It must not wait for answers.
    pub(super) fn listen(&self, session: &str, listener: Listener) {
        locked(&self.listeners).insert(session.to_owned(), listener);
    }

    /// Orders something, and waits for what comes of it.
    ///
    /// # Panics
    ///
    /// If the browser refuses or says nothing: a test cannot go on then.
    pub(super) fn call(&self, method: &str, parameters: Value, session: Option<&str>) -> Value {
        let (sender, answer) = mpsc::channel();
        self.order(method, parameters, session, Some(sender));
        let answer = answer.recv_timeout(PATIENCE);
        let mut answer = answer.unwrap_or_else(|why| panic!("Chromium: {method}: {why}"));
        assert!(answer.get("error").is_none(), "Chromium: {method}: {answer}");
        answer["result"].take()
    }

    /// Orders something, and does not wait.
    pub(super) fn tell(&self, method: &str, parameters: Value, session: Option<&str>) {
        self.order(method, parameters, session, None);
    }

    fn order(
        &self,
        method: &str,
        parameters: Value,
        session: Option<&str>,
        awaiting: Option<Sender<Value>>,
    ) {
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let mut order = json!({ "id": number, "method": method });
        order["params"] = parameters;
        if let Some(session) = session {
            order["sessionId"] = session.into();
        }
        if let Some(awaiting) = awaiting {
            locked(&self.awaited).insert(number, awaiting);
        }
        let mut orders = locked(&self.orders);
        // If it is gone, whoever waits hears of that.
        let _ = write!(orders, "{order}\0").and_then(|()| orders.flush());
    }
}

fn locked<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that panicked has left it as it is.
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
