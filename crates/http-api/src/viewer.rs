//! Somebody who is shown what happens, on a connection that is theirs for it.

use actix_web::web::Bytes;

use crate::{operator::Watcher, stream::SaleViewer};

/// Somebody who watches.
#[derive(Debug)]
pub struct Viewer {
    /// What comes before anything else.
    opening: Option<Bytes>,
    watches: Watches,
}

/// What they watch.
#[derive(Debug)]
enum Watches {
    Sale(SaleViewer),
    /// Boxed: there are few, and thousands of the others.
    Service(Box<Watcher>),
}

impl Viewer {
    /// One who watches a sale.
    pub(crate) const fn of_sale(viewer: SaleViewer) -> Self {
        Self { opening: None, watches: Watches::Sale(viewer) }
    }

    /// An operator who watches the service.
    pub(crate) fn of_service(watcher: Watcher) -> Self {
        Self { opening: None, watches: Watches::Service(Box::new(watcher)) }
    }

    /// Has this sent before anything else.
    #[must_use]
    pub fn after(mut self, opening: Bytes) -> Self {
        self.opening = Some(opening);
        self
    }

    /// What is to be sent next, once there is something: the latest, whatever came before. `None`
    /// at the end.
    pub async fn next(&mut self) -> Option<Bytes> {
        if let Some(opening) = self.opening.take() {
            return Some(opening);
        }
        match &mut self.watches {
            Watches::Sale(viewer) => viewer.next().await,
            Watches::Service(watcher) => watcher.next().await,
        }
    }
}
