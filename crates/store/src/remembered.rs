//! What the connection that writes to SQLite has looked up of what seldom changes: files, gates, settings, rights, webhooks.
//!
//! Every change of an issue asks for the same of these, and that was a sixth of what it costs the thread that writes. A row of
//! [`TABLES`] that changes makes all of it be forgotten; the transaction that changed it looks everything up anew until it
//! has ended. Where other processes write to the database too, on PostgreSQL, nothing is remembered.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use gatehook_domain::component::Component;
use gatehook_domain::gate::Gate;
use gatehook_domain::id::{ComponentId, ProjectId, UserId, WebhookId};
use gatehook_domain::user::ProjectPermission;
use gatehook_domain::webhook::Webhook;

use crate::sqlite::changes::Changes;

/// The tables of what is remembered. Functions that remember read no others.
pub(crate) const TABLES: [&str; 10] = [
    "component",
    "gate",
    "gate_condition",
    "gate_project",
    "group_member",
    "group_permission",
    "project",
    "setting",
    "user_permission",
    "webhook",
];

/// How many answers of a kind are kept. When there are more, all of the kind are forgotten and looked up as they are
/// needed.
const KEPT: usize = 4096;

/// Answers by what was asked.
pub(crate) struct Kept<K, V>(HashMap<K, V>);

/// All that is remembered.
#[derive(Default)]
pub(crate) struct Remembered {
    /// Components, without their line hashes.
    pub(crate) components: Kept<ComponentId, Component>,
    /// The gate of a project, and whether that is the default one.
    pub(crate) gates: Kept<ProjectId, (Gate, bool)>,
    /// What was set for a project, or for the whole system.
    pub(crate) settings: Kept<Option<ProjectId>, Arc<BTreeMap<String, String>>>,
    /// The rights over a project.
    pub(crate) rights: Kept<(Option<UserId>, ProjectId), BTreeSet<ProjectPermission>>,
    /// Whom an event of a project is told.
    pub(crate) hearers: Kept<ProjectId, Vec<Arc<Webhook>>>,
    /// Webhooks.
    pub(crate) webhooks: Kept<WebhookId, Arc<Webhook>>,
    changes: Arc<Changes>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl Remembered {
    pub(crate) fn new(changes: Arc<Changes>) -> Self {
        Self {
            changes,
            ..Self::default()
        }
    }

    /// Nothing may be used or added while a transaction runs that has changed some of it.
    pub(crate) fn is_usable(&self) -> bool {
        !self.changes.touch_lookups()
    }

    pub(crate) fn forget(&mut self) {
        *self = Self::new(Arc::clone(&self.changes));
    }
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.0.get(key).cloned()
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.0.len() >= KEPT {
            self.0.clear();
        }
        self.0.insert(key, value);
    }
}
