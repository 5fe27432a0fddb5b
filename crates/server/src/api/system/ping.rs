//! `api/system/ping`: answers `pong`.

use crate::action::{Action, Answer, Run};

pub(crate) const ACTION: Action = Action::get(
    "api/system/ping",
    "6.3",
    "Answers \"pong\" as plain text.",
    Run::Plain(|_| Ok(Answer::text("pong"))),
);
