//! Who is let in where operators are: whoever shows a token, or the cookie of a session that was begun
//! with one.
//!
//! A browser sends a cookie along whoever's page asks, and knows of no ports: so what such a request is to
//! change needs an `Origin` that is this very host beside it. A token is shown on purpose, and needs none.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, PoisonError, RwLock},
};

use actix_web::{
    HttpRequest,
    dev::RequestHead,
    http::{
        Method,
        header::{AUTHORIZATION, COOKIE, HeaderMap, ORIGIN},
    },
};
use domain::operator::OperatorName;
use tokio::sync::watch;

use super::{
    Hosts, Role, TokensError,
    hosts::is_of_page_of,
    refusal::Refusal,
    secret::Digest,
    sessions::{Sessions, Ticket},
    tokens::{Token, Tokens, may_be_token},
};
use crate::limits::Guesses;

/// What the cookie of a session is called.
pub(crate) const COOKIE_NAME: &str = "flashsale_admin";

/// What a text of tokens is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenSource {
    /// A list, a token a line: `name role sha256-of-token`.
    List,
    /// The one token of whoever has the machine.
    Own,
}

/// Says who operates, for all threads.
pub struct Operators {
    source: TokenSource,
    /// The tokens, and what the text is known by that they were read from: it may be a token itself.
    tokens: RwLock<(Arc<Tokens>, Digest)>,
    sessions: Sessions,
    ticket: Ticket,
    hosts: Hosts,
    guesses: Guesses,
    /// Told whenever somebody may be let in no more.
    changes: watch::Sender<()>,
}

/// An operator that is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) name: OperatorName,
    pub(crate) role: Role,
    pub(crate) by: By,
}

/// What somebody was let in by, to see later whether they still are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pass {
    Token(Digest),
    Session(Digest),
}

/// What somebody is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Token,
    Session,
}

impl Operators {
    /// Lets in whoever has a token of this text, and asks by one of these hosts.
    pub fn new(source: TokenSource, text: &str, hosts: Hosts) -> Result<Self, TokensError> {
        let tokens = Arc::new(read(source, text)?);
        Ok(Self {
            source,
            tokens: RwLock::new((tokens, Digest::of(text))),
            sessions: Sessions::default(),
            ticket: Ticket::default(),
            hosts,
            guesses: Guesses::default(),
            changes: watch::Sender::new(()),
        })
    }

