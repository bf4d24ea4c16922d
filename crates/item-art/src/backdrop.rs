//! Backdrops: the scenes behind the objects.

mod built;
mod land;
mod sky;

use super::{canvas::Canvas, palette::Colours, random::Random};

/// A scene, which fills the whole window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backdrop {
    Sun,
    Hills,
    Waves,
    Arches,
    Mountains,
    Moon,
    Rays,
    Garden,
    Village,
    Clouds,
}

impl Backdrop {
    /// Every backdrop. A new one, or another order, gives every unit another picture.
    pub(super) const ALL: [Self; 10] = [
        Self::Sun,
        Self::Hills,
        Self::Waves,
        Self::Arches,
        Self::Mountains,
        Self::Moon,
        Self::Rays,
        Self::Garden,
        Self::Village,
        Self::Clouds,
    ];
    /// How many words there are for each backdrop.
    pub(super) const WORDS: usize = 6;

    /// What a name may call the backdrop.
    pub(super) const fn words(self) -> [&'static str; Self::WORDS] {
        match self {
            Self::Sun => ["Sunrise", "Daybreak", "Morning", "Solstice", "Sunlit", "Noonday"],
            Self::Hills => ["Meadow", "Hillside", "Valley", "Pasture", "Heather", "Prairie"],
            Self::Waves => ["Harbour", "Tidal", "Seaside", "Lagoon", "Regatta", "Island"],
            Self::Arches => ["Cloister", "Palace", "Courtyard", "Arcade", "Pavilion", "Abbey"],
            Self::Mountains => ["Alpine", "Summit", "Highland", "Glacier", "Sierra", "Ridge"],
            Self::Moon => ["Moonlit", "Starlit", "Midnight", "Evening", "Twilight", "Nocturne"],
            Self::Rays => ["Festival", "Carnival", "Jubilee", "Parade", "Gala", "Fanfare"],
            Self::Garden => ["Garden", "Orchard", "Fern", "Woodland", "Grove", "Arbour"],
            Self::Village => ["Village", "Market", "Rooftop", "Hamlet", "Cottage", "Borough"],
            Self::Clouds => ["Cloud", "Breeze", "Zephyr", "Skylark", "Feather", "Drift"],
        }
    }

    /// Draws the scene.
    pub(super) fn draw(self, canvas: &mut Canvas, colours: &Colours, random: &mut Random) {
        match self {
            Self::Sun => sky::sun(canvas, colours, random),
            Self::Hills => land::hills(canvas, colours, random),
            Self::Waves => land::waves(canvas, colours, random),
            Self::Arches => built::arches(canvas, colours, random),
            Self::Mountains => land::mountains(canvas, colours, random),
            Self::Moon => sky::moon(canvas, colours, random),
            Self::Rays => sky::rays(canvas, colours, random),
            Self::Garden => land::garden(canvas, colours, random),
            Self::Village => built::village(canvas, colours, random),
            Self::Clouds => sky::clouds(canvas, colours, random),
        }
    }
}
