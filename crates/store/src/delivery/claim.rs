//! Taking what is due, fairly: webhook by webhook, first attempts before others.

mod statements;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;

use gatehook_domain::Timestamp;
use gatehook_domain::id::{DeliveryId, EventId, NodeId, WebhookId};
use gatehook_domain::webhook::{Event, Rendered, Webhook};

use self::statements::{due_hooks, due_text, expire_text, held_text, lease_text};
use super::{event, read_event, read_rendered};
use crate::error::StoreError;
use crate::params;
use crate::sql::{LIST, Sql};
use crate::tx::{Engine, Tx};
use crate::value::Row;
use crate::webhook;

/// What a process has taken and not ended, by webhook.
pub type Held = HashMap<WebhookId, HashSet<DeliveryId>>;

/// So few held deliveries of a webhook are read along with the next one, which saves a statement.
const FEW: usize = 8;

/// How many events are read at once where each statement costs a journey.
const EVENTS: usize = 32;

/// How others are kept from what is taken.
#[derive(Debug, Clone, Copy)]
pub enum Holder<'a> {
    /// By a lease that is written down: several nodes take from one database. Each counts the attempt that begins.
    Lease {
        /// Who takes it.
        node: &'a NodeId,
        /// How long it is the node's.
        until: Timestamp,
    },
    /// By the memory of the only process that uses the database, which has these already. Nothing is written: the
    /// attempt is counted when it ends, and what the process forgets when it dies is due as it was.
    Memory {
        /// What it has.
        held: &'a Held,
    },
}

/// What is to be taken.
pub struct Claim<'a> {
    /// For whom.
    pub holder: Holder<'a>,
    /// What is due by then.
    pub now: Timestamp,
    /// At most so many in all.
    pub limit: usize,
    /// At most so many of them that are no first attempts.
    pub again: usize,
    /// At most so many bytes of payloads, but one delivery in any case.
    pub bytes: usize,
    /// At most so many of one webhook, told from its id and its failures in a row; 0 leaves it out.
    pub room: &'a dyn Fn(&WebhookId, i64) -> usize,
    /// The webhook behind which to begin, so that every webhook gets its turn.
    pub after: Option<&'a WebhookId>,
}

/// A delivery that was taken, with what is needed to send it.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The delivery.
    pub id: DeliveryId,
    /// Which attempt begins now, counted from 1.
    pub number: i64,
    /// Which one it is since the event or since the delivery was last sent again by hand, counted from 1.
    pub number_of_round: i64,
    /// Whether none has ended before.
    pub first: bool,
    /// What the delivery shows as its URL.
    pub shown_url: String,
    /// What it sends in the place of the event's payload, if its webhook has another format.
    pub rendered: Option<Rendered>,
    /// What happened.
    pub event: Arc<Event>,
    /// Whom it goes to, as it is now.
    pub webhook: Arc<Webhook>,
}

/// What was taken.
#[derive(Debug, Default)]
pub struct Taken {
    /// The deliveries; those of one webhook in the order in which they are to be sent.
    pub claimed: Vec<Claimed>,
    /// Whether something due may have been left behind for want of room.
    pub left: bool,
    /// The last webhook that something was taken of: what the next claim begins after.
    pub last: Option<WebhookId>,
}

/// Takes deliveries that are due and that nobody is at. Paused webhooks are left out.
///
/// The cost follows the number of webhooks that something is owed to and what is taken, not the backlog.
pub fn claim(tx: &mut Tx<'_>, claim: &Claim<'_>) -> Result<Taken, StoreError> {
    if matches!(claim.holder, Holder::Lease { .. }) {
        expire(tx, claim.now)?;
    }
    let mut taking = Taking {
        claim,
        taken: HashMap::new(),
        owed: Vec::new(),
        left: false,
        last: None,
    };
    taking.go_round(tx, Class::First, claim.limit)?;
    let again = claim.again.min(claim.limit - taking.owed.len());
    taking.go_round(tx, Class::Again, again)?;
    taking.accompanied(tx)
}

