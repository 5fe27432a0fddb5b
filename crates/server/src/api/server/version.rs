//! `api/server/version`: the level of the Web API, as plain text.

use crate::action::{Action, Answer, Run};

pub(crate) const ACTION: Action = Action::get(
    "api/server/version",
    "2.10",
    "The level of the Web API that this server speaks, in the form of SonarQube's versions, as plain text.",
    Run::Plain(|_| Ok(Answer::text(crate::API_LEVEL))),
)
.open();
