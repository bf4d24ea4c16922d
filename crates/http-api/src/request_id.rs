//! What a request is called, by its client or by the service, so that whoever has an answer finds the
//! lines of the log about it.

use std::{
    cell::RefCell,
    fmt::{self, Write as _},
    hash::{BuildHasher as _, RandomState},
    mem,
    pin::pin,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// The header field that names a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest name that is taken from a client, in bytes.
const LENGTH_MAX: usize = 128;

/// What a name may have beside letters and digits. Nothing of it must be escaped in a line of the log.
const ALSO_ALLOWED: &[u8] = b"-._~:/+=@";

thread_local! {
    /// The request that this thread is at work on.
    static CURRENT: RefCell<Option<HeaderValue>> = const { RefCell::new(None) };
}

/// What a request is called.
#[derive(Debug)]
pub struct RequestId(Option<HeaderValue>);

impl RequestId {
    /// The name that a client gave to its request: 1 to 128 of letters, digits and `- . _ ~ : / + = @`,
    /// once. Any other is as if there were none, and one is made.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(REQUEST_ID);
        match (given.next(), given.next()) {
            (Some(given), None) if is_well_formed(given.as_bytes()) => Self(Some(given.clone())),
            _ => Self::made(),
        }
    }

    /// A name that no other request of this process has, and hardly one of another.
    #[must_use]
    pub fn made() -> Self {
        Self(HeaderValue::try_from(make()).ok())
    }

    /// Does `work`, of which the lines of the log have this name.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        std::future::poll_fn(|cx| {
            let _at_work = AtWork::on(self);
            work.as_mut().poll(cx)
        })
        .await
    }

    /// The same for work that is done at once.
    pub fn during_this<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let _at_work = AtWork::on(self);
        work()
    }

    /// The name as it is echoed.
    pub(crate) fn into_value(self) -> Option<HeaderValue> {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0.as_ref().and_then(|id| id.to_str().ok());
        f.write_str(id.unwrap_or_default())
    }
}

/// What the request is called that this thread is at work on, if it is at work on one.
#[must_use]
pub fn current_request_id() -> Option<String> {
    let current = |current: &RefCell<Option<HeaderValue>>| {
        let id = current.try_borrow().ok()?;
        id.as_ref()?.to_str().ok().map(str::to_owned)
    };
    CURRENT.try_with(current).ok().flatten()
}

/// A name: a few random digits of this process, and a number.
fn make() -> String {
    static PROCESS: LazyLock<u64> =
        LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut id = String::with_capacity(28);
    // Writing to a string never fails.
    let _ = write!(id, "{:010x}-{number:x}", *PROCESS >> 24);
    id
}

fn is_well_formed(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || ALSO_ALLOWED.contains(byte);
    (1..=LENGTH_MAX).contains(&id.len()) && id.iter().all(allowed)
}

/// That this thread is at work on a request.
struct AtWork<'a>(&'a mut RequestId);

impl<'a> AtWork<'a> {
    fn on(id: &'a mut RequestId) -> Self {
        swap(id);
        Self(id)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        swap(self.0);
    }
}

/// Puts the name where the log finds it, or takes it back.
fn swap(id: &mut RequestId) {
    let _ = CURRENT.try_with(|current| {
        if let Ok(mut current) = current.try_borrow_mut() {
            mem::swap(&mut *current, &mut id.0);
        }
    });
}

#[cfg(test)]
mod tests {
    use futures_util::{
        FutureExt as _,
        future::{join, pending},
    };

    use super::*;

    fn of(given: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for given in given {
            headers.append(REQUEST_ID, HeaderValue::from_str(given).unwrap());
        }
        RequestId::of(&headers).0.unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_name_is_taken_if_it_is_well_formed_and_else_made() {
        let longest = "x".repeat(LENGTH_MAX);
        let trace = "Root=1-67891233-abcdef012345678912345678";
        for good in ["a", "0", "-._~:/+=@", trace, &longest] {
            assert_eq!(of(&[good]), good);
        }
        for bad in ["", "a b", "a\"b", "a,b", "a;b", "a{b", "a\\b", "\tb", &format!("{longest}x")] {
            assert_ne!(of(&[bad]), bad);
        }
        assert!(!["a", "b"].contains(&of(&["a", "b"]).as_str()));
    }

    #[test]
    fn no_two_names_that_are_made_are_the_same_and_each_would_be_taken() {
        let (one, other) = (make(), make());

        assert_ne!(one, other);
        assert!(one.len() < 28 && is_well_formed(one.as_bytes()), "{one}");
    }

    #[tokio::test]
    async fn a_thread_knows_whose_work_it_does_and_between_two_pieces_nobodys() {
        let work = |name: &'static str| async move {
            let mut id = RequestId(Some(HeaderValue::from_static(name)));
            let of_work = id
                .during(async {
                    let before = current_request_id();
                    tokio::task::yield_now().await;
                    [before, current_request_id()]
                })
                .await;
            (of_work, id.0.unwrap())
        };

        let (one, other) = join(work("one"), work("other")).await;

        assert_eq!(one, ([Some("one".to_owned()), Some("one".to_owned())], "one".parse().unwrap()));
        assert_eq!(other.0, [Some("other".to_owned()), Some("other".to_owned())]);
        assert_eq!(current_request_id(), None);
        let mut dropped = RequestId::made();
        assert!(dropped.during(pending::<()>()).now_or_never().is_none());
        assert_eq!(current_request_id(), None);
    }
}
