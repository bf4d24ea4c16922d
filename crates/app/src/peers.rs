//! Serving peers that may do anything: each wait for one has a deadline, what one sends ahead and
//! what it does not read is bounded, and so is the number of them.
//!
//! actix's HTTP/1 dispatcher runs over a stream of ours, which knows whose turn it is.

mod admission;
mod crowd;
mod head;
mod pace;
mod refusal;
mod stream;
mod viewing;

use std::{
    future::{poll_fn, ready},
    io,
    net::{SocketAddr, TcpListener},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_http::{
    ConnectionType, HttpMessage as _, HttpService, KeepAlive, Payload, Request, Response,
    body::{BodySize, BoxBody, MessageBody},
    error::DispatchError,
};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::{Service, ServiceFactory, apply_fn_factory, fn_service, map_config};
use actix_web::{
    App, Error,
    dev::{AppConfig, ServiceResponse},
    http::{Method, StatusCode},
    rt::net::TcpStream,
    web,
};
use http_api::{Answering, Api, Connection, RequestId, SharedBody};
use rustix::net::sockopt::set_socket_send_buffer_size;
use telemetry::Peers;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::{spawn_local, yield_now},
    time::timeout,
};
use tracing::Level;

use self::{admission::Around, crowd::Crowd, head::asks_to_close, stream::PeerStream};
use crate::supervision::while_answering;

/// How long a peer that was refused may go on sending before the connection is closed all the
/// same: closed at once, it would lose the answer.
const LINGER: Duration = Duration::from_secs(1);

/// How many bytes of a peer that was refused are thrown away.
const LINGER_BYTES_MAX: usize = 1 << 20;

/// New connections that may wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 4_096;

/// How much of its answers the system keeps for a peer, in bytes. It says that the peer takes some
/// only when a third of that is free: with much more, a slow peer would seem to take nothing.
const UNREAD_BYTES_MAX: usize = 32_768;

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
    // All that connect have this of the listener.
    set_socket_send_buffer_size(&listener, UNREAD_BYTES_MAX)?;
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
    let around = Around { rates: Arc::clone(&api.limits), manners: Arc::clone(&api.manners) };
    let of_expectations = around.clone();
    let app = App::new().app_data(web::Data::new(api)).configure(routes);
    let app = map_config(app, |()| AppConfig::default());
    let http = HttpService::build()
        // The stream has the deadlines, also at a stop: actix has none for all that a peer may do.
        .keep_alive(KeepAlive::Os)
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(LINGER)
        .expect(fn_service(move |request| ready(of_expectations.expect(request))))
        .on_connect_ext(|stream: &PeerStream, data| {
            data.insert(Rc::clone(stream.connection()));
        })
        .h1(apply_fn_factory(app, move |request, app: &_| answer(request, app, &around)));
    let crowd = Crowd::of(connections_max, peers);
    spawn_local(stop_with(Rc::clone(&crowd), stop.clone()));
    apply_fn_factory(http, move |socket: TcpStream, http| {
        let address = socket.peer_addr().ok();
        let member = crowd.join();
        let stream = PeerStream::new(socket, Rc::clone(member.connection()));
        let left = stream.left();
        // Its buffers are of no use to who only watches, for hours.
        let conversation = Box::pin(http.call((stream, address)));
        async move {
            // What went wrong is the peer's doing, and it was answered or is gone.
            let _ = while_answering(conversation).await;
            if let Some(mut socket) = left.take()
                && while_answering(viewing::show(&mut socket, member.connection())).await
            {
                // What it throws away must not make every connection larger.
                let _ = timeout(LINGER, Box::pin(linger(socket))).await;
            }
            drop(member);
            Ok(())
        }
    })
}

/// Has the connections come to their ends when the service stops: each is told so with an answer,
/// and what was sent before that is answered.
async fn stop_with(crowd: Rc<Crowd>, stop: GracefulShutdownSignal) {
    stop.notified().await;
    crowd.stop();
}

