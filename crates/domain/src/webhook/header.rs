//! Headers that people add to the calls of a webhook; their values are secret.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::webhook::WebhookUrl;

/// The most headers a webhook adds.
pub const MAX_HEADERS: usize = 10;
/// The longest name, in characters.
pub const MAX_NAME_LENGTH: usize = 100;
/// The longest value, in characters.
pub const MAX_VALUE_LENGTH: usize = 2_000;

/// Names that say how the request itself is carried (RFC 9110 section 7.6.1, RFC 9112), and those that Gatehook sets.
const TAKEN: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-sonar-webhook-hmac-sha256",
    "x-sonarqube-project",
];
/// What the names of Gatehook's own headers begin with.
const OWN: &str = "x-gatehook-";
/// The header that the user of a URL becomes.
const AUTHORIZATION: &str = "authorization";

/// A header that is added to calls: a name of RFC 9110's characters, and a value of visible ASCII with single characters
/// of white space inside.
#[derive(Clone)]
pub struct CustomHeader {
    name: Box<str>,
    value: SecretString,
}

/// Why headers are refused. Never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// Not a header's name.
    #[error("'{0}' is not a name of a header: letters, digits and !#$%&'*+-.^_`|~, at most {MAX_NAME_LENGTH}")]
    Name(String),
    /// A header that is not people's to set.
    #[error("The header '{0}' is set by the server and cannot be added")]
    Taken(String),
    /// Not a header's value.
    #[error("The value of the header '{0}' must have 1 to {MAX_VALUE_LENGTH} characters of visible ASCII")]
    Value(String),
    /// Two of one name.
    #[error("The header '{0}' is given twice")]
    Twice(String),
    /// Too many.
    #[error("A webhook adds at most {MAX_HEADERS} headers")]
    TooMany,
    /// The URL's user would become the same header.
    #[error("The header 'Authorization' cannot be added while the URL has a user: that becomes this header")]
    Authorized,
}

impl CustomHeader {
    /// Takes a header as it is written.
    pub fn parse(name: &str, value: &str) -> Result<Self, BadHeader> {
        let is_token = |byte: u8| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
        };
        if name.is_empty() || name.len() > MAX_NAME_LENGTH || !name.bytes().all(is_token) {
            return Err(BadHeader::Name(name.chars().take(MAX_NAME_LENGTH).collect()));
        }
        let lower = name.to_ascii_lowercase();
        if TAKEN.contains(&lower.as_str()) || lower.starts_with(OWN) {
            return Err(BadHeader::Taken(name.to_owned()));
        }
        let visible = |byte: u8| matches!(byte, b' '..=b'~');
        let fits = !value.is_empty() && value.len() <= MAX_VALUE_LENGTH && value.trim() == value;
        if !fits || !value.bytes().all(visible) {
            return Err(BadHeader::Value(name.to_owned()));
        }
        Ok(Self {
            name: name.into(),
            value: SecretString::from(value),
        })
    }

    /// The name as it was written; case makes no difference.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value: for the call and the store, and for nothing that is shown.
    pub fn expose(&self) -> &str {
        self.value.expose_secret()
    }

    /// Whether a name means this header.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl fmt::Debug for CustomHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomHeader({}: …)", self.name)
    }
}

/// Refuses headers that cannot be added to the calls of a webhook together.
pub fn check_headers(headers: &[CustomHeader], url: &WebhookUrl) -> Result<(), BadHeader> {
    if headers.len() > MAX_HEADERS {
        return Err(BadHeader::TooMany);
    }
    for (index, header) in headers.iter().enumerate() {
        if headers[..index].iter().any(|other| other.is_named(header.name())) {
            return Err(BadHeader::Twice(header.name().to_owned()));
        }
        if header.is_named(AUTHORIZATION) && url.credentials().is_some() {
            return Err(BadHeader::Authorized);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_plain_name_and_a_visible_value_that_is_not_shown() {
        let header = CustomHeader::parse("X-Api-Key", "hunter2 and more").unwrap();
        assert_eq!((header.name(), header.expose()), ("X-Api-Key", "hunter2 and more"));
        assert!(!format!("{header:?}").contains("hunter2"));
        for name in ["", "a b", "a:b", "ä", "a\r\n", &"x".repeat(MAX_NAME_LENGTH + 1)] {
            assert!(
                matches!(CustomHeader::parse(name, "v"), Err(BadHeader::Name(_))),
                "{name:?}"
            );
        }
        for value in [
            "",
            " v",
            "v ",
            "a\r\nb: c",
            "ä",
            "\t",
            &"x".repeat(MAX_VALUE_LENGTH + 1),
        ] {
            let refused = CustomHeader::parse("X-Key", value).unwrap_err();
            assert_eq!(refused, BadHeader::Value("X-Key".to_owned()), "{value:?}");
        }
    }

    #[test]
    fn headers_that_carry_the_call_or_are_the_servers_own_are_refused() {
        for name in [
            "Host",
            "content-length",
            "Content-Type",
            "Transfer-Encoding",
            "CONNECTION",
            "TE",
            "User-Agent",
            "X-SonarQube-Project",
            "X-Sonar-Webhook-HMAC-SHA256",
            "X-Gatehook-Anything",
            "webhook-id",
        ] {
            let refused = CustomHeader::parse(name, "v").unwrap_err();
            assert_eq!(refused, BadHeader::Taken(name.to_owned()));
        }
    }

    #[test]
    fn headers_must_go_together_and_with_the_url() {
        let header = |name: &str| CustomHeader::parse(name, "v").unwrap();
        let (plain, with_user) = (
            WebhookUrl::parse("http://host/").unwrap(),
            WebhookUrl::parse("http://me@host/").unwrap(),
        );
        let authorized = [header("authorization")];
        assert_eq!(check_headers(&authorized, &plain), Ok(()));
        assert_eq!(check_headers(&authorized, &with_user), Err(BadHeader::Authorized));
        let twice = [header("X-A"), header("x-a")];
        assert_eq!(check_headers(&twice, &plain), Err(BadHeader::Twice("x-a".to_owned())));
        let many: Vec<CustomHeader> = (0..=MAX_HEADERS).map(|number| header(&format!("X-{number}"))).collect();
        assert_eq!(check_headers(&many, &plain), Err(BadHeader::TooMany));
        assert_eq!(check_headers(&many[1..], &plain), Ok(()));
    }
}
