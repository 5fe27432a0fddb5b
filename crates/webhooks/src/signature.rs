//! The signatures of a call: HMAC-SHA256 over exactly the bytes that are sent, keyed with the webhook's secret.
//!
//! [`headers`] gives all of them. SonarQube's header is always single, because its receivers compare it as a whole; what a
//! receiver can ask for beside it stands in headers of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::header::HeaderName;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The header that carries the signature; it is absent when the webhook has no secret.
pub const SIGNATURE_HEADER: &str = "X-Sonar-Webhook-HMAC-SHA256";
/// The header that carries the signature by the secret before the current one, as long as both are valid; made as the
/// one in [`SIGNATURE_HEADER`].
pub const PREVIOUS_SIGNATURE_HEADER: &str = "X-Gatehook-Signature-Previous";

const SIGNATURE: HeaderName = HeaderName::from_static("x-sonar-webhook-hmac-sha256");
const PREVIOUS_SIGNATURE: HeaderName = HeaderName::from_static("x-gatehook-signature-previous");
const STANDARD_ID: HeaderName = HeaderName::from_static("webhook-id");
const STANDARD_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const STANDARD_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What secrets begin with that are given to Standard Webhooks libraries.
const STANDARD_PREFIX: &str = "whsec_";

/// Everything that the signatures of one attempt are made of.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The webhook's secret; without one there is no signature.
    pub secret: Option<&'a SecretString>,
    /// The secret before it, only while it is still valid. Ignored without a secret.
    pub previous: Option<&'a SecretString>,
    /// Whether the webhook asks for the headers of Standard Webhooks as well.
    pub standard: bool,
    /// The id of the delivery, the same on every attempt; it holds no `.`, as the specification demands.
    pub delivery: &'a str,
    /// The moment of the attempt, in seconds since 1970.
    pub unix_seconds: i64,
    /// The body, exactly as it is sent.
    pub body: &'a [u8],
}

/// The headers that an attempt is signed with:
///
/// - with a secret [`SIGNATURE_HEADER`], single;
/// - while the previous secret is valid [`PREVIOUS_SIGNATURE_HEADER`] as well;
/// - if they are asked for `webhook-id`, `webhook-timestamp` and `webhook-signature` (Standard Webhooks 1.0.0): there the
///   signatures by both secrets stand in one header, separated by a space, the current one first. Without a secret only
///   the first two are sent.
pub fn headers(signed: &Signed<'_>) -> Vec<(HeaderName, String)> {
    let secrets: Vec<&SecretString> = match signed.secret {
        Some(secret) => std::iter::once(secret).chain(signed.previous).collect(),
        None => Vec::new(),
    };
    let mut headers: Vec<(HeaderName, String)> = [SIGNATURE, PREVIOUS_SIGNATURE]
        .into_iter()
        .zip(&secrets)
        .map(|(name, secret)| (name, sign(secret, signed.body)))
        .collect();
    if signed.standard {
        let seconds = signed.unix_seconds.to_string();
        let signatures: Vec<String> = secrets
            .iter()
            .map(|secret| sign_standard(secret, signed.delivery, &seconds, signed.body))
            .collect();
        headers.push((STANDARD_ID, signed.delivery.to_owned()));
        headers.push((STANDARD_TIMESTAMP, seconds));
        if !signatures.is_empty() {
            headers.push((STANDARD_SIGNATURE, signatures.join(" ")));
        }
    }
    headers
}

/// The signature of `body`: 64 lower-case hexadecimal digits.
pub fn sign(secret: &SecretString, body: &[u8]) -> String {
    hex::encode(hmac(secret.expose_secret().as_bytes(), &[body]))
}

/// Whether `signature` is that of `body`. It takes as long for a wrong signature as for a right one, so that nobody
/// can feel their way to it.
pub fn verify(secret: &SecretString, body: &[u8], signature: &str) -> bool {
    sign(secret, body).as_bytes().ct_eq(signature.as_bytes()).into()
}

/// One signature of Standard Webhooks: `v1,` and the HMAC of `id.timestamp.body` in base64.
fn sign_standard(secret: &SecretString, id: &str, seconds: &str, body: &[u8]) -> String {
    let key = standard_key(secret);
    let parts = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
    format!("v1,{}", STANDARD.encode(hmac(key.expose_secret(), &parts)))
}

