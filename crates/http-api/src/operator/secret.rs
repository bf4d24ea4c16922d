//! What lets somebody in: drawn, so that nobody guesses it, and known here by its SHA-256 alone. What
//! is in memory, or in a file of tokens, lets nobody in.

use ring::{
    digest::{SHA256, digest},
    rand::{SystemRandom, generate},
};
use subtle::ConstantTimeEq as _;

/// How many bytes are drawn for one.
const DRAWN: usize = 32;

/// What a secret is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    /// What this secret is known by.
    pub(super) fn of(secret: &str) -> Self {
        let digest = digest(&SHA256, secret.as_bytes());
        Self(digest.as_ref().first_chunk().copied().unwrap_or_default())
    }

    /// Reads 64 hexadecimal digits.
    pub(super) fn read(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        }
        Some(Self(bytes))
    }

    /// Whether it is of the same secret, in a time that does not tell how much of it is the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// As it is written in a file.
    pub(super) fn to_hex(self) -> String {
        hex(&self.0)
    }
}

/// A new secret of 256 random bits; `None` where the system has no random source.
pub(super) fn drawn() -> Option<String> {
    let bytes: [u8; DRAWN] = generate(&SystemRandom::new()).ok()?.expose();
    Some(hex(&bytes))
}

/// As many random bits as a name has; `None` where the system has no random source.
pub(super) fn drawn_bits() -> Option<u128> {
    let bytes: [u8; 16] = generate(&SystemRandom::new()).ok()?.expose();
    Some(u128::from_be_bytes(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of FIPS 180-4.
    const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_digest_is_that_of_the_tools_of_every_shell_and_read_in_either_case() {
        let of_abc = Digest::of("abc");

        assert_eq!(of_abc.to_hex(), OF_ABC);
        assert_eq!(Digest::read(OF_ABC), Some(of_abc));
        assert_eq!(Digest::read(&OF_ABC.to_uppercase()), Some(of_abc));
        for wrong in ["", "ba78", &OF_ABC[1..], &format!("{OF_ABC}0"), &OF_ABC.replace('f', "g")] {
            assert_eq!(Digest::read(wrong), None, "{wrong}");
        }
        // As many bytes, and not as many digits.
        assert_eq!(Digest::read(&"é".repeat(32)), None);
    }

    #[test]
    fn a_digest_is_that_of_its_secret_and_of_no_other() {
        assert!(Digest::of("abc").is(&Digest::of("abc")));
        assert!(!Digest::of("abc").is(&Digest::of("abd")));
    }

    #[test]
    fn no_two_secrets_are_the_same() {
        let (one, other) = (drawn().unwrap(), drawn().unwrap());

        assert_ne!(one, other);
        assert_eq!(one.len(), 2 * DRAWN);
    }
}
