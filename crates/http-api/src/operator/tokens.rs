//! The tokens of operators: whose each is, and what it lets them do.

use std::{fmt, str::FromStr};

use domain::{UserId, operator::OperatorName};

use super::secret::{Digest, drawn};

/// The most tokens of a file. A request is compared with each of them.
pub(super) const TOKENS_MAX: usize = 256;

/// How the tokens begin that are made here, so that one which lies about is known for what it is.
const PREFIX: &str = "fsa_";

/// Fewer characters than this can be guessed by whoever has read the file.
pub(super) const TOKEN_LENGTH_MIN: usize = 32;

/// More than this is none of ours.
pub(super) const TOKEN_LENGTH_MAX: usize = 512;

/// What an operator may do. The greater may do all that the lesser may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Looks and acts.
    Operator,
}

impl Role {
    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        [Self::Viewer, Self::Operator]
            .into_iter()
            .find(|it| it.name() == text)
            .ok_or(LineError::Role)
    }
}

/// Why a line is none of a token. Says nothing of what is in it: that may be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It has other parts.
    #[error("must be a name, a role and the SHA-256 of a token, with spaces between them")]
    Parts,
    /// Nobody is called so.
    #[error("the name must be 1 to {} of A-Z a-z 0-9 . _ : @ -", UserId::LENGTH_MAX)]
    Name,
    /// There is no such role.
    #[error("the role must be viewer or operator")]
    Role,
    /// It is no SHA-256.
    #[error("the SHA-256 of the token must be 64 hexadecimal digits")]
    Digest,
    /// It is what must not be in a file.
    #[error(
        "has a token where its SHA-256 belongs: whoever reads the file could use it, so make another"
    )]
    Token,
    /// It was there before.
    #[error("has the token of line {0}")]
    Twice(usize),
}

/// Why a file has no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// A line is none.
    #[error("line {line}: {why}")]
    Line {
        /// Which, from 1 on.
        line: usize,
        /// What is wrong.
        why: LineError,
    },
    /// It has more than are looked through.
    #[error("has more than {TOKENS_MAX} tokens")]
    TooMany,
    /// The token itself, where it stands alone, is none.
    #[error(
        "must have a token of {TOKEN_LENGTH_MIN} to {TOKEN_LENGTH_MAX} visible characters, and nothing else"
    )]
    NoToken,
}

/// A token, by what it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) name: OperatorName,
    pub(super) role: Role,
    pub(super) digest: Digest,
}

/// The tokens that there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tokens(Vec<Token>);