    /// From now on the tokens are those in `text`; says how many, or `None` if it is what they were read
    /// from before. Whoever signed in with one that is gone is signed out by that.
    ///
    /// # Errors
    ///
    /// The tokens stay as they are.
    pub fn renew(&self, text: &str) -> Result<Option<usize>, TokensError> {
        if self.tokens.read().unwrap_or_else(PoisonError::into_inner).1.is(&Digest::of(text)) {
            return Ok(None);
        }
        let tokens = read(self.source, text)?;
        let count = tokens.len();
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) =
            (Arc::new(tokens), Digest::of(text));
        self.changes.send_replace(());
        Ok(Some(count))
    }

    /// How many tokens there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tokens().len()
    }

    /// A ticket by which whoever has the machine may sign in, once and within five minutes; it takes the
    /// place of the one before. `None` where there is no random source.
    #[must_use]
    pub fn invite(&self) -> Option<String> {
        self.ticket.make()
    }

    /// What this address is called in a link to it: a host that may be asked by, and its port.
    #[must_use]
    pub fn link_to(&self, address: SocketAddr) -> String {
        self.hosts.leading_to(address)
    }

    /// The host that a request asks by, if it may.
    pub(crate) fn host_of<'r>(&self, head: &'r RequestHead) -> Option<&'r str> {
        self.hosts.host_of(head)
    }

    /// Who asks. What a browser is sent for by itself is no token, so only that can be a guess.
    pub(crate) fn who(&self, request: &HttpRequest) -> Result<Known, Refusal> {
        if let Some(token) = self.by_token(request)? {
            return Ok(known(&token, By::Token));
        }
        let secret = cookie_of(request.headers()).ok_or(Refusal::Missing)?;
        let token = self.sessions.token_of(secret).and_then(|it| self.token(&it));
        let token = token.ok_or(Refusal::Session)?;
        if ![Method::GET, Method::HEAD].contains(request.method()) && !self.is_of_own_page(request)
        {
            return Err(Refusal::Origin);
        }
        Ok(known(&token, By::Session))
    }

    /// What a request was let in by.
    pub(super) fn pass_of(request: &HttpRequest) -> Pass {
        match shown(request.headers()) {
            Ok(Some(token)) => Pass::Token(Digest::of(token)),
            _ => Pass::Session(Digest::of(cookie_of(request.headers()).unwrap_or_default())),
        }
    }

    /// Who was let in by this, if they still are. It counts as a request in their session.
    pub(super) fn still(&self, pass: &Pass) -> Option<Known> {
        let (token, by) = match pass {
            Pass::Token(token) => (*token, By::Token),
            Pass::Session(session) => (self.sessions.token_of_named(session)?, By::Session),
        };
        self.token(&token).map(|token| known(&token, by))
    }

    /// Says when somebody may be let in no more.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Begins a session of whoever shows a token; returns its secret beside who they are. `None` where
    /// there is no random source.
    pub(crate) fn sign_in(
        &self,
        request: &HttpRequest,
    ) -> Result<Option<(String, Known)>, Refusal> {
        self.check_page(request)?;
        let token = self.by_token(request)?.ok_or(Refusal::Missing)?;
        Ok(self.begin(&token))
    }

    /// The same for whoever has the ticket, which is used by that.
    pub(crate) fn enter(
        &self,
        request: &HttpRequest,
        ticket: &str,
    ) -> Result<Option<(String, Known)>, Refusal> {
        let address = address_of(request);
        self.guesses.check(address).map_err(Refusal::Guesses)?;
        if !self.ticket.take(ticket) {
            self.guesses.was_wrong(address);
            return Err(Refusal::Ticket);
        }
        let tokens = self.tokens();
        Ok(tokens.first().and_then(|token| self.begin(token)))
    }

    /// Ends the session of a request, if it has one.
    pub(crate) fn sign_out(&self, request: &HttpRequest) -> Result<(), Refusal> {
        let Some(secret) = cookie_of(request.headers()) else { return self.check_page(request) };
        if !self.is_of_own_page(request) {
            return Err(Refusal::Origin);
        }
        self.sessions.end(secret);
        self.changes.send_replace(());
        Ok(())
    }

    fn begin(&self, token: &Token) -> Option<(String, Known)> {
        Some((self.sessions.begin(token.digest)?, known(token, By::Session)))
    }

    /// The token that a request shows, if it shows one.
    fn by_token(&self, request: &HttpRequest) -> Result<Option<Token>, Refusal> {
        let Some(shown) = shown(request.headers())? else { return Ok(None) };
        let address = address_of(request);
        self.guesses.check(address).map_err(Refusal::Guesses)?;
        let token = self.token(&Digest::of(shown));
        if token.is_none() {
            self.guesses.was_wrong(address);
        }
        token.map(Some).ok_or(Refusal::Unknown)
    }

    fn token(&self, digest: &Digest) -> Option<Token> {
        self.tokens().find(digest).cloned()
    }

    fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Refuses what a browser says that a page of somebody else has asked.
    fn check_page(&self, request: &HttpRequest) -> Result<(), Refusal> {
        let is_of_page = request.headers().contains_key(ORIGIN);
        if is_of_page && !self.is_of_own_page(request) { Err(Refusal::Origin) } else { Ok(()) }
    }

    fn is_of_own_page(&self, request: &HttpRequest) -> bool {
        let host = self.host_of(request.head());
        host.is_some_and(|host| is_of_page_of(host, request.headers()))
    }
}

fn read(source: TokenSource, text: &str) -> Result<Tokens, TokensError> {
    match source {
        TokenSource::List => Tokens::listed(text),
        TokenSource::Own => Tokens::own(text),
    }
}

fn known(token: &Token, by: By) -> Known {
    Known { name: token.name.clone(), role: token.role, by }
}

fn address_of(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().as_ref().map(SocketAddr::ip)
}

/// What a request shows for a token. What is said in another way is for somebody else, such as a proxy.
fn shown(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut given = headers.get_all(AUTHORIZATION);
    let Some(credentials) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(Refusal::Malformed);
    }
    let credentials = credentials.to_str().map_err(|_| Refusal::Malformed)?;
    let (scheme, token) = credentials.split_once(' ').unwrap_or((credentials, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = token.trim_matches(' ');
    if may_be_token(token) { Ok(Some(token)) } else { Err(Refusal::Malformed) }
}

/// The secret of the session that a request belongs to.
fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).filter_map(|it| it.to_str().ok());
    cookies.flat_map(|it| it.split(';')).find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE_NAME).then_some(value)
    })
}
