//! A connection on which somebody watches: no more than a socket, for there may be thousands of
//! them for hours.
//!
//! It is taken from actix when all before the stream is out. From there on what is sent is shared by
//! all who watch the same, and what is received is only looked at to see that the peer is gone.

use std::{future::poll_fn, io::Write as _, pin::pin, task::Poll, time::Duration};

use actix_http::{
    Response,
    body::{BoxBody, MessageBody as _},
};
use actix_web::{rt::net::TcpStream, web::Bytes};
use http_api::Connection;
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

/// How long a viewer may take for what is sent to it at a time.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the system waits for a viewer to confirm what it was sent, in milliseconds: one that
/// vanished would keep its place for a quarter of an hour.
const UNCONFIRMED_MS_MAX: u32 = 20_000;

/// How many bytes a viewer may send that nobody asked for.
const UNASKED_BYTES_MAX: usize = 4_096;

/// Shows the peer of a connection what happens, if it is to be shown; returns whether it is to be
/// waited for until the peer has closed it, too.
pub(super) async fn show(socket: &mut TcpStream, connection: &Connection) -> bool {
    let Some(mut viewer) = connection.take_viewer() else { return true };
    // Without it a peer that vanished is found out later.
    let _ = set_tcp_user_timeout(&*socket, UNCONFIRMED_MS_MAX);
    let (from, to) = socket.split();
    show_on(from, to, async || viewer.next().await, connection).await
}

/// An answer that goes on, up to where it does: it ends with the connection.
pub(super) fn opening(response: Response<BoxBody>) -> Bytes {
    let mut opening = Vec::with_capacity(1_024);
    let status = response.status();
    // A vector takes all that is written.
    let _ = write!(opening, "HTTP/1.1 {status}\r\nconnection: close\r\n");
    if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&Timestamp::now()) {
        let _ = write!(opening, "date: {date}\r\n");
    }
    for (name, value) in response.headers() {
        let _ = write!(opening, "{name}: ");
        opening.extend_from_slice(value.as_bytes());
        opening.extend_from_slice(b"\r\n");
    }
    opening.extend_from_slice(b"\r\n");
    opening.extend_from_slice(&response.into_body().try_into_bytes().unwrap_or_default());
    opening.into()
}

async fn show_on(
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    next: impl AsyncFnMut() -> Option<Bytes>,
    connection: &Connection,
) -> bool {
    connection.begin_show();
    tokio::select! {
        biased;
        took_all = tell(to, next, connection) => took_all,
        () = is_gone(from) => false,
        () = has_to_go(connection) => !connection.is_cut(),
    }
}

/// Tells a viewer all there is; returns whether it took that.
async fn tell(
    mut to: impl AsyncWrite + Unpin,
    mut next: impl AsyncFnMut() -> Option<Bytes>,
    connection: &Connection,
) -> bool {
    while let Some(said) = next().await {
        let mut writing = pin!(to.write_all(&said));
        let written = poll_fn(|cx| {
            let written = writing.as_mut().poll(cx);
            connection.set_stalled(written.is_pending());
            written
        });
        if !matches!(timeout(PATIENCE, written).await, Ok(Ok(()))) {
            return false;
        }
    }
    true
}

/// Returns when the peer has closed the connection, or sends what is no part of it.
async fn is_gone(mut from: impl AsyncRead + Unpin) {
    let mut unasked = [0; 64];
    let mut received = 0;
    while received < UNASKED_BYTES_MAX {
        match from.read(&mut unasked).await {
            Ok(bytes) if bytes > 0 => received += bytes,
            _ => return,
        }
    }
}

/// Returns when the service stops, or others need the place.
async fn has_to_go(connection: &Connection) {
    poll_fn(|cx| {
        connection.wake_by(cx.waker());
        if connection.is_stopping() || connection.is_cut() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::{future::pending, rc::Rc};

    use http_api::Patience;
    use tokio::{
        io::{DuplexStream, duplex, split},
        task::yield_now,
    };

    use super::*;

    const EVENT: Bytes = Bytes::from_static(&[b'x'; 300]);

    /// Shows these events to a peer that has room for so many bytes.
    fn shown(
        events: usize,
        room: usize,
        connection: &Rc<Connection>,
    ) -> (impl Future<Output = bool> + use<>, DuplexStream) {
        let (ours, peer) = duplex(room);
        let connection = Rc::clone(connection);
        let showing = async move {
            let (from, to) = split(ours);
            let mut left = events;
            let next = async || {
                if left == 0 {
                    return pending().await;
                }
                left -= 1;
                Some(EVENT)
            };
            show_on(from, to, next, &connection).await
        };
        (showing, peer)
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_takes_nothing_is_the_first_to_give_way_and_is_left() {
        let connection = Connection::new();
        let (showing, _peer) = shown(2, EVENT.len() + 1, &connection);
        let mut showing = pin!(showing);

        tokio::select! {
            biased;
            _ = &mut showing => panic!("it has time"),
            () = yield_now() => {}
        }
        assert_eq!(connection.waits_until().unwrap().0, Patience::ToRead);

        assert!(!showing.await, "what it does not take is not waited for");
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_takes_its_events_is_shown_more_for_as_long_as_it_is_there() {
        let connection = Connection::new();
        let (showing, mut peer) = shown(100, EVENT.len(), &connection);
        let watching = async {
            let mut taken = vec![0; 100 * EVENT.len()];
            peer.read_exact(&mut taken).await.unwrap();
            // Longer than anything is waited for.
            tokio::time::advance(100 * PATIENCE).await;
            assert_eq!(connection.waits_until().unwrap().0, Patience::ToWatch);
            drop(peer);
        };

        let (waits_for_peer, ()) = tokio::join!(showing, watching);

        assert!(!waits_for_peer, "it is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_sends_on_and_on_is_left() {
        let connection = Connection::new();
        let (showing, mut peer) = shown(1, 1 << 20, &connection);
        peer.write_all(&[b'x'; UNASKED_BYTES_MAX]).await.unwrap();

        assert!(!showing.await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_leaves_at_once_when_the_service_stops_or_others_need_its_place() {
        let waits_for_peer = |end: fn(&Connection)| async move {
            let connection = Connection::new();
            let (showing, _peer) = shown(1, 1 << 20, &connection);
            let (waits_for_peer, ()) = tokio::join!(showing, async { end(&connection) });
            waits_for_peer
        };

        assert!(waits_for_peer(Connection::stop).await);
        assert!(!waits_for_peer(Connection::cut).await, "its place is needed now");
    }
}