impl Tokens {
    /// Reads a list, a token a line: `name role sha256-of-token`. What comes after a `#` is a comment.
    pub(super) fn listed(text: &str) -> Result<Self, TokensError> {
        let mut tokens: Vec<(usize, Token)> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split_once('#').map_or(text, |(before, _)| before).trim();
            if text.is_empty() {
                continue;
            }
            let wrong = |why| TokensError::Line { line, why };
            let token = of_line(text).map_err(wrong)?;
            if let Some((before, _)) = tokens.iter().find(|(_, it)| it.digest == token.digest) {
                return Err(wrong(LineError::Twice(*before)));
            }
            if tokens.len() == TOKENS_MAX {
                return Err(TokensError::TooMany);
            }
            tokens.push((line, token));
        }
        Ok(Self(tokens.into_iter().map(|(_, token)| token).collect()))
    }

    /// The one token of whoever has the machine, which is the text itself.
    pub(super) fn own(text: &str) -> Result<Self, TokensError> {
        let Ok(name) = "owner".parse() else { return Err(TokensError::NoToken) };
        let token = text.trim();
        if !may_be_token(token) {
            return Err(TokensError::NoToken);
        }
        Ok(Self(vec![Token { name, role: Role::Operator, digest: Digest::of(token) }]))
    }

    /// The token that is known by this. Looks at all, so that the time tells nothing.
    pub(super) fn find(&self, digest: &Digest) -> Option<&Token> {
        self.0
            .iter()
            .fold(None, |found, token| if token.digest.is(digest) { Some(token) } else { found })
    }

    pub(super) fn first(&self) -> Option<&Token> {
        self.0.first()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Whether a text has the form of a token.
pub(super) fn may_be_token(text: &str) -> bool {
    (TOKEN_LENGTH_MIN..=TOKEN_LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn of_line(text: &str) -> Result<Token, LineError> {
    let parts: Vec<_> = text.split_whitespace().collect();
    if parts.iter().any(|part| part.starts_with(PREFIX)) {
        return Err(LineError::Token);
    }
    let [name, role, digest] = parts[..] else { return Err(LineError::Parts) };
    let digest = Digest::read(digest).ok_or(LineError::Digest)?;
    let name = name.parse().map_err(|_| LineError::Name)?;
    Ok(Token { name, role: role.parse()?, digest })
}

/// A token that was just made. It is nowhere else.
pub struct NewToken {
    /// The token, for its operator alone.
    pub token: String,
    digest: Digest,
}

impl NewToken {
    /// Draws a token; `None` where the system has no random source.
    #[must_use]
    pub fn draw() -> Option<Self> {
        let token = format!("{PREFIX}{}", drawn()?);
        let digest = Digest::of(&token);
        Some(Self { token, digest })
    }

    /// The line by which a file lets its operator in.
    #[must_use]
    pub fn line(&self, name: &OperatorName, role: Role) -> String {
        format!("{name} {role} {}", self.digest.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> TokensError {
        Tokens::listed(text).unwrap_err()
    }

    fn line(line: usize, why: LineError) -> TokensError {
        TokensError::Line { line, why }
    }

    #[test]
    fn a_list_has_a_token_a_line_and_comments() {
        let [ann, bob] = [(); 2].map(|()| NewToken::draw().unwrap());
        let name = |text: &str| text.parse::<OperatorName>().unwrap();
        let of_ann = ann.line(&name("ann@shop.example"), Role::Operator);
        let of_bob = bob.line(&name("bob"), Role::Viewer).replace(' ', "\t ");
        let text = format!("# Who may\r\n\n  {of_ann}\r\n{of_bob}  # till Friday\n");

        let tokens = Tokens::listed(&text).unwrap();

        assert_eq!(tokens.len(), 2);
        let found = tokens.find(&Digest::of(&ann.token)).unwrap();
        assert_eq!((found.name.as_str(), found.role), ("ann@shop.example", Role::Operator));
        let found = tokens.find(&Digest::of(&bob.token)).unwrap();
        assert_eq!((found.name.as_str(), found.role), ("bob", Role::Viewer));
        assert_eq!(tokens.find(&Digest::of("another")), None);
        assert_eq!(Tokens::listed("# nobody\n").unwrap().len(), 0);
    }

    #[test]
    fn a_line_that_is_wrong_is_named_with_what_is_wrong_and_not_repeated() {
        let digest = "0".repeat(64);
        let token = NewToken::draw().unwrap().token;
        for (text, expected) in [
            ("ann\n".to_owned(), line(1, LineError::Parts)),
            (format!("\n#\nann {digest}"), line(3, LineError::Parts)),
            (format!("ann operator {digest} more"), line(1, LineError::Parts)),
            (format!("an/n operator {digest}"), line(1, LineError::Name)),
            (format!("{} viewer {digest}", "n".repeat(65)), line(1, LineError::Name)),
            (format!("ann Operator {digest}"), line(1, LineError::Role)),
            (format!("ann admin {digest}"), line(1, LineError::Role)),
            ("ann viewer geheim".to_owned(), line(1, LineError::Digest)),
            (format!("ann viewer {token}"), line(1, LineError::Token)),
            (token, line(1, LineError::Token)),
            (format!("ann viewer {digest}\n\nbob operator {digest}"), line(3, LineError::Twice(1))),
        ] {
            let error = wrong(&text);
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("geheim"), "{error}");
        }
        let many = |count: usize| {
            let lines = (0..count).map(|number| format!("ann viewer {number:064x}\n"));
            Tokens::listed(&lines.collect::<String>()).map(|it| it.len())
        };
        assert_eq!(many(TOKENS_MAX), Ok(TOKENS_MAX));
        assert_eq!(many(TOKENS_MAX + 1), Err(TokensError::TooMany));
    }

    #[test]
    fn a_token_that_stands_alone_is_that_of_an_operator_and_must_not_be_guessed() {
        let drawn = NewToken::draw().unwrap();

        let own = Tokens::own(&format!("{}\n", drawn.token)).unwrap();

        let found = own.find(&Digest::of(&drawn.token)).unwrap();
        assert_eq!((found.name.as_str(), found.role), ("owner", Role::Operator));
        for text in ["geheim", &"x".repeat(TOKEN_LENGTH_MIN - 1), &"x y".repeat(32)] {
            assert_eq!(Tokens::own(text), Err(TokensError::NoToken), "{text}");
        }
    }
}