/// The key of Standard Webhooks: the secret in UTF-8. A secret that is itself written as that specification writes them,
/// `whsec_` and the key in base64, stands for that key, so that one and the same text can be given to both sides.
fn standard_key(secret: &SecretString) -> SecretSlice<u8> {
    let text = secret.expose_secret();
    let decoded = text
        .strip_prefix(STANDARD_PREFIX)
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .filter(|key| !key.is_empty());
    SecretSlice::from(decoded.unwrap_or_else(|| text.as_bytes().to_vec()))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(signed: &Signed<'_>) -> Vec<(String, String)> {
        let headers = headers(signed);
        headers
            .into_iter()
            .map(|(name, value)| (name.as_str().to_owned(), value))
            .collect()
    }

    fn call<'a>(secret: Option<&'a SecretString>, previous: Option<&'a SecretString>, standard: bool) -> Signed<'a> {
        Signed {
            secret,
            previous,
            standard,
            delivery: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            unix_seconds: 1_614_265_330,
            body: br#"{"test": 2432232314}"#,
        }
    }

    #[test]
    fn signatures_are_those_that_receivers_compute() {
        let first = sign(&"my_secret".into(), br#"{"payload": {}}"#);
        assert_eq!(
            first,
            "ef35d3420a3df3d05f8f7eb3b53384abc41395f164245d6c7e78a70e61703dde"
        );
        let body = concat!(
            r#"{"serverUrl":"http://foo","status":"SUCCESS","changedAt":"1970-01-01T00:25:00+0000","#,
            r#""project":{"key":"P1","name":"Project One","url":"http://foo/dashboard?id\u003dP1"},"properties":{}}"#
        );
        let second = sign(&"at_least_16_characters".into(), body.as_bytes());
        assert_eq!(
            second,
            "260ce5f458c692d34e794dc9c7989c46f53e30bb897a0735ff4ebdb08d556b14"
        );
    }

    #[test]
    fn only_the_signature_of_these_bytes_verifies() {
        let secret = SecretString::from("0123456789abcdef");
        let signature = sign(&secret, b"{}");
        assert!(verify(&secret, b"{}", &signature));
        for (body, claimed) in [(&b"{ }"[..], signature.as_str()), (b"{}", ""), (b"{}", &signature[1..])] {
            assert!(!verify(&secret, body, claimed));
        }
        assert!(!verify(&"another secret 16".into(), b"{}", &signature));
    }

    #[test]
    fn sonarqubes_header_is_single_while_two_secrets_are_valid() {
        let (new, old) = (
            SecretString::from("the new secret 16"),
            SecretString::from("the old secret 16"),
        );
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(told(&call(None, Some(&old), false)), []);
        assert_eq!(
            told(&call(Some(&new), None, false)),
            [("x-sonar-webhook-hmac-sha256".to_owned(), sign(&new, body))]
        );
        assert_eq!(
            told(&call(Some(&new), Some(&old), false)),
            [
                ("x-sonar-webhook-hmac-sha256".to_owned(), sign(&new, body)),
                ("x-gatehook-signature-previous".to_owned(), sign(&old, body)),
            ]
        );
    }

    /// The vector stands in the tests of the reference libraries: with the secret `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`.
    #[test]
    fn standard_webhooks_headers_are_those_of_the_reference_libraries() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let headers = told(&call(Some(&secret), None, true));
        let pairs: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            pairs[1..],
            [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ]
        );
        let unsigned = told(&call(None, None, true));
        let names: Vec<&str> = unsigned.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["webhook-id", "webhook-timestamp"]);
    }

    #[test]
    fn standard_webhooks_carry_both_signatures_in_one_header_the_current_one_first() {
        let (new, old) = (
            SecretString::from("the new secret 16"),
            SecretString::from("the old secret 16"),
        );
        let signature = |headers: Vec<(String, String)>| headers.into_iter().next_back().unwrap().1;
        let both = signature(told(&call(Some(&new), Some(&old), true)));
        let (current, previous) = both.split_once(' ').unwrap();
        assert_eq!(current, signature(told(&call(Some(&new), None, true))));
        assert_eq!(previous, signature(told(&call(Some(&old), None, true))));
    }

    #[test]
    fn a_secret_that_only_looks_like_a_standard_one_is_a_text() {
        let key = |text: &str| standard_key(&SecretString::from(text)).expose_secret().to_vec();
        assert_eq!(key("whsec_AAECAw=="), [0, 1, 2, 3]);
        assert_eq!(key("whsec_not base64!"), b"whsec_not base64!");
        assert_eq!(key("whsec_"), b"whsec_");
        assert_eq!(key("AAECAw=="), b"AAECAw==");
    }
}
