//! A closure on its way through a queue to the thread that runs it, and its answer on the way back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::tx::{Trouble, Tx};

/// A closure with its types hidden.
pub(crate) trait Job: Send {
    /// Runs the closure and keeps what it returned.
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran;
    /// Answers with what the closure returned when it was run last.
    fn answer(self: Box<Self>);
    /// Answers with an error instead.
    fn fail(self: Box<Self>, error: StoreError);
}

/// Answers jobs with the same error, each with its own.
pub(crate) fn fail_all(jobs: impl IntoIterator<Item = Box<dyn Job>>, error: impl Fn() -> StoreError) {
    for job in jobs {
        job.fail(error());
    }
}

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// Well: its work is to be committed.
    Well,
    /// It returned an error or panicked: its work is to be undone, and `answer` tells the caller.
    Badly(Trouble),
}

pub(crate) struct Work<T, E, F> {
    closure: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Work<T, E, F> {
    /// A job and where its answer comes.
    pub(crate) fn new(closure: F) -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (reply, answer) = oneshot::channel();
        (
            Self {
                closure,
                outcome: None,
                reply,
            },
            answer,
        )
    }
}

impl<T, E, F> Job for Work<T, E, F>
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran {
        // What a panic leaves half done is in the transaction, which is rolled back then.
        let returned = catch_unwind(AssertUnwindSafe(|| (self.closure)(tx)));
        let (outcome, ran) = match (returned, tx.trouble()) {
            (Ok(Ok(value)), None) => (Ok(value), Ran::Well),
            (Ok(Ok(_)), Some(trouble)) => (Err(StoreError::Aborted.into()), Ran::Badly(trouble)),
            (Ok(Err(error)), trouble) => (Err(error), Ran::Badly(trouble.unwrap_or(Trouble::Failed))),
            (Err(panic), _) => (
                Err(StoreError::Panicked {
                    message: message(&*panic),
                }
                .into()),
                Ran::Badly(Trouble::Failed),
            ),
        };
        self.outcome = Some(outcome);
        ran
    }

    fn answer(self: Box<Self>) {
        let outcome = self.outcome.unwrap_or_else(|| Err(StoreError::Closed.into()));
        // The caller may have gone away; what was committed stays.
        let _ = self.reply.send(outcome);
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send(Err(error.into()));
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
