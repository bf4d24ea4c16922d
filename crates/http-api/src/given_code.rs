//! A code as a client gives it: any UUID is well-formed, and most were never given to anyone.

use std::str::FromStr;

use domain::{Code, CodeRefusal, code::ParseCodeError};

/// A parameter that is a code. A UUID that was not made here is not malformed: it is a code
/// nobody was ever given, and answered as one.
pub(super) struct GivenCode(Option<Code>);

impl GivenCode {
    /// The code, or the refusal of one that cannot be known. No store need be asked for it.
    pub(super) fn known(self) -> Result<Code, CodeRefusal> {
        self.0.ok_or(CodeRefusal::Unknown)
    }
}

impl FromStr for GivenCode {
    type Err = ParseCodeError;

    fn from_str(text: &str) -> Result<Self, ParseCodeError> {
        match text.parse() {
            Ok(code) => Ok(Self(Some(code))),
            Err(ParseCodeError::Foreign(_)) => Ok(Self(None)),
            Err(malformed @ ParseCodeError::Malformed) => Err(malformed),
        }
    }
}
