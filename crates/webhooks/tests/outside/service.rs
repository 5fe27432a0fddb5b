//! The services, each as its documentation describes it: what it takes, what it refuses, how it answers.

mod discord;
mod github;
mod gitlab;
pub(crate) mod hub;
mod mattermost;
mod slack;
mod teams;

pub(crate) use discord::discord;
pub(crate) use github::github;
pub(crate) use gitlab::gitlab;
pub(crate) use hub::hub;
pub(crate) use mattermost::mattermost;
pub(crate) use slack::slack;
pub(crate) use teams::teams;

use crate::schema::Refused;
use crate::stand_in::Called;

/// Looks at a call, and answers with a status of success and what people see, or with a refusal.
pub(crate) type Service = fn(&Called) -> Result<Taken, Refused>;

/// A call that was taken.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The status of the answer.
    pub(crate) status: u16,
    /// The texts as people see them.
    pub(crate) seen: Vec<String>,
}

fn posted(call: &Called, path: &str) -> Result<(), Refused> {
    if call.method != "POST" || call.path != path {
        return Err(format!("{} {}", call.method, call.path));
    }
    is_json(call)
}

fn is_json(call: &Called) -> Result<(), Refused> {
    match call.header("content-type") {
        Some("application/json" | "application/json; charset=utf-8") => Ok(()),
        other => Err(format!("content type {other:?}")),
    }
}
