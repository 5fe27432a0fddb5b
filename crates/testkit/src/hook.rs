//! Webhooks without anything special.

use gatehook_domain::Ambient;
use gatehook_domain::id::ProjectId;
use gatehook_domain::webhook::{HookOptions, Webhook, WebhookUrl};

/// A new webhook of a project, or a global one, which asks for nothing: no secret, no filter, no format.
///
/// # Panics
///
/// When the URL is none.
#[expect(clippy::expect_used, reason = "a test whose URL is none is to fail at once")]
pub fn webhook(ambient: &Ambient, project: Option<&ProjectId>, name: &str, url: &str) -> Webhook {
    Webhook {
        id: ambient.new_id(),
        project: project.cloned(),
        name: name.to_owned(),
        url: WebhookUrl::parse(url).expect("the URL of a webhook"),
        secret: None,
        created_at: ambient.now(),
        updated_at: ambient.now(),
        paused: false,
        retries: None,
        failing_since: None,
        failures: 0,
        gone: false,
        options: HookOptions::default(),
    }
}
