//! Whoever signed in with a browser, and the ticket by which they may: bounded, in time and number, and
//! in this process alone.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::secret::{Digest, drawn};

/// How long a session may be without a request.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(60 * 60);

/// How long a session lasts, whatever is asked in it.
pub(super) const LASTS_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// How long a ticket is good.
pub(super) const TICKET_LASTS: Duration = Duration::from_secs(5 * 60);

/// The most sessions of one token. One more takes the place of the one that was silent longest.
pub(super) const OF_TOKEN_MAX: usize = 16;

/// The most sessions.
pub(super) const SESSIONS_MAX: usize = 1_024;

/// The sessions there are, each by what its secret is known by.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Digest, Session>>);

/// A session. It is of a token, and lets in as long as that does, for what that does.
struct Session {
    token: Digest,
    began_at: Instant,
    seen_at: Instant,
}

impl Session {
    fn is_good(&self) -> bool {
        self.seen_at.elapsed() < IDLE_MAX && self.began_at.elapsed() < LASTS_MAX
    }
}

impl Sessions {
    /// Begins a session of a token; returns its secret, or `None` where there is no random source.
    pub(super) fn begin(&self, token: Digest) -> Option<String> {
        let secret = drawn()?;
        let mut sessions = self.locked();
        sessions.retain(|_, session| session.is_good());
        if sessions.values().filter(|it| it.token == token).count() >= OF_TOKEN_MAX {
            forget_most_silent(&mut sessions, |it| it.token == token);
        }
        if sessions.len() >= SESSIONS_MAX {
            forget_most_silent(&mut sessions, |_| true);
        }
        let now = Instant::now();
        sessions.insert(Digest::of(&secret), Session { token, began_at: now, seen_at: now });
        Some(secret)
    }

    /// The token of the session with this secret, which has a request now.
    pub(super) fn token_of(&self, secret: &str) -> Option<Digest> {
        self.token_of_named(&Digest::of(secret))
    }

    /// The same of the session whose secret is known by this.
    pub(super) fn token_of_named(&self, name: &Digest) -> Option<Digest> {
        let mut sessions = self.locked();
        let session = sessions.get_mut(name)?;
        if !session.is_good() {
            sessions.remove(name);
            return None;
        }
        session.seen_at = Instant::now();
        Some(session.token)
    }

    /// Ends a session, if it is there.
    pub(super) fn end(&self, secret: &str) {
        self.locked().remove(&Digest::of(secret));
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the one of some sessions that was silent longest.
fn forget_most_silent(sessions: &mut HashMap<Digest, Session>, of: impl Fn(&Session) -> bool) {
    let silent = sessions.iter().filter(|(_, it)| of(it)).min_by_key(|(_, it)| it.seen_at);
    if let Some(name) = silent.map(|(name, _)| *name) {
        sessions.remove(&name);
    }
}

/// What a session can be had for, once and soon.
#[derive(Default)]
pub(super) struct Ticket(Mutex<Option<(Digest, Instant)>>);

impl Ticket {
    /// Makes one, instead of the one before; `None` where there is no random source.
    pub(super) fn make(&self) -> Option<String> {
        let secret = drawn()?;
        *self.locked() = Some((Digest::of(&secret), Instant::now()));
        Some(secret)
    }

    /// Takes the ticket, if this is it and its time is not over.
    pub(super) fn take(&self, secret: &str) -> bool {
        let mut ticket = self.locked();
        let given = Digest::of(secret);
        let is_it = |(digest, made_at): &(Digest, Instant)| {
            digest.is(&given) && made_at.elapsed() < TICKET_LASTS
        };
        ticket.take_if(|it| is_it(it)).is_some()
    }

    fn locked(&self) -> MutexGuard<'_, Option<(Digest, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    fn token(number: usize) -> Digest {
        Digest::of(&number.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_of_its_token_until_it_is_ended() {
        let sessions = Sessions::default();
        let [one, other] = [1, 2].map(|it| sessions.begin(token(it)).unwrap());

        assert_eq!(sessions.token_of(&one), Some(token(1)));
        assert_eq!(sessions.token_of("another"), None);
        sessions.end(&one);
        sessions.end(&one);

        assert_eq!(sessions.token_of(&one), None);
        assert_eq!(sessions.token_of(&other), Some(token(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_when_nothing_is_asked_in_it() {
        let sessions = Sessions::default();
        let secret = sessions.begin(token(1)).unwrap();

        advance(IDLE_MAX.checked_sub(MOMENT).unwrap()).await;
        assert!(sessions.token_of(&secret).is_some());
        advance(IDLE_MAX.checked_sub(MOMENT).unwrap()).await;
        assert!(sessions.token_of(&secret).is_some(), "it was asked in it");
        advance(IDLE_MAX).await;

        assert_eq!(sessions.token_of(&secret), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_however_much_is_asked_in_it() {
        let sessions = Sessions::default();
        let secret = sessions.begin(token(1)).unwrap();
        let ends_at = Instant::now() + LASTS_MAX;

        while Instant::now() + IDLE_MAX / 2 < ends_at {
            advance(IDLE_MAX / 2).await;
            assert!(sessions.token_of(&secret).is_some());
        }
        advance(IDLE_MAX / 2).await;

        assert_eq!(sessions.token_of(&secret), None);
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_sign_in_so_many_sessions_are_kept_and_those_that_are_used() {
        let sessions = Sessions::default();
        let of_other = sessions.begin(token(0)).unwrap();
        let mut of_one = Vec::new();
        for _ in 0..OF_TOKEN_MAX {
            advance(MOMENT).await;
            of_one.push(sessions.begin(token(1)).unwrap());
        }
        advance(MOMENT).await;
        assert!(sessions.token_of(&of_one[0]).is_some());

        advance(MOMENT).await;
        let one_more = sessions.begin(token(1)).unwrap();

        assert_eq!(sessions.token_of(&of_one[1]), None, "it was silent longest");
        for kept in [&of_other, &of_one[0], &of_one[2], &one_more] {
            assert!(sessions.token_of(kept).is_some());
        }
        for number in 0..10 * SESSIONS_MAX {
            sessions.begin(token(number)).unwrap();
        }
        assert_eq!(sessions.locked().len(), SESSIONS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_over_makes_room_when_somebody_signs_in() {
        let sessions = Sessions::default();
        for number in 0..100 {
            sessions.begin(token(number)).unwrap();
        }

        advance(IDLE_MAX).await;
        sessions.begin(token(1)).unwrap();

        assert_eq!(sessions.locked().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_is_good_once_and_for_a_while() {
        let ticket = Ticket::default();
        assert!(!ticket.take(""));
        let first = ticket.make().unwrap();
        advance(TICKET_LASTS.checked_sub(MOMENT).unwrap()).await;
        assert!(!ticket.take("another"), "which takes nothing");
        assert!(ticket.take(&first));
        assert!(!ticket.take(&first));

        let second = ticket.make().unwrap();
        advance(TICKET_LASTS).await;

        assert!(!ticket.take(&second));
        let [before, last] = [(); 2].map(|()| ticket.make().unwrap());
        assert!(!ticket.take(&before) && ticket.take(&last), "one at a time");
    }
}
