//! The tasks that make calls. Each makes one after the other and waits for its next one in between, so that a call costs no
//! task of its own.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;

use gatehook_domain::Ambient;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};

use crate::deliver::{Due, Landed, deliver};
use crate::lanes::CALLS;
use crate::sender::Sender;

/// How many tasks without a call are kept for the next ones.
const SPARE: usize = 64;

/// A call that ended.
pub(crate) struct Ended<N> {
    pub(crate) due: Arc<Due>,
    pub(crate) thread: N,
    pub(crate) landed: Landed,
}

/// The callers, of which there are as many as there were calls at once, and at most [`SPARE`] more than there are now.
pub(crate) struct Callers<N> {
    sender: Sender,
    ambient: Ambient,
    tasks: JoinSet<()>,
    /// By their places.
    hired: Vec<Option<Caller<N>>>,
    places: HashMap<Id, usize>,
    /// The places of those without a call, and those without a caller.
    idle: Vec<usize>,
    vacant: Vec<usize>,
    flying: usize,
    landed: mpsc::Receiver<(usize, Landed)>,
    tells: mpsc::Sender<(usize, Landed)>,
}

struct Caller<N> {
    /// Takes one at a time.
    next: mpsc::Sender<Arc<Due>>,
    /// The call that is made.
    call: Option<(Arc<Due>, N)>,
}

impl<N> Callers<N> {
    pub(crate) fn new(sender: Sender, ambient: Ambient) -> Self {
        // Each caller tells of one call before it gets another, so there is always room.
        let (tells, landed) = mpsc::channel(CALLS);
        Self {
            sender,
            ambient,
            tasks: JoinSet::new(),
            hired: Vec::new(),
            places: HashMap::new(),
            idle: Vec::new(),
            vacant: Vec::new(),
            flying: 0,
            landed,
            tells,
        }
    }

    pub(crate) fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Whether no call is being made.
    pub(crate) fn is_empty(&self) -> bool {
        self.flying == 0
    }

    /// Begins a call.
    pub(crate) fn begin(&mut self, due: Arc<Due>, thread: N) {
        self.flying += 1;
        let place = self.idle.pop().unwrap_or_else(|| self.hire());
        if let Some(caller) = &mut self.hired[place] {
            caller.call = Some((Arc::clone(&due), thread));
            // It waits for this one, or has ended badly, which is about to be noticed.
            let _ = caller.next.try_send(due);
        }
    }

    /// Waits for the next call that ends; for ever while none is made.
    pub(crate) async fn next(&mut self) -> Ended<N> {
        loop {
            tokio::select! {
                biased;
                Some((place, landed)) = self.landed.recv() => {
                    if let Some(ended) = self.has_landed(place, landed) {
                        return ended;
                    }
                }
                Some(gone) = self.tasks.join_next_with_id() => {
                    if let Some(ended) = self.is_gone(&gone) {
                        return ended;
                    }
                }
            }
        }
    }

    /// A call that has ended already.
    pub(crate) fn try_next(&mut self) -> Option<Ended<N>> {
        while let Ok((place, landed)) = self.landed.try_recv() {
            let ended = self.has_landed(place, landed);
            if ended.is_some() {
                return ended;
            }
        }
        None
    }

    /// Breaks off what is being called.
    pub(crate) async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
    }

    fn hire(&mut self) -> usize {
        let place = self.vacant.pop().unwrap_or(self.hired.len());
        let (next, calls) = mpsc::channel(1);
        let calling = call(
            self.sender.clone(),
            self.ambient.clone(),
            place,
            calls,
            self.tells.clone(),
        );
        let task = self.tasks.spawn(calling);
        self.places.insert(task.id(), place);
        let caller = Some(Caller { next, call: None });
        match self.hired.get_mut(place) {
            Some(vacant) => *vacant = caller,
            None => self.hired.push(caller),
        }
        place
    }

    fn has_landed(&mut self, place: usize, landed: Landed) -> Option<Ended<N>> {
        let caller = self.hired.get_mut(place)?;
        let (due, thread) = caller.as_mut()?.call.take()?;
        self.flying -= 1;
        if self.idle.len() < SPARE {
            self.idle.push(place);
        } else {
            // It ends when it finds that there are no more calls.
            *caller = None;
        }
        Some(Ended { due, thread, landed })
    }

    /// A caller ended: it was sent away, or its call ended badly.
    fn is_gone(&mut self, gone: &Result<(Id, ()), JoinError>) -> Option<Ended<N>> {
        let id = match gone {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let place = self.places.remove(&id)?;
        self.vacant.push(place);
        let (due, thread) = self.hired.get_mut(place)?.take()?.call?;
        self.flying -= 1;
        if let Err(error) = gone {
            tracing::error!(error = error as &dyn StdError, "a webhook call ended badly");
        }
        let landed = due.crashed(&self.ambient);
        Some(Ended { due, thread, landed })
    }
}

/// Makes calls until there are no more.
async fn call(
    sender: Sender,
    ambient: Ambient,
    place: usize,
    mut calls: mpsc::Receiver<Arc<Due>>,
    tells: mpsc::Sender<(usize, Landed)>,
) {
    while let Some(due) = calls.recv().await {
        let landed = deliver(&sender, &ambient, due).await;
        if tells.send((place, landed)).await.is_err() {
            return;
        }
    }
}
