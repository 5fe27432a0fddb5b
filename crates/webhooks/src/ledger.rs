//! What the engine asks of the store: claims, and the ends of calls.

use std::sync::Arc;
use std::time::Duration;

use gatehook_domain::Timestamp;
use gatehook_domain::id::{DeliveryId, NodeId, WebhookId};
use gatehook_store::delivery::{Claim, Completion, Taken};
use gatehook_store::{Store, StoreError, delivery};

use crate::deliver::{Due, Rules};
use crate::scheduler::Order;

/// How long a claimed delivery is this node's. Longer than the slowest end: what waits in a lane waits for a few calls of
/// ten seconds at most, because a lane that answers slowly holds no more than it has calls at once.
const LEASE: Duration = Duration::from_mins(1);
/// What is to be written down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends {
    /// How calls ended, in that order.
    pub(crate) completions: Vec<Completion>,
    /// What was claimed and is not sent.
    pub(crate) back: Vec<(WebhookId, DeliveryId)>,
}

impl Ends {
    pub(crate) fn is_empty(&self) -> bool {
        self.completions.is_empty() && self.back.is_empty()
    }

    pub(crate) fn give_back(&mut self, dues: Vec<Due>) {
        let ids = dues
            .into_iter()
            .map(|due| (due.claimed.webhook.id, due.claimed.delivery.id));
        self.back.extend(ids);
    }
}

/// What a claim brought.
pub(crate) struct Haul {
    pub(crate) taken: Taken,
    pub(crate) next_due: Option<Timestamp>,
    pub(crate) rules: Rules,
}

/// Claims what is due.
pub(crate) async fn claim(
    store: Store,
    node: NodeId,
    order: Order<WebhookId>,
    after: Option<WebhookId>,
) -> Result<Haul, StoreError> {
    let claiming = store.write(move |tx| {
        let now = tx.now();
        // A closure that is run again begins with the same rooms.
        let rooms = order.rooms.clone();
        let claim = Claim {
            node: &node,
            now,
            lease_until: now.plus(LEASE),
            limit: order.limit,
            again: order.again,
            room: &|webhook, failures| rooms.of(webhook, failures),
            after: after.as_ref(),
        };
        Ok(Haul {
            taken: delivery::claim(tx, &claim)?,
            next_due: delivery::next_due(tx, now)?,
            rules: Rules::read(tx)?,
        })
    });
    claiming.await
}

/// Writes ends down, in one transaction; gives how many calls counted.
pub(crate) async fn write(store: Store, node: NodeId, ends: Arc<Ends>) -> Result<u64, StoreError> {
    let writing = store.write(move |tx| {
        let ids: Vec<DeliveryId> = ends.back.iter().map(|(_, id)| id.clone()).collect();
        delivery::give_back(tx, &node, &ids)?;
        delivery::complete_many(tx, &node, &ends.completions)
    });
    writing.await
}
