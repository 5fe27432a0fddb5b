//! Secrets of tests, and the search for them in everything that a server says.
//!
//! Every password, token, webhook's secret and URL credential of a test has [`MARK`] in it, or is one that the server itself
//! made and that was [remembered](remember). The helpers that send requests refuse others. So whichever of them gets into a log
//! or an answer is found, in clear, percent-encoded or in the base64 of Basic authentication, by whichever test used it.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use reqwest::header::{AUTHORIZATION, HeaderMap};

/// What every secret of a test has in it.
pub const MARK: &str = "hunter2";
/// The action whose answer is meant to show a token, this once.
const GENERATE: &str = "/api/user_tokens/generate";
/// The parameters that hold secrets.
const SECRET: [&str; 4] = ["secret", "password", "token", "formatToken"];
/// A secret shorter than this would be found where it is not meant.
const SHORTEST: usize = 12;

/// What to look for: the mark and what servers handed out, in all forms.
static NEEDLES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
/// Lines of a log that told a secret.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Has a secret looked for that a server made itself.
///
/// # Panics
///
/// When it is too short to be told from other text.
pub fn remember(secret: &str) {
    assert!(secret.len() >= SHORTEST, "a secret of {} characters", secret.len());
    needles(|needles| needles.extend(forms(secret)));
}

/// Refuses a request with a credential that would not be found.
///
/// # Panics
///
/// When there is one.
pub fn asked(request: &reqwest::Request) {
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let given = request.url().query_pairs().chain(url::form_urlencoded::parse(body));
    for (name, value) in given {
        let is_secret = SECRET.contains(&name.as_ref()) || (name == "url" && has_user(&value));
        assert!(
            !is_secret || value.trim().is_empty() || first(&value).is_some(),
            "the parameter '{name}' is '{value}', which is looked for nowhere; put '{MARK}' into it"
        );
    }
    let Some(shown) = request.headers().get(AUTHORIZATION) else {
        return;
    };
    let shown = shown.to_str().unwrap_or_default();
    assert!(
        first(shown).is_some(),
        "the request shows '{shown}', which is looked for nowhere; put '{MARK}' into it"
    );
}

/// Searches an answer of a server. The one that hands out a token is remembered instead.
///
/// # Panics
///
/// When a secret is in it.
pub fn answered(path: &str, headers: &HeaderMap, body: &str) {
    if path == GENERATE
        && let Ok(made) = serde_json::from_str::<serde_json::Value>(body)
        && let Some(token) = made["token"].as_str()
    {
        remember(token);
        return;
    }
    search(&format!("the answer of {path}"), body);
    for (name, value) in headers {
        search(
            &format!("the header '{name}' of {path}"),
            &String::from_utf8_lossy(value.as_bytes()),
        );
    }
}

/// Searches a text, such as a log.
///
/// # Panics
///
/// When a secret is in it.
pub fn search(what: &str, text: &str) {
    let line = first(text);
    assert!(line.is_none(), "{what} tells a secret: {}", line.unwrap_or_default());
}

/// What a log of this process is written to: it keeps nothing but the lines that tell a secret.
#[derive(Debug, Clone, Copy)]
pub struct Watch;

impl Watch {
    /// Fails the test when a line told a secret, in this test or in one that runs beside it; once for each line.
    ///
    /// # Panics
    ///
    /// When one did.
    pub fn check() {
        let told = std::mem::take(&mut *TOLD.lock().unwrap_or_else(PoisonError::into_inner));
        assert!(told.is_empty(), "the log tells a secret: {}", told.join("\n"));
    }
}

impl io::Write for Watch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(line) = first(&String::from_utf8_lossy(bytes)) {
            TOLD.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line.to_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn has_user(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // What a masked URL shows is nobody's credential.
        authority
            .rsplit_once('@')
            .is_some_and(|(info, _)| !info.chars().all(|letter| matches!(letter, '*' | ':')))
    })
}

/// The first line that has a secret in it.
fn first(text: &str) -> Option<&str> {
    needles(|needles| {
        text.lines()
            .find(|line| needles.iter().any(|needle| line.contains(needle)))
    })
}

