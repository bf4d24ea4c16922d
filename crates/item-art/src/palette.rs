//! Palettes: colours chosen to go together, and the words for the colour of the thing itself.

/// A colour an object may have, and what a name calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shade {
    pub(super) word: &'static str,
    pub(super) colour: &'static str,
}

/// The colours of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colours {
    /// The object's own, which the name speaks of.
    pub(super) body: &'static str,
    /// What is painted on the body.
    pub(super) accent: &'static str,
    /// The smaller parts: lids, handles, ropes.
    pub(super) trim: &'static str,
    /// What grows.
    pub(super) leaf: &'static str,
    /// The sky, above and below.
    pub(super) sky: (&'static str, &'static str),
    /// What stands far off.
    pub(super) far: &'static str,
    /// What stands nearer, yet behind the object.
    pub(super) near: &'static str,
    /// Clouds, windows and all that glows.
    pub(super) light: &'static str,
    /// The sun.
    pub(super) sun: &'static str,
    /// What the object stands on.
    pub(super) table: &'static str,
    /// Shadows and letters.
    pub(super) ink: &'static str,
}

/// One set of colours. Its backdrop is paler than its shades and of another hue, so that every
/// object stands out on every backdrop.
#[derive(Debug)]
pub(super) struct Palette {
    pub(super) shades: [Shade; Self::SHADES],
    accent: &'static str,
    trim: &'static str,
    leaf: &'static str,
    /// The sky by day, above and below.
    day: (&'static str, &'static str),
    /// The sky by night, above and below.
    night: (&'static str, &'static str),
    far: &'static str,
    near: &'static str,
    light: &'static str,
    sun: &'static str,
    table: &'static str,
}

impl Palette {
    /// How many shades a palette has.
    pub(super) const SHADES: usize = 3;

    /// The colours of a picture by day.
    pub(super) const fn by_day(&self, shade: Shade) -> Colours {
        Colours {
            body: shade.colour,
            accent: self.accent,
            trim: self.trim,
            leaf: self.leaf,
            sky: self.day,
            far: self.far,
            near: self.near,
            light: self.light,
            sun: self.sun,
            table: self.table,
            ink: INK,
        }
    }

    /// The colours of a picture by night.
    pub(super) const fn by_night(&self, shade: Shade) -> Colours {
        Colours { sky: self.night, ..self.by_day(shade) }
    }
}

/// The paper all pictures are printed on.
pub(super) const PAPER: &str = "#fdfaf4";
/// The ink all pictures share: a warm near-black.
const INK: &str = "#2b2530";

const fn shade(word: &'static str, colour: &'static str) -> Shade {
    Shade { word, colour }
}

