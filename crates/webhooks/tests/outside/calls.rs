//! Calls as the sender makes them, to the stand-ins and to programs that check signatures.

use std::sync::Arc;

use bytes::Bytes;
use gatehook_domain::ambient::{ManualClock, SeededEntropy};
use gatehook_domain::id::DeliveryId;
use gatehook_domain::key::ProjectKey;
use gatehook_domain::webhook::options::PreviousSecret;
use gatehook_domain::webhook::{EventKind, Format, FormatKind, HookOptions, Webhook};
use gatehook_domain::{Ambient, Timestamp};
use gatehook_testkit::hook;
use gatehook_webhooks::format::render;
use gatehook_webhooks::guard::Guard;
use gatehook_webhooks::sender::{Call, Sender, SenderConfig};
use rstest::rstest;
use secrecy::SecretString;

use crate::events::{Names, events, hostile};
use crate::formats::case;
use crate::service::Taken;
use crate::stand_in::{Called, StandIn};
use crate::verifiers::{example, is_standard, now, runs};

/// A sender whose clock stands at the moment of the test: the reference library refuses calls of other times.
fn sender() -> (Sender, Timestamp) {
    let at = Timestamp::from_millis(now() * 1000);
    let ambient = Ambient::new(Arc::new(ManualClock::new(at)), Arc::new(SeededEntropy::new(1)));
    let config = SenderConfig::new("1.2.3", Guard::system(&ambient));
    (Sender::new(config, ambient).unwrap(), at)
}

fn call(url: &str, secret: Option<SecretString>, options: HookOptions, event: EventKind, payload: &[u8]) -> Call {
    let ambient = Ambient::new(
        Arc::new(ManualClock::new(Timestamp::from_millis(0))),
        Arc::new(SeededEntropy::new(1)),
    );
    let rendered = render(&options.format, event, payload).unwrap();
    Call {
        webhook: Arc::new(Webhook {
            secret,
            options,
            ..hook::webhook(&ambient, None, "hook", url)
        }),
        project_key: ProjectKey::parse("org:shop").ok(),
        kind: event,
        delivery: DeliveryId::parse("019a3f0e-5f8b-7c1d-9a55-4f1f6f1d2c3b").unwrap(),
        number: 1,
        body: Bytes::from(rendered.body),
        path: rendered.path,
    }
}

#[rstest]
#[case::slack(FormatKind::Slack)]
#[case::teams(FormatKind::MicrosoftTeams)]
#[case::discord(FormatKind::Discord)]
#[case::mattermost(FormatKind::Mattermost)]
#[case::github(FormatKind::GitHubStatus)]
#[case::gitlab(FormatKind::GitLabStatus)]
#[case::template(FormatKind::Template)]
#[tokio::test]
async fn each_service_takes_the_calls_of_a_webhook_of_its_format(#[case] kind: FormatKind) {
    let case = case(kind);
    let mut service = StandIn::start(case.service).await;
    let url = format!("http://{}{}", service.address, case.path);
    let (sender, _) = sender();
    for (event, payload) in events(&hostile()[1], 3) {
        let options = HookOptions {
            format: case.format.clone(),
            ..HookOptions::default()
        };
        let call = call(&url, None, options, event, payload.to_string().as_bytes());
        let attempt = sender.send(&call, false).await;
        let taken = service
            .took()
            .await
            .1
            .unwrap_or_else(|refused| panic!("{event}: {refused}"));
        assert_eq!(attempt.http_status, Some(taken.status));
    }
}

/// A receiver that takes everything.
#[expect(clippy::unnecessary_wraps, reason = "services may refuse")]
fn anybody(_: &Called) -> Result<Taken, String> {
    Ok(Taken {
        status: 204,
        seen: Vec::new(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_is_verified_by_independent_programs_with_either_secret() {
    let mut receiver = StandIn::start(anybody).await;
    let (sender, at) = sender();
    let [new, old] = ["the new secret 16", "das alte Geheimnis ü"];
    for format in [Format::default(), case(FormatKind::Slack).format] {
        let options = HookOptions {
            format,
            standard_webhooks: true,
            previous_secret: Some(PreviousSecret {
                secret: SecretString::from(old),
                valid_until: Timestamp::from_millis(at.as_millis() + 1),
            }),
            ..HookOptions::default()
        };
        let (event, payload) = events(&Names::all("Grün \"<&>\""), 3).remove(0);
        let url = format!("http://{}/hook", receiver.address);
        let call = call(&url, Some(new.into()), options, event, payload.to_string().as_bytes());
        assert_eq!(sender.send(&call, false).await.http_status, Some(204));
        let called = receiver.took().await.0;
        let headers: Vec<(String, String)> = called.headers.clone().into_iter().collect();
        for (secret, other, header) in [
            (new, old, "x-sonar-webhook-hmac-sha256"),
            (old, new, "x-gatehook-signature-previous"),
        ] {
            let signature = called.header(header).unwrap();
            for program in ["verify.sh", "verify.py"] {
                assert_eq!(runs(example(program).arg(signature), secret, &called.body), Some(true));
                assert_eq!(runs(example(program).arg(signature), other, &called.body), Some(false));
            }
            assert!(is_standard(secret, &headers, &called.body));
        }
        assert!(!is_standard("another secret 16", &headers, &called.body));
    }
}