/// Answers a request, while the connection knows that, and counts it.
fn answer<S>(
    mut request: Request,
    app: &S,
    around: &Around,
) -> impl Future<Output = Result<Response<Answer>, Error>> + use<S>
where
    S: Service<Request, Response = ServiceResponse, Error = Error>,
{
    let connection = request.conn_data::<Rc<Connection>>().cloned();
    let is_over = connection.as_ref().is_some_and(|it| it.has_said_close());
    let has_body = !matches!(request.payload(), Payload::None);
    let answering = connection.as_ref().filter(|_| !is_over).map(|it| it.begin_answer(has_body));
    let is_last = request.head().connection_type() == ConnectionType::Close
        || asks_to_close(request.headers());
    let body = has_body.then(|| share_body(&mut request));
    let counted = telemetry::Request::came();
    let (method, route) = (request.method().clone(), http_api::route_of(request.path()));
    let admitted = if is_over { Ok(None) } else { around.admit(&request, route) };
    let manners = Arc::clone(&around.manners);
    let mut asked = manners.asked(&method, request.headers());
    let answer = (!is_over && admitted.is_ok()).then(|| app.call(request));
    // Whoever limits nobody pays nothing for it.
    let rates = around.rates.are_any().then(|| Arc::clone(&around.rates));
    async move {
        let (of_client, refusal) = admitted.map_or_else(|it| (None, Some(it)), |it| (it, None));
        let mut response: Response<BoxBody> = match (refusal, answer) {
            (_, Some(answer)) => {
                let mut answered = asked.id.during(while_answering(answer)).await?;
                if let Some(rates) = rates {
                    rates.tell(of_client, &mut answered);
                }
                answered.into()
            }
            (Some(refusal), None) => (*refusal).into(),
            // The peer was told that this is not answered.
            (None, None) => {
                all_written(connection.as_ref()).await;
                return Ok(Response::ok().set_body(Answer::none()));
            }
        };
        log_refusal(&mut asked.id, response.status(), (&method, route));
        manners.finish(asked, response.headers_mut());
        if let Some(answering) = &answering {
            let connection = answering.connection();
            end_with(connection, is_last, &mut response);
            if let Some(body) = body
                && !connection.has_said_close()
                && !body.leave(connection).await
            {
                // actix would say so and go on.
                end_with(connection, true, &mut response);
            }
        }
        counted.answered(method.as_str(), route, response.status().as_u16());
        if let Some(connection) = &connection
            && let Some(viewer) = connection.take_viewer()
        {
            connection.say_close();
            connection.open_with(viewer, viewing::opening(response));
            all_written(Some(connection)).await;
            return Ok(Response::ok().set_body(Answer::none()));
        }
        Ok(response.map_body(|_, body| Answer { body, _answering: answering }))
    }
}

/// Has what the handlers do not read of a body be there after them.
fn share_body(request: &mut Request) -> SharedBody {
    let is_chunked = request.chunked().unwrap_or(false);
    let body = SharedBody::of(request.take_payload(), is_chunked);
    *request.payload() = body.payload();
    body
}

/// Says in the log, where that is wanted, what a request was refused with: whoever has the answer finds the
/// line by its name.
fn log_refusal(id: &mut RequestId, status: StatusCode, (method, route): (&Method, &str)) {
    if (status.is_client_error() || status.is_server_error()) && tracing::enabled!(Level::DEBUG) {
        // A method may be any word, however long.
        let (status, method) = (status.as_u16(), method.as_str());
        id.during_this(|| tracing::debug!("answered {status} to {method:.16} {route}"));
    }
}

/// Waits until the peer has all of its answers, as far as the system takes them.
async fn all_written(connection: Option<&Rc<Connection>>) {
    // What was answered just now is written before this goes on.
    yield_now().await;
    poll_fn(|_| match connection {
        // The task of the connection is woken when the peer reads.
        Some(connection) if connection.is_stalled() => Poll::Pending,
        _ => Poll::Ready(()),
    })
    .await;
}

/// Says so in an answer if it is the last, and notes it.
fn end_with(connection: &Connection, is_last: bool, response: &mut Response<BoxBody>) {
    let head = response.head_mut();
    if is_last || connection.is_stopping() {
        head.set_connection_type(ConnectionType::Close);
    }
    if head.connection_type() == ConnectionType::Close {
        connection.say_close();
    }
}

/// A body, and that it is being answered until it is gone.
struct Answer {
    body: BoxBody,
    _answering: Option<Answering>,
}

impl Answer {
    /// None at all, which ends the connection before a byte of it is written.
    fn none() -> Self {
        Self { body: BoxBody::new(NoAnswer), _answering: None }
    }
}

/// A body that there is not.
struct NoAnswer;

impl MessageBody for NoAnswer {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }
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
