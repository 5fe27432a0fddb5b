//! Where a webhook calls: the URL as it was written, its credentials, and how it is shown.

use std::fmt;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

/// The longest URL of a webhook, in characters.
pub const MAX_URL_LENGTH: usize = 512;

/// An absolute `http` or `https` URL. It may hold a user and a password, so it is never shown as it is.
#[derive(Clone)]
pub struct WebhookUrl {
    written: SecretString,
    parsed: url::Url,
}

/// A text that webhooks cannot call. The words are those that clients of the Web API look for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Url parameter with value '{0}' is not a valid url")]
pub struct BadWebhookUrl(String);

impl WebhookUrl {
    /// Takes a URL as it is written.
    pub fn parse(text: &str) -> Result<Self, BadWebhookUrl> {
        let refused = || BadWebhookUrl(masked(text));
        if !is_plain(text) {
            return Err(refused());
        }
        let parsed = url::Url::parse(text).map_err(|_| refused())?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none_or(str::is_empty) {
            return Err(refused());
        }
        Ok(Self {
            written: SecretString::from(text),
            parsed,
        })
    }

    /// The URL as it was written, credentials included: for the store, and for nothing that is shown.
    pub fn expose(&self) -> &str {
        self.written.expose_secret()
    }

    /// The URL as it is shown: each character of the user and of the password is a `*`.
    pub fn masked(&self) -> String {
        masked(self.expose())
    }

    /// The URL to call, without credentials and fragment.
    pub fn target(&self) -> url::Url {
        let mut target = self.parsed.clone();
        // Both setters only fail for URLs without a host, which `parse` refuses.
        let _ = target.set_username("");
        let _ = target.set_password(None);
        target.set_fragment(None);
        target
    }

    /// The user and the password for HTTP Basic authentication, percent-decoded; none without a user.
    pub fn credentials(&self) -> Option<(String, SecretString)> {
        if self.parsed.username().is_empty() {
            return None;
        }
        let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let password = decoded(self.parsed.password().unwrap_or(""));
        Some((decoded(self.parsed.username()), SecretString::from(password)))
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({})", self.masked())
    }
}

/// Whether a text is written so that everybody reads the same host and credentials in it. Parsers of URLs also take
/// `http:user:password@host`, `http:///user:password@host` and line breaks anywhere: there `masked` would not find the
/// credentials, and a line break would forge a line of the log.
fn is_plain(text: &str) -> bool {
    let authority = ["http://", "https://"].iter().find_map(|start| {
        let (scheme, rest) = text.split_at_checked(start.len())?;
        scheme.eq_ignore_ascii_case(start).then_some(rest)
    });
    authority.is_some_and(|rest| !rest.starts_with(['/', '\\'])) && !text.chars().any(char::is_control)
}

/// Replaces what stands between `//` and the last `@` of the authority, character by character; the colon stays.
pub fn masked(text: &str) -> String {
    let Some(scheme_end) = text.find("://").map(|at| at + 3) else {
        return text.to_owned();
    };
    let rest = &text[scheme_end..];
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    let Some(at) = authority.rfind('@') else {
        return text.to_owned();
    };
    let mut shown = String::with_capacity(text.len());
    shown.push_str(&text[..scheme_end]);
    let mut user_ended = false;
    for letter in authority[..at].chars() {
        if letter == ':' && !user_ended {
            user_ended = true;
            shown.push(':');
        } else {
            shown.push('*');
        }
    }
    shown.push_str(&rest[at..]);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_masked_at_their_written_length() {
        let shown = |text| WebhookUrl::parse(text).unwrap().masked();
        assert_eq!(shown("http://foo:barouf@toto/bop"), "http://***:******@toto/bop");
        assert_eq!(shown("http://us@foo"), "http://**@foo");
        assert_eq!(shown("https://foo/?a=b@c"), "https://foo/?a=b@c");
        let url = WebhookUrl::parse("http://u:hunter2@foo/").unwrap();
        assert!(!format!("{url:?}").contains("hunter2"));
    }

    #[test]
    fn credentials_are_decoded_for_the_header_and_kept_out_of_the_request() {
        let url = WebhookUrl::parse("https://my%40login:p%3Ass@host/hook#x").unwrap();
        let (user, password) = url.credentials().unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("my@login", "p:ss"));
        assert_eq!(url.target().as_str(), "https://host/hook");
    }

    #[test]
    fn urls_in_which_the_credentials_would_not_be_found_are_refused() {
        for odd in [
            "http:me:hunter2@host/",
            "http:/me:hunter2@host/",
            "http:///me:hunter2@host/",
            "http://\\me:hunter2@host/",
            "http://\t/me:hunter2@host/",
            "http:me:hunter2@host/a://b@c",
            "http://host/\nSent webhook",
        ] {
            assert!(WebhookUrl::parse(odd).is_err(), "{odd:?}");
        }
        assert_eq!(
            WebhookUrl::parse("HTTPS://me:hunter2@host").unwrap().masked(),
            "HTTPS://**:*******@host"
        );
    }

    #[test]
    fn only_http_urls_with_a_host_are_taken() {
        for bad in [
            "ftp://host/",
            "not a url",
            "http://",
            "javascript:alert(1)",
            "/relative",
        ] {
            assert!(WebhookUrl::parse(bad).is_err(), "{bad}");
        }
        let error = WebhookUrl::parse("ftp://u:hunter2@host/").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
