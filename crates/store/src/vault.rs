//! The key of a store, and what was opened with it before.
//!
//! Webhooks are read for every event and every claim, and to open and to parse a URL costs more than to read its row. What
//! is sealed never means anything else later, because each sealing has a nonce of its own; so what was opened once can be
//! used again. Whoever can read this memory has the key as well.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gatehook_domain::webhook::WebhookUrl;
use secrecy::SecretString;

use crate::error::StoreError;
use crate::secret::SecretKey;

/// How many opened texts of a kind are kept. When there are more, all are forgotten and opened again as they are needed.
const KEPT: usize = 4096;

/// The key, with what was opened for webhooks.
pub(crate) struct Vault {
    pub(crate) key: SecretKey,
    pub(crate) urls: Opened<WebhookUrl>,
    pub(crate) secrets: Opened<SecretString>,
}

/// What was opened, by what it was sealed as; all of it for one purpose.
pub(crate) struct Opened<T>(Mutex<HashMap<Box<[u8]>, T>>);

impl Vault {
    pub(crate) fn new(key: SecretKey) -> Arc<Self> {
        Arc::new(Self {
            key,
            urls: Opened::new(),
            secrets: Opened::new(),
        })
    }
}

impl<T: Clone> Opened<T> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// What was opened before, or what `open` makes of it now.
    pub(crate) fn get(
        &self,
        sealed: Vec<u8>,
        open: impl FnOnce(&[u8]) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = known().get(sealed.as_slice()) {
            return Ok(opened.clone());
        }
        let opened = open(&sealed)?;
        let mut known = known();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(sealed.into(), opened.clone());
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_was_opened_is_opened_once_and_no_more_than_so_many_are_kept() {
        let opened = Opened::<u32>::new();
        let opens = Cell::new(0);
        let get = |number: u32| {
            let open = |sealed: &[u8]| {
                opens.set(opens.get() + 1);
                Ok(u32::from_le_bytes(sealed.try_into().unwrap()))
            };
            opened.get(number.to_le_bytes().to_vec(), open).unwrap()
        };
        assert_eq!((get(7), get(8), get(7)), (7, 8, 7));
        assert_eq!(opens.get(), 2);
        for number in 0..KEPT as u32 {
            assert_eq!(get(number), number);
        }
        assert!(opened.0.lock().unwrap().len() <= KEPT);
    }

    #[test]
    fn what_cannot_be_opened_is_not_remembered() {
        let opened = Opened::<u32>::new();
        let refused = |_: &[u8]| {
            Err(StoreError::Corrupt {
                what: "a secret".to_owned(),
            })
        };
        assert!(opened.get(vec![1], refused).is_err());
        assert_eq!(opened.get(vec![1], |_| Ok(5)).unwrap(), 5);
    }
}