fn needles<T>(work: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
    let mut needles = NEEDLES.lock().unwrap_or_else(PoisonError::into_inner);
    if needles.is_empty() {
        needles.extend(forms(MARK));
    }
    work(&mut needles)
}

/// A text as it is, and as it stands in the base64 of something longer, wherever it begins there.
fn forms(text: &str) -> impl Iterator<Item = String> + '_ {
    let encoded = (0..3).map(move |lead| {
        let bytes = [&[0; 2][..lead], text.as_bytes()].concat();
        // Characters that also depend on what stands before or behind are no part of it.
        let whole = bytes.len() * 8 / 6;
        STANDARD_NO_PAD.encode(&bytes)[(lead * 8).div_ceil(6)..whole].to_owned()
    });
    encoded.chain([text.to_owned()])
}

/// A key for sealing secrets that has the mark in it when it is decoded.
pub fn sealing_key() -> String {
    STANDARD.encode(format!("{MARK}-{}", "0123456789abcdef01234567"))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_stands() {
        for user in ["", "a", "ab", "abc"] {
            let shown = STANDARD.encode(format!("{user}:x{MARK}y"));
            assert_eq!(
                first(&format!("one\nBasic {shown}\ntwo")),
                Some(&*format!("Basic {shown}"))
            );
        }
        assert_eq!(
            first("https://u:a%20hunter2@host/"),
            Some("https://u:a%20hunter2@host/")
        );
        assert_eq!(first("https://*:*******@host/"), None);
        assert_eq!(first("a token of this test: squ_5ffab1"), None);
        remember("squ_5ffab1c0ffee");
        assert!(first("a token: squ_5ffab1c0ffee").is_some());
        assert!(first(&STANDARD.encode("squ_5ffab1c0ffee:")).is_some());
    }

    #[test]
    fn a_user_in_a_url_is_told_from_other_signs() {
        for (url, expected) in [
            ("http://u:p@host/", true),
            ("https://u@host", true),
            ("https://host/?a=b@c", false),
            ("https://*:**@host/", false),
            ("https://host/", false),
            ("bad", false),
        ] {
            assert_eq!(has_user(url), expected, "{url}");
        }
    }

    /// What the search says of a request.
    fn refused(request: reqwest::RequestBuilder) -> bool {
        let request = request.build().unwrap();
        catch_unwind(AssertUnwindSafe(|| asked(&request))).is_err()
    }

    #[test]
    fn a_request_with_a_credential_that_would_not_be_found_is_refused() {
        let post = || reqwest::Client::new().post("http://host/");
        for unmarked in [
            post().query(&[("secret", "0123456789abcdef")]),
            post().query(&[("url", "http://me:pass@host/")]),
            post().body("name=n&formatToken=ghp_012345"),
            post().basic_auth("admin", Some("admin")),
            post().bearer_auth("squ_0123456789abcdef"),
        ] {
            assert!(refused(unmarked));
        }
        for fine in [
            post().query(&[("secret", ""), ("url", "http://host/"), ("name", "n")]),
            post().body("secret=hunter2-0123456&url=http%3A%2F%2Fme%3Ahunter2%40host%2F"),
            post().basic_auth("admin", Some("hunter2 battery")),
            post().bearer_auth("squ_hunter2"),
        ] {
            assert!(!refused(fine));
        }
    }

    #[test]
    fn an_answer_that_tells_a_secret_is_found_and_a_token_that_was_made_is_remembered() {
        let tells = |path: &str, header: &'static str, body: &str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, header.parse().unwrap())]);
            catch_unwind(|| answered(path, &headers, body)).is_err()
        };
        assert!(tells("/api/webhooks/list", "", r#"{"secret":"hunter2"}"#));
        assert!(tells("/api/webhooks/list", "Bearer hunter2", "{}"));
        assert!(!tells("/api/webhooks/list", "", "{}"));
        let made = r#"{"token":"sqa_decaf00decaf"}"#;
        assert!(!tells(GENERATE, "", made));
        assert!(tells("/api/user_tokens/search", "", made));
    }

    #[test]
    fn the_key_is_one() {
        assert_eq!(STANDARD.decode(sealing_key()).map(|key| key.len()), Ok(32));
        assert!(first(&sealing_key()).is_some());
    }
}
