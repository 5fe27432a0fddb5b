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

/// A URL whose credentials are asterisks that stand for none that are known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The user and the password in the URL are masked; write them again when the host changes")]
pub struct StillMasked;

impl WebhookUrl {
    /// Takes a URL as it is written.
    pub fn parse(text: &str) -> Result<Self, BadWebhookUrl> {
        let refused = || BadWebhookUrl(quoted(text));
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

    /// The URL that a form meant which was filled with the masked form of `kept`: with the credentials of `kept` in the
    /// place of the asterisks. They go nowhere else: another scheme, host or port is refused. A URL without asterisks in the
    /// place of credentials is as it is.
    pub fn unmasked(&self, kept: &Self) -> Result<Self, StillMasked> {
        let Some((start, given)) = user_info(self.expose()) else {
            return Ok(self.clone());
        };
        if !given.contains('*') || !given.chars().all(|letter| matches!(letter, '*' | ':')) {
            return Ok(self.clone());
        }
        let (_, known) = user_info(kept.expose()).ok_or(StillMasked)?;
        let masked_known = masked(kept.expose());
        if user_info(&masked_known).map(|(_, mask)| mask) != Some(given) || self.parsed.origin() != kept.parsed.origin()
        {
            return Err(StillMasked);
        }
        let text = self.expose();
        let (before, after) = (&text[..start], &text[start + given.len()..]);
        Self::parse(&format!("{before}{known}{after}")).map_err(|_| StillMasked)
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

/// A text that is refused, as it is quoted: where credentials begin and end in it cannot be told, so all up to the last `@` may
/// belong to them, but for the scheme.
fn quoted(text: &str) -> String {
    let Some(end) = text.rfind('@') else {
        return text.to_owned();
    };
    let scheme = text[..end].find(':').filter(|colon| {
        let (word, rest) = (&text[..*colon], &text[colon + 1..]);
        rest.starts_with(['/', '\\']) || ["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(word))
    });
    let info = text[scheme.map_or(0, |colon| colon + 1)..end]
        .trim_start_matches(|letter: char| matches!(letter, '/' | '\\') || letter.is_control());
    let start = end - info.len();
    format!("{}{}{}", &text[..start], asterisks(info), &text[end..])
}

/// What stands between `//` and the last `@` of the authority, and where.
fn user_info(text: &str) -> Option<(usize, &str)> {
    let start = text.find("://")? + 3;
    let rest = &text[start..];
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    authority.rfind('@').map(|at| (start, &authority[..at]))
}

/// Replaces what stands between `//` and the last `@` of the authority, character by character; the colon stays.
pub fn masked(text: &str) -> String {
    let Some((start, info)) = user_info(text) else {
        return text.to_owned();
    };
    let end = start + info.len();
    format!("{}{}{}", &text[..start], asterisks(info), &text[end..])
}

/// One for each character; the first colon stays.
fn asterisks(info: &str) -> String {
    let mut user_ended = false;
    let shown = info.chars().map(|letter| {
        let is_first_colon = letter == ':' && !user_ended;
        user_ended |= is_first_colon;
        if is_first_colon { ':' } else { '*' }
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn credentials_are_masked_at_their_written_length() {
        let shown = |text| WebhookUrl::parse(text).unwrap().masked();
        assert_eq!(shown("http://foo:barouf@toto/bop"), "http://***:******@toto/bop");
        assert_eq!(shown("http://us@foo"), "http://**@foo");
        assert_eq!(shown("http://us:@foo"), "http://**:@foo");
        assert_eq!(shown("https://foo/?a=b@c"), "https://foo/?a=b@c");
        // Percent-encoded, a character counts as it is written.
        assert_eq!(shown("https://a%40b:%C3%BC@foo/"), "https://*****:******@foo/");
        assert_eq!(shown("https://ü:ö:@@foo/"), "https://*:***@foo/");
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

    #[rstest]
    #[case("https://user:@host/", Some(("user", "")))]
    #[case("https://user@host/", Some(("user", "")))]
    #[case("https://@host/", None)]
    #[case("https://:@host/", None)]
    #[case("https://:password@host/", None)]
    #[case("https://jürgen:größe@host/", Some(("jürgen", "größe")))]
    #[case("https://j%C3%BCrgen:gr%c3%b6%C3%9fe@host/", Some(("jürgen", "größe")))]
    #[case("https://a%3Ab:c%2Fd%40e%25f@host/", Some(("a:b", "c/d@e%f")))]
    #[case("https://a:b:c@host/", Some(("a", "b:c")))]
    #[case("https://a+b:c+d@host/", Some(("a+b", "c+d")))]
    #[case("https://100%:a%zz@host/", Some(("100%", "a%zz")))]
    fn a_user_makes_credentials_and_a_password_alone_does_not(
        #[case] text: &str,
        #[case] expected: Option<(&str, &str)>,
    ) {
        let url = WebhookUrl::parse(text).unwrap();
        let found = url.credentials();
        let found = found
            .as_ref()
            .map(|(user, password)| (user.as_str(), password.expose_secret()));
        assert_eq!(found, expected);
        assert_eq!(url.target().as_str(), "https://host/");
    }

    #[test]
    fn a_masked_url_that_comes_back_keeps_its_credentials_on_its_own_host_only() {
        let url = |text: &str| WebhookUrl::parse(text).unwrap();
        let kept = url("https://me:hunter2@host/hook");
        let meant = |text: &str| url(text).unmasked(&kept).map(|meant| meant.expose().to_owned());
        assert_eq!(meant(&kept.masked()), Ok(kept.expose().to_owned()));
        assert_eq!(
            meant("https://**:*******@host/other?a=b@c"),
            Ok("https://me:hunter2@host/other?a=b@c".to_owned())
        );
        assert_eq!(meant("https://you:new@else/"), Ok("https://you:new@else/".to_owned()));
        assert_eq!(meant("https://host/"), Ok("https://host/".to_owned()));
        for stolen in [
            "https://**:*******@evil/hook",
            "https://**:*******@host:444/hook",
            "http://**:*******@host/hook",
            "https://**:***@host/hook",
            "https://***@host/hook",
        ] {
            assert_eq!(meant(stolen), Err(StillMasked), "{stolen}");
        }
        assert!(url("https://**@host/").unmasked(&url("https://host/")).is_err());
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
            let quoted = WebhookUrl::parse(odd).unwrap_err().to_string();
            assert!(!quoted.contains("hunter2"), "{odd:?}: {quoted}");
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
        for (bad, shown) in [
            ("ftp://u:p@host/", "ftp://*:*@host/"),
            ("http:u:p@host/", "http:*:*@host/"),
            ("http://u:a/b@host/", "http://*:***@host/"),
            ("http://u:a#b@c@/", "http://*:*****@/"),
            ("u:p@host/", "*:*@host/"),
            ("p@host", "*@host"),
        ] {
            let text = format!("Url parameter with value '{shown}' is not a valid url");
            assert_eq!(WebhookUrl::parse(bad).unwrap_err().to_string(), text);
        }
    }
}
