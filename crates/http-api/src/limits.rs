//! How often somebody may ask: each client address, each user. Of this process alone, before any store is
//! asked, and before anything of a body is received, but where that names the user.
//!
//! The header fields are those of the IETF's draft-ietf-httpapi-ratelimit-headers-10.

mod client;
mod guesses;
mod rate;
mod table;
#[cfg(test)]
mod tests;

use std::{hash::Hash, net::SocketAddr};

use actix_web::{
    HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _,
    dev::ServiceResponse,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use domain::UserId;

pub use self::{
    client::{Proxies, ProxiesError},
    rate::{Rate, RateError},
};

pub(crate) use self::guesses::Guesses;

use self::table::{Table, Taken};
use crate::problem::Problem;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// Where no limit is: a balancer that asks whether a process is well must be answered; and whoever opens
/// the page asks for its files all at once, which are in memory.
fn is_free(route: &str) -> bool {
    route == "/" || route.starts_with("/health") || route.starts_with("/pages/")
}

/// How often somebody may ask.
#[derive(Default)]
pub struct Limits {
    clients: Option<Limit>,
    users: Option<Limit>,
    proxies: Proxies,
}

/// Whose requests a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitOf {
    /// What it is called in answers.
    pub(crate) name: &'static str,
    /// The same, for people.
    pub(crate) whose: &'static str,
}

pub(crate) const OF_CLIENT: LimitOf = LimitOf { name: "client", whose: "client address" };
pub(crate) const OF_USER: LimitOf = LimitOf { name: "user", whose: "user" };

/// A limit of one kind.
struct Limit {
    of: LimitOf,
    rate: Rate,
    table: Table,
}

/// How a limit stands after a request, as header fields say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    name: &'static str,
    rate: Rate,
    /// Requests that may come at once.
    requests: u32,
    /// Seconds until all may that ever may.
    full_in_s: u64,
}

/// What is left to a user, kept with their request until it is answered.
struct LeftToUser(Left);

impl Limits {
    /// These limits; `None` is none. What `proxies` say of whom they ask for is believed.
    #[must_use]
    pub fn new(of_client: Option<Rate>, of_user: Option<Rate>, proxies: Proxies) -> Self {
        let limit = |of, rate| Limit { of, rate, table: Table::new(rate) };
        Self {
            clients: of_client.map(|rate| limit(OF_CLIENT, rate)),
            users: of_user.map(|rate| limit(OF_USER, rate)),
            proxies,
        }
    }

    /// Whether there are any.
    #[must_use]
    pub const fn are_any(&self) -> bool {
        self.clients.is_some() || self.users.is_some()
    }

    /// Counts a request of the client behind this connection, or answers it.
    ///
    /// # Errors
    ///
    /// The answer, with its header fields. Nothing was asked of a store.
    pub fn admit_client(
        &self,
        peer: Option<SocketAddr>,
        headers: &HeaderMap,
        route: &str,
    ) -> Result<Option<Left>, Box<HttpResponse>> {
        let (Some(limit), Some(peer)) = (&self.clients, peer) else { return Ok(None) };
        if is_free(route) {
            return Ok(None);
        }
        let client = client::block_of(self.proxies.client(peer.ip(), headers));
        let (left, admitted) = limit.take(&client);
        admitted.map(|()| Some(left)).map_err(|problem| {
            let mut answer = problem.error_response();
            Self::write(Some(left), answer.headers_mut());
            Box::new(answer)
        })
    }

    /// Says in an answer how the limit of its client stands.
    pub fn write(of_client: Option<Left>, headers: &mut HeaderMap) {
        write(of_client.into_iter(), headers);
    }

    /// Counts a request of this user, or refuses it.
    pub(crate) fn admit_user(&self, user: &UserId, request: &HttpRequest) -> Result<(), Problem> {
        let Some(limit) = &self.users else { return Ok(()) };
        let (left, admitted) = limit.take(&user.as_str());
        request.extensions_mut().insert(LeftToUser(left));
        admitted
    }

    /// Says in an answer how the limits stand that its request counted for.
    pub fn tell(&self, of_client: Option<Left>, answer: &mut ServiceResponse) {
        let of_user = answer.request().extensions().get::<LeftToUser>().map(|it| it.0);
        write(of_client.into_iter().chain(of_user), answer.headers_mut());
    }
}

impl Limit {
    /// How the limit stands after a request, and whether it may be made.
    fn take(&self, key: &impl Hash) -> (Left, Result<(), Problem>) {
        let Self { of, rate, table } = self;
        let left = |requests, full_in_s| Left { name: of.name, rate: *rate, requests, full_in_s };
        match table.take(key) {
            Taken::Yes { left: requests, full_in_s } => (left(requests, full_in_s), Ok(())),
            Taken::No { again_in_s, full_in_s } => {
                telemetry::limited(of.name);
                let problem = Problem::too_many_requests(*of, *rate, again_in_s);
                (left(0, full_in_s), Err(problem))
            }
        }
    }
}

/// Writes the fields of some limits, if there are some.
fn write(limits: impl Iterator<Item = Left>, headers: &mut HeaderMap) {
    let (mut policies, mut lefts) = (Vec::new(), Vec::new());
    for Left { name, rate, requests, full_in_s } in limits {
        policies.push(format!("\"{name}\";q={};w={}", rate.burst(), rate.window_s()));
        lefts.push(format!("\"{name}\";r={requests};t={full_in_s}"));
    }
    if policies.is_empty() {
        return;
    }
    for (field, values) in [(POLICY, policies), (LEFT, lefts)] {
        if let Ok(value) = HeaderValue::from_str(&values.join(", ")) {
            headers.insert(field, value);
        }
    }
}
