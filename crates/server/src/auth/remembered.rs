//! Users and tokens that were looked up, until one of them changes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gatehook_store::{Store, StoreError, Tx};

use super::REMEMBERED;
use crate::error::ApiError;

/// What was read of users and tokens, as it is at one revision of all of them.
pub(super) struct Remembered<V>(Mutex<AtRevision<V>>);

struct AtRevision<V> {
    revision: u64,
    known: BTreeMap<String, V>,
}

impl<V> Default for Remembered<V> {
    fn default() -> Self {
        Self(Mutex::new(AtRevision {
            revision: 0,
            known: BTreeMap::new(),
        }))
    }
}

impl<V: Clone + Send + 'static> Remembered<V> {
    /// What is known of a key, or what is read of it. It is not read again while no user and no token has changed.
    pub(super) async fn or_read(
        &self,
        store: &Store,
        key: String,
        read: fn(&mut Tx<'_>, &str) -> Result<Option<V>, StoreError>,
    ) -> Result<Option<V>, ApiError> {
        let revision = store.credentials_revision();
        if let Some(known) = revision.and_then(|revision| self.get(&key, revision)) {
            return Ok(Some(known));
        }
        let asked = key.clone();
        let found: Option<V> = store.read(move |tx| read(tx, &asked)).await?;
        if let (Some(revision), Some(found)) = (revision, &found) {
            self.keep(key, revision, found.clone());
        }
        Ok(found)
    }

    fn get(&self, key: &str, revision: u64) -> Option<V> {
        let at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if at.revision == revision {
            at.known.get(key).cloned()
        } else {
            None
        }
    }

    /// Keeps what was read after the revision was taken.
    fn keep(&self, key: String, revision: u64, found: V) {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What a slow reader found at an older revision says nothing about now.
        if at.revision > revision {
            return;
        }
        if at.revision < revision || at.known.len() >= REMEMBERED {
            *at = AtRevision {
                revision,
                known: BTreeMap::new(),
            };
        }
        at.known.insert(key, found);
    }
}