/// Gives back what `node` has claimed and has not begun; the attempts do not count.
pub fn give_back(tx: &mut Tx<'_>, node: &NodeId, ids: &[DeliveryId]) -> Result<u64, StoreError> {
    let mut given = 0;
    for chunk in ids.chunks(LIST) {
        let mut sql = Sql::new("UPDATE delivery SET owner = NULL, lease_until = NULL, attempts = attempts - 1");
        given += sql.and("owner = ").bind(node).and("id IN ").list(chunk).execute(tx)?;
    }
    Ok(given)
}

/// Frees what dead nodes have.
fn expire(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(expire_text(tx.engine()), &params![now])?;
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// No attempt has ended yet.
    First,
    /// One has, and it was no success, or the delivery is sent again by hand.
    Again,
}

/// A delivery without what belongs to it.
struct Owed {
    id: DeliveryId,
    event: EventId,
    webhook: WebhookId,
    class: Class,
    due_at: Timestamp,
    number: i64,
    earlier: i64,
    shown_url: String,
    rendered: Option<Rendered>,
}

/// A place in the deliveries to a webhook, in the order in which they are sent: right behind that of this moment and id.
#[derive(Debug)]
struct Place {
    due_at: Timestamp,
    id: String,
}

impl Place {
    /// Before all.
    const START: Self = Self {
        due_at: Timestamp::from_millis(i64::MIN),
        id: String::new(),
    };
}

/// A webhook to take of.
struct Ready {
    id: WebhookId,
    /// At most so many.
    room: usize,
    /// What was read of it already and is not held.
    read: VecDeque<Owed>,
    /// What stands before this is held, taken or read.
    from: Place,
}

impl Ready {
    fn new(id: WebhookId, room: usize) -> Self {
        Self {
            id,
            room,
            read: VecDeque::new(),
            from: Place::START,
        }
    }
}

struct Taking<'a, 'c> {
    claim: &'a Claim<'c>,
    /// How many were taken of each webhook.
    taken: HashMap<WebhookId, usize>,
    owed: Vec<Owed>,
    left: bool,
    last: Option<WebhookId>,
}

impl Taking<'_, '_> {
    /// Takes at most `limit` of a class: first every webhook's share, then, in further rounds, what is left over.
    fn go_round(&mut self, tx: &mut Tx<'_>, class: Class, limit: usize) -> Result<(), StoreError> {
        let mut limit = limit;
        let mut hooks = self.hooks(tx, class, limit.max(1))?;
        if limit == 0 {
            self.left |= !hooks.is_empty();
            return Ok(());
        }
        while limit > 0 && !hooks.is_empty() {
            let share = limit.div_ceil(hooks.len());
            let mut more = Vec::new();
            for mut hook in hooks {
                let take = share.min(hook.room).min(limit);
                if take == 0 {
                    self.left = true;
                    continue;
                }
                let taken = self.take(tx, class, &mut hook, take)?;
                limit -= taken.min(limit);
                hook.room -= taken.min(hook.room);
                if taken == take && hook.room > 0 {
                    more.push(hook);
                } else if taken == take {
                    self.left = true;
                }
            }
            hooks = more;
        }
        self.left |= !hooks.is_empty();
        Ok(())
    }

