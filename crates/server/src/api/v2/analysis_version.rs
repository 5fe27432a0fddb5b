//! `api/v2/analysis/version`: what newer scanners ask instead of `api/server/version`.

use crate::action::{Action, Answer, Run};

pub(crate) const ACTION: Action = Action::get(
    "api/v2/analysis/version",
    "10.3",
    "The level of the Web API that this server speaks, in the form of SonarQube's versions, as plain text.",
    Run::Plain(|_| Ok(Answer::text(crate::API_LEVEL))),
)
.open();
