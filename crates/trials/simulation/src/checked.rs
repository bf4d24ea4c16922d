//! What a check found.

/// Nothing, or what is wrong.
pub(crate) type Checked = Result<(), String>;

/// Says what is wrong unless it is right.
pub(crate) fn ensure(is_right: bool, wrong: impl FnOnce() -> String) -> Checked {
    if is_right { Ok(()) } else { Err(wrong()) }
}