/// Every palette, named for its objects and its backdrop.
pub(super) static PALETTES: [Palette; 14] = [
    // Amber, on river green.
    Palette {
        shades: [
            shade("Amber", "#e5922a"),
            shade("Honey", "#ecac45"),
            shade("Marigold", "#f0a010"),
        ],
        accent: "#fff3d6",
        trim: "#84421f",
        leaf: "#6f8f5a",
        day: ("#e4efe9", "#f8ead0"),
        night: ("#16323a", "#3e6a6b"),
        far: "#b3cec3",
        near: "#7ba69b",
        light: "#fffaf0",
        sun: "#fbd0a6",
        table: "#3f6664",
    },
    // Coral, by a cool sea.
    Palette {
        shades: [shade("Coral", "#ee6a4c"), shade("Salmon", "#f28d75"), shade("Papaya", "#f57b3f")],
        accent: "#fff2e4",
        trim: "#2f4a63",
        leaf: "#5e9482",
        day: ("#e5f0f2", "#fdebdd"),
        night: ("#182a44", "#46617f"),
        far: "#b5d5d8",
        near: "#74acb8",
        light: "#fff9ef",
        sun: "#ffd39a",
        table: "#7f5a55",
    },
    // Rose, on lilac.
    Palette {
        shades: [shade("Rose", "#d95f80"), shade("Blush", "#e68fa5"), shade("Peony", "#cd4377")],
        accent: "#fff1ee",
        trim: "#752a4c",
        leaf: "#6f9f7c",
        day: ("#efeaf4", "#fbe7e3"),
        night: ("#241c3c", "#655083"),
        far: "#cfc1d9",
        near: "#9f8fb8",
        light: "#fffaf2",
        sun: "#fbcfae",
        table: "#65517b",
    },
    // Red, on old linen.
    Palette {
        shades: [
            shade("Scarlet", "#d63a30"),
            shade("Crimson", "#c0263f"),
            shade("Ruby", "#a51f42"),
        ],
        accent: "#fbe7ca",
        trim: "#dfa23a",
        leaf: "#5a7f60",
        day: ("#f4eddf", "#ecdcc0"),
        night: ("#1c2b2d", "#4d6660"),
        far: "#c0c7b5",
        near: "#879e8d",
        light: "#fffaec",
        sun: "#f4cd84",
        table: "#4c3d36",
    },
    // Green, on apricot.
    Palette {
        shades: [
            shade("Jade", "#2f9f7b"),
            shade("Emerald", "#1c8a60"),
            shade("Malachite", "#3fae86"),
        ],
        accent: "#f8f2d6",
        trim: "#c6803a",
        leaf: "#3d7f5a",
        day: ("#fdf1e1", "#f9dcc0"),
        night: ("#3a2438", "#8a5560"),
        far: "#f0c5a6",
        near: "#d99a80",
        light: "#fffaf0",
        sun: "#fbb988",
        table: "#6b4640",
    },
    // Soft green, on dusty rose.
    Palette {
        shades: [shade("Sage", "#8aa873"), shade("Moss", "#6c8b4a"), shade("Olive", "#8d8f3f")],
        accent: "#fcf6e2",
        trim: "#6e4437",
        leaf: "#55794f",
        day: ("#f8efea", "#eedcd8"),
        night: ("#2f2236", "#7b5a70"),
        far: "#dfc0bd",
        near: "#c0939a",
        light: "#fffaf2",
        sun: "#f4c09c",
        table: "#5e4750",
    },
    // Blue-green, on peach.
    Palette {
        shades: [shade("Turquoise", "#22aeac"), shade("Teal", "#147f86"), shade("Aqua", "#49bfc4")],
        accent: "#fff5df",
        trim: "#dd6a3c",
        leaf: "#4f9173",
        day: ("#fff3df", "#fcdfc2"),
        night: ("#3a2140", "#94566a"),
        far: "#f5c9a8",
        near: "#e39f83",
        light: "#fffaf0",
        sun: "#ffbf80",
        table: "#7b4a4a",
    },
    // Blue, on pale straw.
    Palette {
        shades: [
            shade("Cobalt", "#2a5cb6"),
            shade("Azure", "#3c84d4"),
            shade("Sapphire", "#1f4a9f"),
        ],
        accent: "#fdf6e6",
        trim: "#e0a338",
        leaf: "#5b8f78",
        day: ("#f7f2e4", "#f1e3bd"),
        night: ("#1f2b3c", "#5f7a80"),
        far: "#dfd3a6",
        near: "#b9b483",
        light: "#fffbec",
        sun: "#efc878",
        table: "#54503f",
    },
    // Violet, on pink dawn.
    Palette {
        shades: [shade("Indigo", "#4b4b9d"), shade("Violet", "#704fab"), shade("Iris", "#7c6ec9")],
        accent: "#ffe9b8",
        trim: "#eeae47",
        leaf: "#6f9d85",
        day: ("#fbeaf0", "#fbdcd2"),
        night: ("#231a44", "#8a5c8c"),
        far: "#ecbcc4",
        near: "#c98fa6",
        light: "#fff6da",
        sun: "#ffc49c",
        table: "#54407a",
    },
    // Plum, on spring green.
    Palette {
        shades: [
            shade("Plum", "#7d3661"),
            shade("Mulberry", "#973f70"),
            shade("Damson", "#5f3262"),
        ],
        accent: "#f9dfbb",
        trim: "#d98c49",
        leaf: "#6c8a47",
        day: ("#f5f0dc", "#e6e6c4"),
        night: ("#26243c", "#6d6a7c"),
        far: "#c7d0a1",
        near: "#97aa7c",
        light: "#fffae2",
        sun: "#f1cf78",
        table: "#4e3b4c",
    },
    // White, on slate blue.
    Palette {
        shades: [
            shade("Pearl", "#f3eee4"),
            shade("Ivory", "#f7ecd2"),
            shade("Porcelain", "#e9eef0"),
        ],
        accent: "#4479a6",
        trim: "#c8943c",
        leaf: "#5d8f6f",
        day: ("#86adbd", "#c3d8d8"),
        night: ("#142c40", "#4a7488"),
        far: "#6f9eae",
        near: "#47798d",
        light: "#fff0cc",
        sun: "#f6d08a",
        table: "#2f5062",
    },
    // Brown, at blue dusk.
    Palette {
        shades: [
            shade("Copper", "#b9652f"),
            shade("Russet", "#a34d2b"),
            shade("Cinnamon", "#c37c46"),
        ],
        accent: "#fcebd0",
        trim: "#4a6b8f",
        leaf: "#74925f",
        day: ("#e5eaf3", "#f5e4d6"),
        night: ("#1b2242", "#5b6690"),
        far: "#b9c3d8",
        near: "#8897b8",
        light: "#fffaf0",
        sun: "#f6c49a",
        table: "#393e62",
    },
    // Yellow, on sky blue.
    Palette {
        shades: [
            shade("Saffron", "#f2b422"),
            shade("Primrose", "#f4d560"),
            shade("Lemon", "#f3cf3a"),
        ],
        accent: "#e0603a",
        trim: "#46719f",
        leaf: "#5f9a68",
        day: ("#d5e8f4", "#eff5ec"),
        night: ("#15274a", "#4a6f9c"),
        far: "#a3c8e0",
        near: "#6fa2c8",
        light: "#fffdf2",
        sun: "#f8bfa2",
        table: "#2b4566",
    },
    // Near black, on terracotta.
    Palette {
        shades: [
            shade("Charcoal", "#3d4450"),
            shade("Onyx", "#2d3038"),
            shade("Graphite", "#545b66"),
        ],
        accent: "#f2ca70",
        trim: "#c9953c",
        leaf: "#6b8a63",
        day: ("#f6eadf", "#efd5c4"),
        night: ("#3b2033", "#a05f62"),
        far: "#dfae9a",
        near: "#bd8272",
        light: "#fff8e8",
        sun: "#f1bd74",
        table: "#5f3b39",
    },
];
