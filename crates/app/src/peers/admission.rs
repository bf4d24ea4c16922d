//! Who is let in to the handlers: whoever asks by a host, expects what there is, and not too often. All are
//! counted, whatever they are answered.

use std::{rc::Rc, sync::Arc};

use actix_http::{
    ConnectionType, HttpMessage as _, Request, Response, body::BoxBody, header::EXPECT,
};
use actix_web::{HttpResponse, http::Method};
use http_api::{Connection, Left, Limits, Manners, route_of};

/// What is done for every request around its answer.
#[derive(Clone)]
pub(super) struct Around {
    pub(super) rates: Arc<Limits>,
    pub(super) manners: Arc<Manners>,
}

/// What the client of a request has left that was counted before its body was asked for.
struct Counted(Option<Left>);

impl Around {
    /// Counts a request of its client, or answers it.
    pub(super) fn admit(
        &self,
        request: &Request,
        route: &str,
    ) -> Result<Option<Left>, Box<HttpResponse>> {
        let left = self.count(request, route)?;
        match refusal_of_head(request) {
            None => Ok(left),
            Some(mut refusal) => {
                Limits::write(left, refusal.headers_mut());
                Err(Box::new(refusal))
            }
        }
    }

    /// Counts a request, once.
    fn count(&self, request: &Request, route: &str) -> Result<Option<Left>, Box<HttpResponse>> {
        if expects(request)
            && let Some(Counted(left)) = request.extensions().get()
        {
            return Ok(*left);
        }
        // A browser that asks what a page may send asks no store.
        if request.method() == Method::OPTIONS {
            return Ok(None);
        }
        self.rates.admit_client(request.peer_addr(), request.headers(), route)
    }

    /// Lets a body be sent that is waited for. That of a request that is refused is not asked for, so what
    /// comes next on the connection may be that body or another request: it is closed.
    pub(super) fn expect(&self, request: Request) -> Result<Request, Response<BoxBody>> {
        let connection = request.conn_data::<Rc<Connection>>();
        if connection.is_some_and(|it| it.has_said_close()) {
            return Ok(request);
        }
        let (counted, route) = (telemetry::Request::came(), route_of(request.path()));
        let refusal = match self.admit(&request, route) {
            Ok(left) => {
                request.extensions_mut().insert(Counted(left));
                return Ok(request);
            }
            Err(refusal) => refusal,
        };
        if let Some(connection) = connection {
            connection.say_close();
        }
        let mut asked = self.manners.asked(request.method(), request.headers());
        let mut refusal: Response<BoxBody> = (*refusal).into();
        refusal.head_mut().set_connection_type(ConnectionType::Close);
        super::log_refusal(&mut asked.id, refusal.status(), (request.method(), route));
        self.manners.finish(asked, refusal.headers_mut());
        counted.answered(request.method().as_str(), route, refusal.status().as_u16());
        Err(refusal)
    }
}

/// The answer to a request that is refused for what is before its body, whatever it asks for.
fn refusal_of_head(request: &Request) -> Option<HttpResponse> {
    let headers = request.headers();
    http_api::refusal_of_host(headers).or_else(|| {
        let refused =
            || http_api::refusal_of_expectation(request.method(), request.path(), headers);
        expects(request).then(refused).flatten()
    })
}

fn expects(request: &Request) -> bool {
    request.headers().contains_key(EXPECT)
}
