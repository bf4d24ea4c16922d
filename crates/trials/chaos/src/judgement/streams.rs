//! Judging what the viewers of a sale were told.

use super::{Promise, reads::Court};
use crate::sightings::{Farewell, Watched};

impl Court<'_> {
    /// Each event is true, none is told to who has it, and the last is how the sale ended.
    pub(super) fn check_watched(&mut self, watched: &Watched) {
        let mut has: Option<&str> = None;
        let mut is_over = false;
        for visit in &watched.visits {
            if let Farewell::Wrong(said) = &visit.farewell {
                self.charge(Promise::AnswersAreKnown, said.clone());
            }
            for event in &visit.events {
                self.check_figures(event.figures, true, event);
                if has == Some(&*event.id) {
                    let what = format!("process {} told {event:?} again", visit.service);
                    self.charge(Promise::ViewersAreTold, what);
                }
                has = Some(&event.id);
            }
            is_over = visit.farewell == Farewell::Over;
        }
        let last = watched.visits.iter().rev().find_map(|visit| visit.events.last());
        let is_as_it_ended = last.is_some_and(|event| {
            self.bought().contains(&event.figures.sold) && event.figures.held == 0
        });
        if !is_over || !is_as_it_ended {
            let farewell = watched.visits.last().map(|visit| &visit.farewell);
            let what = format!(
                "{:?} were sold; the last was {last:?}, and then {farewell:?}",
                self.bought()
            );
            self.charge(Promise::ViewersAreTold, what);
        }
    }
}
