//! Which lines of the log are asked for (`RUST_LOG`).

use std::{fmt, str::FromStr};

use tracing_subscriber::filter::{Directive, LevelFilter};

/// What there is of each part that nothing else is asked of.
const USUAL: LevelFilter = LevelFilter::INFO;

/// Which lines are asked for: those of a level, and of some parts of the program those of another.
#[derive(Debug, Clone)]
pub(crate) struct Levels(String);

/// Why it cannot be said which lines are asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no level, and none of a part of the program: the levels are off, error, warn, info, debug and \
     trace, and a part has one as in `info,http_api=debug`"
)]
pub(crate) struct LevelsError(String);

impl FromStr for Levels {
    type Err = LevelsError;

    /// Reads levels with commas between them, each by itself or of a part, as `part=level`. The library
    /// would take a level with a slip for a part of which everything is asked for, and of all others
    /// nothing: the log would be silent, and not say why.
    fn from_str(text: &str) -> Result<Self, LevelsError> {
        let asked = text.split(',').map(str::trim).filter(|asked| !asked.is_empty());
        let mut all = USUAL.to_string();
        for asked in asked {
            let is_level = asked.parse::<LevelFilter>().is_ok();
            let is_of_part = asked.contains(['=', '[']) && asked.parse::<Directive>().is_ok();
            if !is_level && !is_of_part {
                return Err(LevelsError(asked.to_owned()));
            }
            all.extend([",", asked]);
        }
        Ok(Self(all))
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_with_a_slip_is_refused_and_silences_nothing() {
        for wrong in ["infoo", "warning", "flashsale", "info,debgu", "http_api=loud", "a=b=c", "-"]
        {
            let error = wrong.parse::<Levels>().unwrap_err().to_string();
            let slip = wrong.rsplit(',').next().unwrap();
            assert!(error.starts_with(&format!("`{slip}` is no level")), "{error}");
        }
    }

    #[test]
    fn what_is_asked_of_a_part_is_beside_what_there_is_of_the_others() {
        for (text, levels) in [
            ("", "info"),
            (" , ", "info"),
            ("DEBUG", "info,DEBUG"),
            ("off", "info,off"),
            ("http_api=debug", "info,http_api=debug"),
            ("warn, flashsale=trace", "info,warn,flashsale=trace"),
            ("domain[checkout]=trace", "info,domain[checkout]=trace"),
        ] {
            assert_eq!(text.parse::<Levels>().unwrap().to_string(), levels, "{text:?}");
        }
    }
}
