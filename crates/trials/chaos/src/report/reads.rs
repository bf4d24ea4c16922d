//! How the crowd of a trial was answered, in numbers.

use std::{collections::BTreeMap, fmt};

use crate::sightings::{Ending, Farewell, Sight, Sightings, Stillness, Visit};

/// Looks and peers that stood still, by what came of them.
#[derive(Debug, Default)]
pub(super) struct Reads {
    shown: usize,
    unchanged: usize,
    busy: usize,
    unknown: usize,
    wrong: usize,
    stood: BTreeMap<Stillness, Endings>,
    viewers: Viewers,
}

#[derive(Debug, Default)]
struct Viewers {
    all: usize,
    visits: usize,
    events: usize,
    told_the_end: usize,
}

#[derive(Debug, Default)]
struct Endings {
    let_go: usize,
    closed: usize,
    answered: usize,
}

impl Reads {
    pub(super) fn add(&mut self, sightings: &Sightings) {
        for seen in sightings.seen() {
            *match seen.sight {
                Sight::Sale(_) | Sight::Healthy => &mut self.shown,
                Sight::Unchanged => &mut self.unchanged,
                Sight::Busy => &mut self.busy,
                Sight::Unknown(_) => &mut self.unknown,
                Sight::Wrong(_) => &mut self.wrong,
            } += 1;
        }
        for stood in sightings.stood() {
            let endings = self.stood.entry(stood.how).or_default();
            *match stood.ending {
                Ending::LetGo => &mut endings.let_go,
                Ending::Closed => &mut endings.closed,
                Ending::Answered(_) => &mut endings.answered,
            } += 1;
        }
        for watched in sightings.watched() {
            let is_told = |visit: &Visit| visit.farewell == Farewell::Over;
            self.viewers.all += 1;
            self.viewers.visits += watched.visits.len();
            self.viewers.events += watched.visits.iter().map(|it| it.events.len()).sum::<usize>();
            self.viewers.told_the_end += usize::from(watched.visits.iter().any(is_told));
        }
    }
}

impl fmt::Display for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shown, unchanged, busy, unknown, wrong, stood, viewers } = self;
        let Viewers { all, visits, events, told_the_end } = viewers;
        write!(
            f,
            "reads: {shown} shown, {unchanged} unchanged, {busy} busy, {unknown} without an answer, \
             {wrong} wrong\nviewers: {all}, told {events} states in {visits} visits, and the end to \
             {told_the_end}"
        )?;
        for (how, Endings { let_go, closed, answered }) in stood {
            write!(f, "\n{how}: let go by itself {let_go}, closed {closed}, answered {answered}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sightings::{Look, Seen, Stood, Watched};

    #[test]
    fn every_look_and_every_peer_is_counted_by_what_came_of_it() {
        let sightings = Sightings::default();
        for sight in [Sight::Healthy, Sight::Unchanged, Sight::Unchanged, Sight::Busy] {
            let look = Look::Health;
            sightings.note(Seen { look, service: 0, sent_ms: 1, answered_ms: 2, sight });
        }
        let (how, ending) = (Stillness::BodyStops, Ending::Answered(408));
        sightings.note_stood(Stood { how, service: 0, began_ms: 1, ended_ms: 2, ending });

        let visit = |farewell| Visit { service: 0, had: None, events: Vec::new(), farewell };
        let visits = vec![visit(Farewell::Broken), visit(Farewell::Over)];
        sightings.note_watched(Watched { visits });
        sightings.note_watched(Watched { visits: vec![visit(Farewell::Busy)] });

        let mut reads = Reads::default();
        reads.add(&sightings);

        assert_eq!(
            reads.to_string(),
            "reads: 1 shown, 2 unchanged, 1 busy, 0 without an answer, 0 wrong\n\
             viewers: 2, told 0 states in 3 visits, and the end to 1\n\
             a body that stops: let go by itself 0, closed 0, answered 1"
        );
    }
}
