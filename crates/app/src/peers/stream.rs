//! The stream of one peer: TCP, with a deadline for each wait, and no more received than what can
//! be answered.

use std::{
    cell::Cell,
    future::Future as _,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::rt::net::TcpStream;
use http_api::{Allowance, Connection, IDLE_TIMEOUT, Overdue};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take},
    time::{Instant, Sleep, sleep_until},
};

use super::{head::Heads, pace::Pace, refusal};

/// The stream of one peer.
pub(super) struct PeerStream {
    /// There until the stream is dropped.
    socket: Option<Take<TcpStream>>,
    connection: Rc<Connection>,
    /// Fires at the deadline of the peer's turn or before, and is set again then: most turns end
    /// long before.
    turn_timer: Option<Pin<Box<Sleep>>>,
    pace: Pace,
    /// Fires if the peer does not read, or too slowly.
    write_timer: Option<Pin<Box<Sleep>>>,
    heads: Heads,
    /// A refusal on its way, and how much of it is out.
    refusal: Option<(Vec<u8>, usize)>,
    is_refused: bool,
    /// Where the socket goes when the stream is done with a peer that may still be sending: closed
    /// at once, it would lose its last answer.
    left: Rc<Cell<Option<TcpStream>>>,
}

impl PeerStream {
    pub(super) fn new(socket: TcpStream, connection: Rc<Connection>) -> Self {
        Self {
            socket: Some(socket.take(0)),
            connection,
            turn_timer: None,
            pace: Pace::default(),
            write_timer: None,
            heads: Heads::new(),
            refusal: None,
            is_refused: false,
            left: Rc::default(),
        }
    }

    pub(super) fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Where the socket will be after the stream, if the peer was refused.
    pub(super) fn left(&self) -> Rc<Cell<Option<TcpStream>>> {
        Rc::clone(&self.left)
    }

    fn socket(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let socket = self.socket.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Pin::new(socket.get_mut()))
    }

    /// Receives up to so many bytes.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        bytes_max: usize,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let socket = self.socket.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        socket.set_limit(u64::try_from(bytes_max).unwrap_or(u64::MAX));
        ready!(Pin::new(socket).poll_read(cx, buffer))?;
        let received = &mut buffer.filled_mut()[before..];
        self.heads.received(received);
        self.connection.received(received.len());
        Poll::Ready(Ok(()))
    }

    /// Waits until the peer's time is over, if it is the peer's turn.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<Overdue> {
        let connection = &self.connection;
        if connection.gives_way() {
            return Poll::Ready(Overdue::Idle);
        }
        let timer =
            self.turn_timer.get_or_insert_with(|| Box::pin(sleep_until(connection.deadline())));
        if connection.deadline() < timer.deadline() {
            // The service stops.
            timer.as_mut().reset(connection.deadline());
        }
        while timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if let Some(overdue) = connection.overdue(now) {
                return Poll::Ready(overdue);
            }
            let deadline = connection.deadline();
            // While an answer is on its way the deadline is an old one.
            timer.as_mut().reset(if deadline > now { deadline } else { now + IDLE_TIMEOUT });
        }
        Poll::Pending
    }

    /// Writes the refusal that is on its way, to its end.
    fn poll_refuse(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((answer, mut written)) = self.refusal.take() {
            if written == answer.len() {
                return Poll::Ready(Ok(()));
            }
            let socket = self.socket()?;
            match socket.poll_write(cx, &answer[written..]) {
                Poll::Ready(Ok(more)) => {
                    written += more;
                    self.refusal = Some((answer, written));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.refusal = Some((answer, written));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match refusal::begins_at(bytes) {
            // One after the last answer is not wanted.
            Some(0) if self.connection.has_said_close() => Poll::Ready(Ok(bytes.len())),
            Some(0) => {
                self.is_refused = true;
                if self.refusal.is_none() {
                    self.refusal = Some((refusal::with_document(bytes), 0));
                }
                ready!(self.poll_refuse(cx))?;
                Poll::Ready(Ok(bytes.len()))
            }
            Some(begin) => self.socket()?.poll_write(cx, &bytes[..begin]),
            None => self.socket()?.poll_write(cx, bytes),
        }
    }

    /// Waits until the peer has not read for too long, now that it does not.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.connection.set_stalled(true);
        if !self.connection.is_cut() {
            let until = self.pace.wait(Instant::now());
            let timer = self.write_timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
            if timer.deadline() != until {
                timer.as_mut().reset(until);
            }
            ready!(timer.as_mut().poll(cx));
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Leaves a peer that may still be sending, after this if anything is to be said. If there is
    /// no room for it, the peer does not read anyway.
    fn leave(&mut self, refusal: Option<Vec<u8>>) -> io::Error {
        if let (Some(refusal), Some(socket)) = (refusal, &self.socket) {
            let _ = socket.get_ref().try_write(&refusal);
        }
        self.is_refused = true;
        io::ErrorKind::ConnectionAborted.into()
    }

    /// Receives what may be received; `None` if the peer is to be waited for.
    fn poll_allowed(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Option<Poll<io::Result<()>>> {
        match self.connection.allowance() {
            Allowance::Bytes(bytes_max) => {
                if let Poll::Ready(received) = self.poll_receive(cx, buffer, bytes_max) {
                    return Some(Poll::Ready(received.and_then(|()| self.check_received())));
                }
                self.connection.received_all();
                None
            }
            Allowance::Later => {
                cx.waker().wake_by_ref();
                Some(Poll::Pending)
            }
            Allowance::AfterAnswer => Some(Poll::Pending),
        }
    }

    /// Leaves a peer that sends what is no request any more. All before it is answered by now: it
    /// is much longer than what is received ahead.
    fn check_received(&mut self) -> io::Result<()> {
        if !self.connection.is_peers_turn() {
            return Ok(());
        }
        let too_long = self.heads.too_long();
        if self.connection.may_have_body() {
            // Its request was answered.
            let is_too_long = too_long.is_some() || self.connection.is_body_too_long();
            return if is_too_long { Err(self.leave(None)) } else { Ok(()) };
        }
        too_long.map_or(Ok(()), |line| Err(self.leave(Some(refusal::too_long(line)))))
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.connection.wake_by(cx.waker());
        if this.pace.is_waiting() {
            // A peer that does not read is not heard: it wakes us when it reads.
            return Poll::Pending;
        }
        if this.connection.is_over() {
            // actix would answer what was sent after that, which the peer sends again elsewhere.
            return Poll::Ready(Err(this.leave(None)));
        }
        if let Some(received) = this.poll_allowed(cx, buffer) {
            return received;
        }
        if ready!(this.poll_overdue(cx)) == Overdue::Timeout {
            // Nothing else is being written in the peer's turn.
            this.leave(Some(refusal::timeout()));
        }
        // As if the peer had closed it.
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let Poll::Ready(sent) = this.poll_send(cx, bytes) else { return this.poll_stalled(cx) };
        if let Ok(sent) = sent {
            this.pace.took(sent);
        }
        Poll::Ready(sent)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TCP has nothing to flush: all there was to write is out.
        if self.pace.is_waiting() {
            self.pace.took_all(Instant::now());
            self.connection.set_stalled(false);
            self.connection.start_over();
            // It may be heard again.
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket()?.poll_shutdown(cx)
    }
}

impl Drop for PeerStream {
    fn drop(&mut self) {
        if self.is_refused || self.connection.has_said_close() {
            self.left.set(self.socket.take().map(Take::into_inner));
        }
    }
}
