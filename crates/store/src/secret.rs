//! Secrets at rest: sealed with a key that is not in the database.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

/// The form of what [`SecretKey::seal`] makes: this byte, the nonce, the ciphertext with its tag. A new form gets a new
/// number, so that what was sealed before can still be opened.
const VERSION: u8 = 1;

/// The length of the nonce in bytes; at random it never repeats in practice.
const NONCE: usize = 24;

/// The key that seals secrets (webhook URLs and their secrets) before they are stored.
#[derive(Clone)]
pub struct SecretKey(Arc<SecretBox<[u8; 32]>>);

/// A text that is no key.
#[derive(Debug, thiserror::Error)]
#[error("the secret key must be 32 bytes in base64 (44 characters); make one with: openssl rand -base64 32")]
pub struct SecretKeyError;

/// Why a secret could not be sealed or opened. The cases are not told apart further: that would help an attacker only.
#[derive(Debug, thiserror::Error)]
pub enum Unsealable {
    /// It was sealed with another key or for another purpose, or it was changed.
    #[error("a stored secret cannot be opened: it was sealed with another secret key, or was damaged")]
    WrongKey,
    /// It is longer than can be sealed.
    #[error("a secret is too long to be sealed")]
    TooLong,
}

impl SecretKey {
    /// Takes a key as it is.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Arc::new(SecretBox::new(Box::new(bytes))))
    }

    /// Reads a key written in base64, as in `GATEHOOK_SECRET_KEY`.
    pub fn from_base64(text: &str) -> Result<Self, SecretKeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| SecretKeyError)?;
        Ok(Self::from_bytes(bytes.try_into().map_err(|_| SecretKeyError)?))
    }

    /// Seals `secret`. It can be opened only for the same `purpose`, so that what was stored in one place cannot be
    /// moved to another. The nonce must be new each time.
    pub fn seal(&self, nonce: [u8; NONCE], purpose: &str, secret: &str) -> Result<Vec<u8>, Unsealable> {
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: purpose.as_bytes(),
        };
        let ciphertext = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Unsealable::TooLong)?;
        let mut sealed = Vec::with_capacity(1 + NONCE + ciphertext.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Opens what was sealed with the same key for the same purpose.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<SecretString, Unsealable> {
        let (&version, rest) = sealed.split_first().ok_or(Unsealable::WrongKey)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(Unsealable::WrongKey)?;
        if version != VERSION {
            return Err(Unsealable::WrongKey);
        }
        let payload = Payload {
            msg: ciphertext,
            aad: purpose.as_bytes(),
        };
        let bytes = self
            .cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| Unsealable::WrongKey)?;
        String::from_utf8(bytes)
            .map(SecretString::from)
            .map_err(|_| Unsealable::WrongKey)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.expose_secret().into())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_with_its_key_for_its_purpose_only() {
        let key = SecretKey::from_bytes([1; 32]);
        let sealed = key.seal([9; 24], "webhook.secret", "correct horse").unwrap();
        assert_eq!(
            key.open("webhook.secret", &sealed).unwrap().expose_secret(),
            "correct horse"
        );
        assert!(!sealed.windows(5).any(|bytes| bytes == b"horse"));

        assert!(SecretKey::from_bytes([2; 32]).open("webhook.secret", &sealed).is_err());
        assert!(key.open("webhook.url", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(key.open("webhook.secret", &damaged).is_err(), "byte {at}");
            assert!(key.open("webhook.secret", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_key_is_read_from_base64_and_never_shown() {
        let key = SecretKey::from_base64("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n").unwrap();
        let sealed = SecretKey::from_bytes([1; 32]).seal([0; 24], "p", "s").unwrap();
        assert!(key.open("p", &sealed).is_ok());
        assert_eq!(format!("{key:?}"), "SecretKey(…)");
        for bad in ["", "AQEB", "not base64", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"] {
            assert!(SecretKey::from_base64(bad).is_err(), "{bad}");
        }
    }
}
