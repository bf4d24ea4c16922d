//! What a sold unit turns out to be.

/// What a sold unit turns out to be: a name and a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is called, such as "Amber Meadow Teapot No. 137".
    pub name: String,
    /// Where its picture is, as whoever shows it calls that place, such as "/items/7/137.svg".
    pub image: String,
}