    /// The webhooks of which there is something due and for which there is room, at most `limit`, from the one after the
    /// last of the claim before, round to it.
    fn hooks(&mut self, tx: &mut Tx<'_>, class: Class, limit: usize) -> Result<Vec<Ready>, StoreError> {
        let mut found: Vec<Ready> = Vec::new();
        let begin = self.claim.after.map_or("", WebhookId::as_str);
        let (mut after, mut wrapped) = (begin.to_owned(), begin.is_empty());
        loop {
            let rows = due_hooks(tx, class, &after, self.claim.now)?;
            for row in &rows {
                let (id, failures, is_due): (WebhookId, i64, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
                if wrapped && !begin.is_empty() && id.as_str() > begin {
                    return Ok(found);
                }
                id.as_str().clone_into(&mut after);
                if !is_due {
                    continue;
                }
                let taken = self.taken.get(&id).copied().unwrap_or(0);
                let room = (self.claim.room)(&id, failures).saturating_sub(taken);
                if room == 0 {
                    self.left = true;
                    continue;
                }
                let mut ready = Ready::new(id, room);
                if !self.begin(tx, class, &mut ready)? {
                    // All that is due is held already; it must not use up the place of another webhook.
                    continue;
                }
                if found.len() == limit {
                    self.left = true;
                    return Ok(found);
                }
                found.push(ready);
            }
            if (rows.len() as i64) < statements::HOOKS {
                if wrapped {
                    return Ok(found);
                }
                wrapped = true;
                after = String::new();
            }
        }
    }

    fn take(&mut self, tx: &mut Tx<'_>, class: Class, hook: &mut Ready, limit: usize) -> Result<usize, StoreError> {
        let found = match self.claim.holder {
            Holder::Lease { node, until } => {
                let text = lease_text(tx.engine(), class);
                let rows = tx.query(text, &params![node, until, hook.id, self.claim.now, limit as i64])?;
                rows.iter()
                    .map(|row| read_owed(row, &hook.id, class))
                    .collect::<Result<Vec<_>, _>>()?
            }
            Holder::Memory { held } => self.due(tx, class, hook, limit, held)?,
        };
        if !found.is_empty() {
            *self.taken.entry(hook.id.clone()).or_default() += found.len();
            self.last = Some(hook.id.clone());
        }
        let count = found.len();
        self.owed.extend(found);
        Ok(count)
    }

    /// Goes to the first delivery of a class that is due to a webhook and not held; false if there is none. What is held
    /// stands before the rest, or somewhere in it.
    fn begin(&self, tx: &mut Tx<'_>, class: Class, hook: &mut Ready) -> Result<bool, StoreError> {
        let held = match self.claim.holder {
            Holder::Memory { held } => held.get(&hook.id),
            Holder::Lease { .. } => None,
        };
        let Some(held) = held.filter(|held| !held.is_empty()) else {
            return Ok(true);
        };
        if held.len() <= FEW {
            self.read_on(tx, class, hook, held.len() + 1, Some(held))?;
            return Ok(!hook.read.is_empty());
        }
        // So many are passed over in the index alone.
        let params = params![hook.id, self.claim.now, held.len() as i64 + 1];
        let (mut passed, mut is_more) = (None, false);
        tx.for_each(held_text(tx.engine(), class), &params, &mut |row| {
            let is_held = row.parse(1, |id| Ok::<_, Infallible>(held.contains(id)))?;
            is_more |= !is_held;
            if !is_more {
                passed = Some((row.get(0)?, row.get::<DeliveryId>(1)?));
            }
            Ok(())
        })?;
        if let Some((due_at, id)) = passed {
            hook.from = Place {
                due_at,
                id: id.to_string(),
            };
        }
        Ok(is_more)
    }

    /// The next deliveries to a webhook that are due and not held, at most `limit`.
    fn due(
        &self,
        tx: &mut Tx<'_>,
        class: Class,
        hook: &mut Ready,
        limit: usize,
        held: &Held,
    ) -> Result<Vec<Owed>, StoreError> {
        let held = held.get(&hook.id);
        let mut is_more = true;
        while hook.read.len() < limit && is_more {
            is_more = self.read_on(tx, class, hook, limit - hook.read.len(), held)?;
        }
        let count = limit.min(hook.read.len());
        Ok(hook.read.drain(..count).collect())
    }

    /// Reads the next `count` deliveries that are due to a webhook, and keeps those that are not held; false when there were
    /// not so many.
    fn read_on(
        &self,
        tx: &mut Tx<'_>,
        class: Class,
        hook: &mut Ready,
        count: usize,
        held: Option<&HashSet<DeliveryId>>,
    ) -> Result<bool, StoreError> {
        let Place { due_at, id } = &hook.from;
        let params = params![hook.id, self.claim.now, due_at, id, count as i64];
        let rows = tx.query(due_text(tx.engine(), class), &params)?;
        if let Some(last) = rows.last() {
            hook.from = Place {
                due_at: last.get(2)?,
                id: last.get(0)?,
            };
        }
        for row in &rows {
            let owed = read_owed(row, &hook.id, class)?;
            if held.is_none_or(|held| !held.contains(&owed.id)) {
                hook.read.push_back(owed);
            }
        }
        Ok(rows.len() == count)
    }

    /// What was taken, with events and webhooks, as far as their size allows.
    fn accompanied(mut self, tx: &mut Tx<'_>) -> Result<Taken, StoreError> {
        let mut owed = std::mem::take(&mut self.owed);
        // First attempts first, as they were taken, and each class as it became due.
        owed.sort_by(|one, other| (one.class, one.due_at, &one.id).cmp(&(other.class, other.due_at, &other.id)));
        let (events, fits) = self.events(tx, &owed)?;
        let back = owed.split_off(fits);
        if let (Holder::Lease { node, .. }, false) = (self.claim.holder, back.is_empty()) {
            let ids: Vec<DeliveryId> = back.iter().map(|owed| owed.id.clone()).collect();
            give_back(tx, node, &ids)?;
        }
        let hooks: BTreeSet<&WebhookId> = owed.iter().map(|owed| &owed.webhook).collect();
        let webhooks: HashMap<WebhookId, Arc<Webhook>> = webhook::by_ids(tx, hooks)?
            .into_iter()
            .map(|webhook| (webhook.id.clone(), webhook))
            .collect();
        let claimed = owed.into_iter().filter_map(|owed| {
            // Foreign keys see to it that both are there.
            Some(Claimed {
                webhook: Arc::clone(webhooks.get(&owed.webhook)?),
                event: Arc::clone(events.get(&owed.event)?),
                id: owed.id,
                number: owed.number,
                number_of_round: owed.number - owed.earlier,
                first: owed.class == Class::First,
                shown_url: owed.shown_url,
                rendered: owed.rendered,
            })
        });
        Ok(Taken {
            claimed: claimed.collect(),
            left: self.left || !back.is_empty(),
            last: self.last,
        })
    }

    /// The events of what was taken, and of how many deliveries, from the first, the payloads are as large together as is
    /// allowed. Of what goes beyond that no more is read than comes with one statement.
    fn events(&self, tx: &mut Tx<'_>, owed: &[Owed]) -> Result<(HashMap<EventId, Arc<Event>>, usize), StoreError> {
        // Engine fragment: a statement costs PostgreSQL a journey; SQLite finds one event after the other most quickly.
        let at_once = match tx.engine() {
            Engine::Sqlite => 1,
            Engine::Postgres => EVENTS,
        };
        let (mut known, mut bytes) = (HashMap::new(), 0_usize);
        for (number, one) in owed.iter().enumerate() {
            if !known.contains_key(&one.event) {
                let coming = owed[number..].iter().map(|owed| &owed.event);
                let wanted: BTreeSet<&EventId> = coming.filter(|id| !known.contains_key(*id)).take(at_once).collect();
                for event in read_events(tx, &wanted)? {
                    known.insert(event.id.clone(), Arc::new(event));
                }
            }
            let size = match (&one.rendered, known.get(&one.event)) {
                (Some(rendered), _) => rendered.body.len(),
                (None, Some(event)) => event.payload.len(),
                (None, None) => 0,
            };
            if bytes > 0 && size > self.claim.bytes.saturating_sub(bytes) {
                return Ok((known, number));
            }
            bytes = bytes.saturating_add(size);
        }
        Ok((known, owed.len()))
    }
}

/// Reads `id, event_id, due_at, number, earlier_attempts, url, body, path`.
fn read_owed(row: &Row, webhook: &WebhookId, class: Class) -> Result<Owed, StoreError> {
    Ok(Owed {
        id: row.get(0)?,
        event: row.get(1)?,
        webhook: webhook.clone(),
        class,
        due_at: row.get(2)?,
        number: row.get(3)?,
        earlier: row.get(4)?,
        shown_url: row.get(5)?,
        rendered: read_rendered(row, 6)?,
    })
}

fn read_events(tx: &mut Tx<'_>, ids: &BTreeSet<&EventId>) -> Result<Vec<Event>, StoreError> {
    if let (1, Some(id)) = (ids.len(), ids.first()) {
        return Ok(event(tx, id)?.into_iter().collect());
    }
    Sql::new(
        "SELECT id, project_id, project_key, branch_id, kind, task_id, analysis_id, payload, created_at
           FROM webhook_event WHERE id IN ",
    )
    .list(ids)
    .query(tx)?
    .iter()
    .map(read_event)
    .collect()
}
