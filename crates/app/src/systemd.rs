//! What systemd is told of the process that it started, or whoever else speaks its protocol (`sd_notify`): that it can
//! serve, how it does, that it goes on, and that it is about to end. Where nobody asked for it, nothing is said
//! and nothing is done.

use std::{env, future::pending, time::Duration};

use sd_notify::NotifyState;
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{compose::Shared, signs::Signs};

/// By what it says where it listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// How often this process is looked at until it can serve, and from then on.
const LOOK_AT_START: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_secs(2);

/// Words that wait while it does not listen.
const WORDS_MAX: usize = 16;

/// How often it is said that this process goes on, and how often at the least in the time after which that is
/// missed.
const SAY_THAT_IT_GOES_ON: Duration = Duration::from_secs(1);
const SAID_IN_TIME: u32 = 4;

/// Systemd, if it wants to be told.
pub(crate) struct Systemd {
    /// After how long without a sign of life it ends the process and starts another, if it does.
    patience: Option<Duration>,
    /// Those of all that must go on.
    pub(crate) signs: Signs,
}

/// What it is told.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Ready,
    Goes,
    Does(String),
    Ends,
}

impl Systemd {
    /// What started this process, if it wants to be told.
    pub(crate) fn of_this_process() -> Option<Self> {
        env::var_os(SOCKET).filter(|socket| !socket.is_empty())?;
        let patience = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero());
        Some(Self { patience, signs: Signs::default() })
    }

    /// Tells it how this process does until that is about to end, and then that it is.
    pub(crate) async fn keep_told(self, shared: Shared, ends: CancellationToken) {
        let (words, to_tell) = channel(WORDS_MAX);
        let saying = async move {
            tokio::select! {
                () = ends.cancelled() => {}
                () = say_how_it_does(&words, &shared) => {}
                () = self.say_that_it_goes_on(&words) => {}
            }
            let _ = words.send(Word::Ends).await;
        };
        tokio::join!(saying, tell(to_tell));
    }

    /// Says so, if that is wanted, as long as all go on that must.
    async fn say_that_it_goes_on(&self, words: &Sender<Word>) {
        let Some(patience) = self.patience else { return pending().await };
        let mut looks = interval(SAY_THAT_IT_GOES_ON.min(patience / SAID_IN_TIME));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = None;
        loop {
            looks.tick().await;
            let missing = self.signs.missing(patience / 2);
            match missing {
                None => say(words, Word::Goes).await,
                Some(name) if told != missing => {
                    tracing::error!(
                        task = name,
                        "has stood still for {} s; whoever started this process is not told that it goes \
                         on, and may end it",
                        (patience / 2).as_secs()
                    );
                    say(words, Word::Does(format!("{name} stands still"))).await;
                }
                Some(_) => {}
            }
            told = missing;
        }
    }
}

/// Says once that this process can serve, and how it does whenever that has changed.
async fn say_how_it_does(words: &Sender<Word>, shared: &Shared) {
    let (mut said, mut is_ready) = (String::new(), false);
    loop {
        let (can_serve, does) = shared.how_it_does().await;
        if said != does {
            said.clone_from(&does);
            say(words, Word::Does(does)).await;
        }
        if can_serve && !is_ready {
            is_ready = true;
            say(words, Word::Ready).await;
        }
        sleep(if is_ready { LOOK } else { LOOK_AT_START }).await;
    }
}

async fn say(words: &Sender<Word>, word: Word) {
    // Whoever tells it ends after this.
    let _ = words.send(word).await;
}

/// Tells it word for word, from a thread that may wait for it.
async fn tell(mut words: Receiver<Word>) {
    let mut is_told = true;
    while let Some(word) = words.recv().await {
        let sent = spawn_blocking(move || match word {
            Word::Ready => sd_notify::notify(&[NotifyState::Ready]),
            Word::Goes => sd_notify::notify(&[NotifyState::Watchdog]),
            Word::Does(how) => sd_notify::notify(&[NotifyState::Status(&how)]),
            Word::Ends => sd_notify::notify(&[NotifyState::Stopping]),
        });
        // One that is not run any more has nobody to tell.
        let Ok(sent) = sent.await else { return };
        if let Err(error) = &sent
            && is_told
        {
            tracing::warn!(%error, "whoever started this process cannot be told how it does ({SOCKET})");
        }
        is_told = sent.is_ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signs::Sign;

    const PATIENCE: Duration = Duration::from_secs(40);

    /// Lets a minute and a half go by, and calls `goes_on` with each second; returns what is said, with the
    /// second in which it is.
    async fn said_while(systemd: Systemd, goes_on: impl Fn(u64)) -> Vec<(u64, Word)> {
        let (words, mut to_tell) = channel(1_000);
        let saying = tokio::spawn(async move { systemd.say_that_it_goes_on(&words).await });
        let mut said = Vec::new();
        for second in 0..90 {
            goes_on(second);
            sleep(Duration::from_secs(1)).await;
            while let Ok(word) = to_tell.try_recv() {
                said.push((second, word));
            }
        }
        saying.abort();
        said
    }

    fn watching() -> Systemd {
        Systemd { patience: Some(PATIENCE), signs: Signs::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_is_said_to_go_on_while_all_do_that_must() {
        let systemd = watching();
        let (one, other) = (systemd.signs.of("one"), systemd.signs.of("other"));
        // Not begun: the first load of a large ledger may take any time.
        let _later = systemd.signs.of("later");

        let said = said_while(systemd, |_| [&one, &other].into_iter().for_each(Sign::give)).await;

        assert!(said.iter().all(|(_, word)| *word == Word::Goes), "{said:?}");
        assert!(said.len() >= 90, "{said:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_said_while_one_stands_still_but_once_who() {
        let systemd = watching();
        let (one, other) = (systemd.signs.of("one"), systemd.signs.of("other"));
        let goes_on = |second| {
            one.give();
            if !(15..70).contains(&second) {
                other.give();
            }
        };

        let said = said_while(systemd, goes_on).await;

        // The last sign of the other was in second 14, and half of the patience is 20 s.
        let goes = |seconds: std::ops::Range<u64>| {
            said.iter().filter(|(at, word)| seconds.contains(at) && *word == Word::Goes).count()
        };
        assert!(goes(0..34) >= 33 && goes(36..70) == 0 && goes(71..90) >= 18, "{said:?}");
        let who = Word::Does("other stands still".to_owned());
        assert_eq!(said.iter().filter(|(_, word)| *word == who).count(), 1, "{said:?}");
    }
}
