//! What a panic ends: one connection, if its peer was being heard or answered; else the process.
//!
//! A service whose upkeep, batch worker or ledger thread is gone answers 503 for ever, or sells
//! without ever giving a unit back, and looks alive. One that ends is started again.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, PanicHookInfo},
    pin::pin,
    process, thread,
};

use crate::log;

/// How the process ends, as every Rust program whose main thread panics.
const EXIT_CODE: i32 = 101;

tokio::task_local! {
    static TASK: &'static str;
}

thread_local! {
    static IS_ANSWERING: Cell<bool> = const { Cell::new(false) };
}

/// From now on a panic ends the process with 101, and a line that names the task, unless it comes
/// of a request: that is left without an answer, and its connection is closed.
pub(crate) fn end_with_any_task() {
    panic::set_hook(Box::new(|panic| {
        if report(panic) {
            log::flush();
            process::exit(EXIT_CODE);
        }
    }));
}

/// Runs a task under a name.
pub(crate) fn task<T>(
    name: &'static str,
    work: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T>
where
    T: Send + 'static,
{
    tokio::spawn(TASK.scope(name, work))
}

/// Does what answers a request, or receives one: whatever a peer sends ends its connection at
/// most.
pub(crate) async fn while_answering<T>(work: impl Future<Output = T>) -> T {
    /// As it was before, set again also by a panic.
    struct Answering(bool);
    impl Drop for Answering {
        fn drop(&mut self) {
            IS_ANSWERING.set(self.0);
        }
    }

    let mut work = pin!(work);
    std::future::poll_fn(|cx| {
        let _answering = Answering(IS_ANSWERING.replace(true));
        work.as_mut().poll(cx)
    })
    .await
}

/// Reports a panic; returns whether the process is to end of it.
fn report(panic: &PanicHookInfo<'_>) -> bool {
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = message(panic.payload());
    if IS_ANSWERING.try_with(Cell::get) == Ok(true) {
        tracing::error!(at, message, "a request panicked; its connection is closed");
        return false;
    }
    let task = TASK.try_with(|task| *task).ok().or_else(batcher::current_worker);
    let thread = thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let task = task.unwrap_or(thread);
    tracing::error!(task, thread, at, message, "a task panicked; the process ends");
    true
}

fn message(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use std::{env, process::Command};

    use super::*;

    /// Tells a process of this test which of its tasks is to panic.
    const WHICH: &str = "FLASHSALE_TEST_PANICS_IN";

    /// Runs a test of this module again, as a process of its own in which a task panics.
    fn ended(test: &str, which: &str) -> (Option<i32>, String) {
        let name = format!("supervision::tests::{test}");
        let output = Command::new(env::current_exe().unwrap())
            .args([&name, "--exact", "--nocapture"])
            .env(WHICH, which)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// What the process of its own does: one of its tasks panics, and it would go on.
    async fn panic_in(which: &str) {
        struct Panics;
        #[async_trait::async_trait]
        impl batcher::Call<(), ()> for Panics {
            const NAME: &'static str = "panics";

            async fn call(&mut self, _: Vec<()>) -> Vec<()> {
                panic!("on purpose")
            }
        }

        log::start(crate::config::LogFormat::Text, &"info".parse().unwrap());
        end_with_any_task();
        match which {
            "task" => drop(task("the task in question", async { panic!("on purpose") })),
            "thread" => {
                let thread = thread::Builder::new().name("the thread in question".to_owned());
                drop(thread.spawn(|| panic!("on purpose")).unwrap());
            }
            "batcher" => {
                let one = std::num::NonZeroUsize::MIN;
                let limits = batcher::Limits::patient(one, one);
                let batcher = batcher::Batcher::spawn(limits, [Panics]);
                let _ = batcher.submit(()).await;
            }
            "request" => {
                let request = tokio::spawn(while_answering(async { panic!("on purpose") }));
                assert!(request.await.is_err());
                log::flush();
                return;
            }
            "connection" => {
                let connection = tokio::spawn(while_answering(async {
                    while_answering(async {}).await;
                    panic!("on purpose")
                }));
                assert!(connection.await.is_err());
                log::flush();
                return;
            }
            other => panic!("no {other}"),
        }
        // Nobody ended it.
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    }

    #[tokio::test]
    async fn a_task_that_panics_ends_the_process_and_is_named() {
        if let Ok(which) = env::var(WHICH) {
            return panic_in(&which).await;
        }
        for (which, named) in [
            ("task", "the task in question"),
            ("thread", "the thread in question"),
            ("batcher", "Panics"),
        ] {
            let (code, said) = ended("a_task_that_panics_ends_the_process_and_is_named", which);

            assert_eq!(code, Some(EXIT_CODE), "{which}: {said}");
            let line = said.lines().find(|line| line.contains("a task panicked")).unwrap();
            assert!(line.contains(named) && line.contains("on purpose"), "{which}: {line}");
            assert!(line.contains("supervision.rs:"), "{which}: {line}");
        }
    }

    #[tokio::test]
    async fn a_request_that_panics_ends_nothing_but_itself() {
        if let Ok(which) = env::var(WHICH) {
            return panic_in(&which).await;
        }

        for which in ["request", "connection"] {
            let (code, said) = ended("a_request_that_panics_ends_nothing_but_itself", which);

            assert_eq!(code, Some(0), "{which}: {said}");
            assert!(said.contains("a request panicked"), "{which}: {said}");
        }
    }
}
