//! `api/webhooks/delete`.

use std::sync::Arc;

use gatehook_store::webhook;

use crate::action::{Action, Answer, Call, Run};
use crate::api::webhooks::changeable;
use crate::error::ApiError;
use crate::params::Param;

pub(crate) const ACTION: Action = Action::post(
    "api/webhooks/delete",
    "7.1",
    "Deletes a webhook and the records of its calls. Calls that are still owed are not made; the log says how many.",
    Run::Steps(|call| Box::pin(run(call))),
)
.permission("Administer on the project, or Administer System for a global one")
.logged_in()
.params(&[Param::text("webhook", "The webhook's key").required().max_length(40)]);

async fn run(call: Arc<Call>) -> Result<Answer, ApiError> {
    let store = call.state.store.clone();
    let asking = Arc::clone(&call);
    let (id, owed) = store
        .write(move |tx| {
            let kept = changeable(tx, &asking.caller, asking.params.required("webhook")?)?;
            let owed = webhook::delete(tx, &kept.id)?;
            Ok::<_, ApiError>((kept.id, owed))
        })
        .await?;
    // Said after the commit: until then it can still come to nothing.
    tracing::info!(webhook = %id, owed, "a webhook was deleted; what it was owed is not sent");
    Ok(Answer::nothing())
}
