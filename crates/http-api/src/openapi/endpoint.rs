//! A path with its methods: how each is served, and what is said of it. Nothing is served that is
//! not described.

use std::borrow::Cow;

use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, Route, http::Method, web};

use super::Operation;
use crate::manners::other_method;

/// A path with its methods.
pub(crate) struct Endpoint {
    path: &'static str,
    served: Vec<Served>,
}

struct Served {
    method: Method,
    route: Route,
    describe: fn() -> Operation,
}

impl Endpoint {
    /// Nothing yet, at this path.
    pub(crate) fn at(path: &'static str) -> Self {
        Self { path, served: Vec::new() }
    }

    /// The same, and this method.
    pub(crate) fn on<F, Args>(
        mut self,
        method: Method,
        handler: F,
        describe: fn() -> Operation,
    ) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let route = web::method(method.clone()).to(handler);
        self.served.push(Served { method, route, describe });
        self
    }

    /// The same, to be read: GET, and HEAD for the headers alone.
    pub(crate) fn reading<F, Args>(self, handler: F, describe: fn() -> Operation) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, handler.clone(), describe).on(Method::HEAD, handler, describe)
    }

    /// Its path, with the parameters in it.
    pub(crate) const fn path(&self) -> &'static str {
        self.path
    }

    /// The methods, with what is said of each.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (&Method, Operation)> {
        self.served.iter().map(|served| (&served.method, (served.describe)().at(self.path)))
    }

    /// What actix serves. OPTIONS, and methods that there are not, are answered with those there are.
    pub(crate) fn resource(self) -> Resource {
        let served = self.served.iter().map(|it| it.method.as_str());
        let allowed: Vec<_> = served.chain([Method::OPTIONS.as_str()]).collect();
        let allowed: Cow<'static, str> = allowed.join(", ").into();
        let other = move |request: HttpRequest| {
            let allowed = allowed.clone();
            async move { other_method(&request, allowed) }
        };
        let resource = web::resource(self.path).default_service(web::to(other));
        self.served.into_iter().fold(resource, |resource, served| resource.route(served.route))
    }
}
