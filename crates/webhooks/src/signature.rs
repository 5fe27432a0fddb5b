//! The signature of a call: HMAC-SHA256 over exactly the bytes that are sent, keyed with the webhook's secret.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The header that carries the signature; it is absent when the webhook has no secret.
pub const SIGNATURE_HEADER: &str = "X-Sonar-Webhook-HMAC-SHA256";

/// The signature of `body`: 64 lower-case hexadecimal digits.
pub fn sign(secret: &SecretString, body: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("a key of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// Whether `signature` is that of `body`. It takes as long for a wrong signature as for a right one, so that nobody
/// can feel their way to it.
pub fn verify(secret: &SecretString, body: &[u8], signature: &str) -> bool {
    sign(secret, body).as_bytes().ct_eq(signature.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
