//! Serving peers that may do anything: each wait for one has a deadline, what one sends ahead and
//! what it does not read is bounded, and so is the number of them.
//!
//! actix's HTTP/1 dispatcher runs over a stream of ours, which knows whose turn it is.

mod crowd;
mod refusal;
mod stream;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_http::{
    HttpService, KeepAlive, Request, Response,
    body::{BodySize, BoxBody, MessageBody},
    error::DispatchError,
};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::{Service, ServiceFactory, apply_fn_factory, map_config};
use actix_web::{
    App, Error,
    dev::{AppConfig, ServiceResponse},
    rt::net::TcpStream,
    web,
};
use http_api::{Answering, Api, Connection};
use telemetry::Peers;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use self::{crowd::Crowd, stream::PeerStream};
use crate::supervision::while_answering;

/// How long a peer that was refused may go on sending before the connection is closed all the
/// same: closed at once, it would lose the answer.
const LINGER: Duration = Duration::from_secs(1);

/// How many bytes of a peer that was refused are thrown away.
const LINGER_BYTES_MAX: usize = 1 << 20;

/// New connections that may wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 4_096;

/// What a server has, and what it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Whom the listener is for, as its connections are counted.
    pub(crate) listener: &'static str,
    /// Threads, up to 512.
    pub(crate) workers: usize,
    /// Connections of each of them.
    pub(crate) connections_max: usize,
    /// How long accepted requests have to end after a stop, in seconds.
    pub(crate) stop_s_max: u64,
}

/// Listens at this address.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    // The standard library's own is short for a crowd.
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

/// A server of these routes for whoever connects to `listener`; runs when it is awaited. `api` is
/// called once on each thread.
pub(crate) fn serve(
    listener: TcpListener,
    limits: Limits,
    routes: fn(&mut web::ServiceConfig),
    api: impl Fn() -> Api + Send + Clone + 'static,
) -> io::Result<Server> {
    let server = Server::build()
        .workers(limits.workers)
        .max_concurrent_connections(limits.connections_max)
        .shutdown_timeout(limits.stop_s_max)
        .disable_signals();
    let stop = server.graceful_shutdown_signal();
    let peers = Peers::of(limits.listener, limits.workers * limits.connections_max);
    let server = server.listen("http", listener, move || {
        on_a_thread(routes, api(), &stop, (limits.connections_max, peers.clone()))
    })?;
    Ok(server.run())
}

/// What one thread does with a connection, to its end.
fn on_a_thread(
    routes: fn(&mut web::ServiceConfig),
    api: Api,
    stop: &GracefulShutdownSignal,
    (connections_max, peers): (usize, Peers),
) -> impl ServiceFactory<TcpStream, Config = (), Error = DispatchError> + use<> {
    let app = App::new().app_data(web::Data::new(api)).configure(routes);
    let app = map_config(app, |()| AppConfig::default());
    let stop = stop.clone();
    let http = HttpService::build()
        .graceful_shutdown_signal(move || {
            let stop = stop.clone();
            async move { stop.notified().await }
        })
        // The stream has the deadlines: actix has none for all that a peer may do.
        .keep_alive(KeepAlive::Os)
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(LINGER)
        .on_connect_ext(|stream: &PeerStream, data| {
            data.insert(Rc::clone(stream.connection()));
        })
        .h1(apply_fn_factory(app, answer));
    let crowd = Crowd::of(connections_max, peers);
    apply_fn_factory(http, move |socket: TcpStream, http| {
        let address = socket.peer_addr().ok();
        let member = crowd.join();
        let stream = PeerStream::new(socket, Rc::clone(member.connection()));
        let left = stream.left();
        let conversation = http.call((stream, address));
        async move {
            // What went wrong is the peer's doing, and it was answered or is gone.
            let _ = conversation.await;
            if let Some(socket) = left.take() {
                let _ = timeout(LINGER, linger(socket)).await;
            }
            drop(member);
            Ok(())
        }
    })
}

/// Answers a request, while the connection knows that, and counts it.
fn answer<S>(
    request: Request,
    app: &S,
) -> impl Future<Output = Result<Response<Answer>, Error>> + use<S>
where
    S: Service<Request, Response = ServiceResponse, Error = Error>,
{
    let answering = request.conn_data::<Rc<Connection>>().map(Connection::begin_answer);
    let counted = telemetry::Request::came();
    let (method, route) = (request.method().clone(), http_api::route_of(request.path()));
    let answer = app.call(request);
    async move {
        let response: Response<BoxBody> = while_answering(answer).await?.into();
        counted.answered(method.as_str(), route, response.status().as_u16());
        Ok(response.map_body(|_, body| Answer { body, _answering: answering }))
    }
}

/// A body, and that it is being answered until it is gone.
struct Answer {
    body: BoxBody,
    _answering: Option<Answering>,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

/// Says that nothing more comes, and throws away what the peer still sends.
async fn linger(mut socket: TcpStream) -> io::Result<()> {
    socket.shutdown().await?;
    let mut thrown_away = 0;
    let mut bytes = [0; 4_096];
    while thrown_away < LINGER_BYTES_MAX {
        match socket.read(&mut bytes).await? {
            0 => break,
            received => thrown_away += received,
        }
    }
    Ok(())
}
