//! What the engine asks of the store: claims, and the ends of calls; and what it has claimed.

use std::sync::Arc;
use std::time::Duration;

use gatehook_domain::Timestamp;
use gatehook_domain::id::{DeliveryId, NodeId, WebhookId};
use gatehook_store::delivery::{Claim, Completion, Held, Holder, Taken};
use gatehook_store::{Engine as StoreEngine, Store, StoreError, delivery};

use crate::deliver::{Due, Rules};
use crate::scheduler::Order;

/// How long a claimed delivery is this node's. Longer than the slowest end: what waits in a lane waits for a few calls of
/// ten seconds at most, because a lane that answers slowly holds no more than it has calls at once.
const LEASE: Duration = Duration::from_mins(1);
/// The payloads that are held at once have so many bytes, and those of one delivery, at most.
const HELD_BYTES: usize = 16 * 1024 * 1024;

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
}

/// What this process has claimed and whose end is not written down yet.
///
/// On PostgreSQL, where several nodes deliver, the store knows who has what. A SQLite file has one process, so there it
/// is kept in memory: a claim writes nothing, and what the process had when it died is due as it was.
#[derive(Debug)]
pub(crate) struct Ledger {
    store: Store,
    /// The owner of the leases; none where there are none.
    node: Option<NodeId>,
    held: Arc<Held>,
    /// How many bytes the payloads have that wait or are being sent.
    bytes: usize,
}

/// What a claim brought.
pub(crate) struct Haul {
    pub(crate) taken: Taken,
    pub(crate) next_due: Option<Timestamp>,
    pub(crate) rules: Rules,
}

impl Ledger {
    pub(crate) fn new(store: Store, node: NodeId) -> Self {
        Self {
            node: (store.engine() == StoreEngine::Postgres).then_some(node),
            store,
            held: Arc::default(),
            bytes: 0,
        }
    }

    /// Whether the payloads that are held are as large as they may be together.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= HELD_BYTES
    }

    /// Claims what is due. Goes on after this borrow has ended, with what is held now: what ends meanwhile is left alone,
    /// and nobody else claims meanwhile.
    pub(crate) fn claim(
        &self,
        order: Order<WebhookId>,
        after: Option<WebhookId>,
    ) -> impl Future<Output = Result<Haul, StoreError>> + Send + use<> {
        let (store, node, held) = (self.store.clone(), self.node.clone(), Arc::clone(&self.held));
        let bytes = HELD_BYTES.saturating_sub(self.bytes);
        async move {
            let work = move |tx: &mut gatehook_store::Tx<'_>| {
                let now = tx.now();
                // A closure that is run again begins with the same rooms.
                let rooms = order.rooms.clone();
                let holder = match &node {
                    Some(node) => Holder::Lease {
                        node,
                        until: now.plus(LEASE),
                    },
                    None => Holder::Memory { held: &held },
                };
                let claim = Claim {
                    holder,
                    now,
                    limit: order.limit,
                    again: order.again,
                    bytes,
                    room: &|webhook, failures| rooms.of(webhook, failures),
                    after: after.as_ref(),
                };
                Ok(Haul {
                    taken: delivery::claim(tx, &claim)?,
                    next_due: delivery::next_due(tx, now)?,
                    rules: Rules::read(tx)?,
                })
            };
            // Where it writes nothing, too: the connection that writes has at hand what was written last, while a commit
            // has the others read everything anew.
            store.write(work).await
        }
    }

    /// A delivery was claimed.
    pub(crate) fn takes(&mut self, due: &Due) {
        self.bytes += due.body().len();
        if self.node.is_none() {
            Arc::make_mut(&mut self.held)
                .entry(due.claimed.webhook.id.clone())
                .or_default()
                .insert(due.claimed.id.clone());
        }
    }

    /// A payload of so many bytes is not needed any more.
    pub(crate) fn drops(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Deliveries that were claimed and are not sent.
    pub(crate) fn gives_back(&mut self, dues: Vec<Due>, ends: &mut Ends) {
        for due in dues {
            self.drops(due.body().len());
            ends.back.push((due.claimed.webhook.id.clone(), due.claimed.id));
        }
    }

    /// Writes ends down, in one transaction; gives how many calls counted. Goes on after this borrow has ended.
    pub(crate) fn write(&self, ends: Arc<Ends>) -> impl Future<Output = Result<u64, StoreError>> + Send + use<> {
        let (store, node) = (self.store.clone(), self.node.clone());
        async move {
            if node.is_none() && ends.completions.is_empty() {
                return Ok(0);
            }
            let writing = store.write(move |tx| {
                if let Some(node) = &node {
                    let ids: Vec<DeliveryId> = ends.back.iter().map(|(_, id)| id.clone()).collect();
                    delivery::give_back(tx, node, &ids)?;
                }
                delivery::complete_many(tx, node.as_ref(), &ends.completions)
            });
            writing.await
        }
    }

    /// The ends are written down.
    pub(crate) fn wrote(&mut self, ends: &Ends) {
        if self.node.is_some() {
            return;
        }
        let held = Arc::make_mut(&mut self.held);
        let ended = ends.completions.iter().map(|end| (&end.webhook, &end.delivery));
        let back = ends.back.iter().map(|(webhook, delivery)| (webhook, delivery));
        for (webhook, delivery) in ended.chain(back) {
            if let Some(of_webhook) = held.get_mut(webhook) {
                of_webhook.remove(delivery);
                if of_webhook.is_empty() {
                    held.remove(webhook);
                }
            }
        }
    }

    /// Gives back what dead processes had leased, as far as one knows that they are dead: the one process of a SQLite file
    /// knows it of every lease that is in it. On PostgreSQL leases run out, or whoever starts the process ends them.
    pub(crate) async fn takes_over(&self, node: &NodeId) -> Result<u64, StoreError> {
        if self.node.is_some() {
            return Ok(0);
        }
        let node = node.clone();
        self.store.write(move |tx| delivery::release_of_others(tx, &node)).await
    }

    /// Gives back what is leased still.
    pub(crate) async fn releases(&self) -> Result<u64, StoreError> {
        match self.node.clone() {
            Some(node) => self.store.write(move |tx| delivery::release_of(tx, &node)).await,
            None => Ok(0),
        }
    }
}
