//! The body of a request, of which what the handlers do not read is thrown away before the answer: what is
//! left of it would have actix say in the answer that it is the last, and then go on with what follows.

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{dev::Payload, error::PayloadError, web::Bytes};
use futures_util::Stream;

use super::BODY_BYTES_MAX;
use crate::connection::Connection;

/// How often it is looked for more of a body in vain before it is left: others have their turns in between,
/// and what has arrived is here after three.
const LOOKS: u32 = 4;

/// A body that the handlers read, and whoever comes after them.
#[derive(Clone)]
pub struct SharedBody(Rc<RefCell<Body>>);

struct Body {
    payload: Payload,
    has_ended: bool,
    /// Whether actix reads it to its end by itself, whoever leaves it.
    is_chunked: bool,
}

impl SharedBody {
    /// A body that comes so, in chunks or not.
    #[must_use]
    pub fn of(payload: Payload, is_chunked: bool) -> Self {
        Self(Rc::new(RefCell::new(Body { payload, has_ended: false, is_chunked })))
    }

    /// The same, as the handlers read it.
    #[must_use]
    pub fn payload(&self) -> Payload {
        Payload::Stream { payload: Box::pin(self.clone()) }
    }

    /// Throws away what is here of the rest; says whether the connection can go on after it. What is
    /// yet to arrive is not waited for.
    pub async fn leave(self, connection: &Connection) -> bool {
        if self.0.borrow().has_ended {
            return true;
        }
        let receiving = connection.receive_body(BODY_BYTES_MAX);
        let mut looks = 0;
        let has_ended = poll_fn(|cx| {
            while looks < LOOKS && !connection.is_body_too_long() {
                match self.0.borrow_mut().poll(cx) {
                    Poll::Ready(Some(Ok(_))) => looks = 0,
                    Poll::Ready(Some(Err(_))) => return Poll::Ready(false),
                    Poll::Ready(None) => return Poll::Ready(true),
                    Poll::Pending => {
                        looks += 1;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
            }
            Poll::Ready(false)
        })
        .await;
        drop(receiving);
        if has_ended {
            connection.body_ended();
        }
        has_ended || self.0.borrow().is_chunked
    }
}

impl Body {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let next = Pin::new(&mut self.payload).poll_next(cx);
        self.has_ended |= matches!(next, Poll::Ready(None));
        next
    }
}

impl Stream for SharedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll(cx)
    }
}
