//! Which characters a text may have that one person writes and another reads: on a receipt, in the trail, in a shop.
//!
//! What nobody sees, and what has a line read in another order than it is written in, lets a text say something else
//! than it seems to. Languages need some of the unseen, where they stand between others: those may be there.

/// Why a text is not one that is seen as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnseenError {
    /// The character at this place, counted from 1, controls a terminal.
    #[error("must have no control characters, unlike the one at position {0}")]
    Control(usize),
    /// The character at this place, counted from 1, is not seen, or changes in which order others are.
    #[error(
        "must have no characters that nobody sees or that turn the order of others, unlike {character} at position \
         {place}"
    )]
    Unseen {
        /// Where it is.
        place: usize,
        /// How it is called, such as `U+202E`.
        character: CodePoint,
    },
}

/// A character by its number: to show it would not show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodePoint(char);

impl std::fmt::Display for CodePoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "U+{:04X}", u32::from(self.0))
    }
}

/// Fails if a text has characters that are not seen as they are; a text of a ledger is held to no more than
/// [`check_control`].
pub(crate) fn check(text: &str) -> Result<(), UnseenError> {
    check_control(text)?;
    let (mut before, mut rest, mut place) = (None, text.chars().peekable(), 0);
    while let Some(character) = rest.next() {
        place += 1;
        if is_unseen(character) && !is_of_use(before, character, rest.peek().copied()) {
            return Err(UnseenError::Unseen { place, character: CodePoint(character) });
        }
        before = Some(character);
    }
    Ok(())
}

/// Fails if a text has characters that control a terminal.
pub(crate) fn check_control(text: &str) -> Result<(), UnseenError> {
    let place = text.chars().position(char::is_control);
    place.map_or(Ok(()), |place| Err(UnseenError::Control(place + 1)))
}

/// Whether a character is not seen, or changes how those around it are: what Unicode has programs leave out that do
/// not know it (`Default_Ignorable_Code_Point`), what marks an annotation, and the two ends of lines that are no
/// control characters.
const fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether one that is not seen does what it is for where it stands: the joiners of Persian, of Indian scripts and of
/// emoji between two characters of those, and a variant behind what it is one of.
fn is_of_use(before: Option<char>, unseen: char, after: Option<char>) -> bool {
    let is_one = |it: char| !it.is_ascii() && !it.is_whitespace();
    match unseen {
        '\u{200c}' | '\u{200d}' => {
            let may_follow = |it: char| is_one(it) && (!is_unseen(it) || is_variant(it));
            let may_be_followed = |it: char| is_one(it) && !is_unseen(it);
            before.is_some_and(may_follow) && after.is_some_and(may_be_followed)
        }
        _ if is_variant(unseen) => before.is_some_and(|it| !it.is_whitespace() && !is_unseen(it)),
        _ => false,
    }
}

/// Whether a character picks a variant of the one before it.
const fn is_variant(character: char) -> bool {
    matches!(
        character,
        '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{e0100}'..='\u{e01ef}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_any_language_may_be_there() {
        for good in [
            "the parcel came back",
            "Größe 42 – „gut“ 灯 ランプ",
            "חזר מהלקוח",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}👩\u{200d}👧 🏳\u{fe0f}\u{200d}🌈",
            "1\u{fe0f}\u{20e3} ❤\u{fe0f}",
            "葛\u{e0100}城",
            "e\u{301}",
            "a\u{a0}b",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_nobody_sees_and_what_turns_the_order_of_others_is_named_by_its_place() {
        let spoiled = [
            "\u{ad}",
            "\u{34f}",
            "\u{61c}",
            "\u{115f}",
            "\u{180e}",
            "\u{200b}",
            "\u{200e}",
            "\u{200f}",
            "\u{2028}",
            "\u{2029}",
            "\u{202a}",
            "\u{202b}",
            "\u{202c}",
            "\u{202d}",
            "\u{202e}",
            "\u{2060}",
            "\u{2064}",
            "\u{2066}",
            "\u{2067}",
            "\u{2068}",
            "\u{2069}",
            "\u{206f}",
            "\u{3164}",
            "\u{feff}",
            "\u{ffa0}",
            "\u{fff9}",
            "\u{e0001}",
            "\u{e0041}",
            "\u{e007f}",
        ];
        for character in spoiled {
            for (text, place) in [
                (format!("灯{character}灯"), 2),
                (format!("{character}灯"), 1),
                (format!("灯b{character}"), 3),
            ] {
                let character = CodePoint(character.chars().next().unwrap());
                assert_eq!(check(&text), Err(UnseenError::Unseen { place, character }), "{text:?}");
            }
        }
        let says = check("ab\u{202e}c").unwrap_err().to_string();
        assert!(says.ends_with("unlike U+202E at position 3"), "{says}");
        assert_eq!(check("a\u{9f}\u{202e}"), Err(UnseenError::Control(2)));
        assert_eq!(check_control("a\u{202e}"), Ok(()));
    }

    #[test]
    fn what_joins_or_varies_nothing_is_not_there_unseen() {
        for (text, place) in [
            ("a\u{200d}b", 2),
            ("\u{200c}م", 1),
            ("م\u{200c}", 2),
            ("م\u{200c} م", 2),
            ("م\u{200c}\u{200c}م", 2),
            ("👩\u{200d}a", 2),
            ("\u{fe0f}", 1),
            (" \u{fe0f}", 2),
            ("❤\u{fe0f}\u{fe0f}", 3),
            ("\u{e0100}", 1),
        ] {
            let refused = check(text).unwrap_err();
            assert!(
                matches!(refused, UnseenError::Unseen { place: it, .. } if it == place),
                "{text:?}"
            );
        }
    }
}
