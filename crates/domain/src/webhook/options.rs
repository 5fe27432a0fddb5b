//! What a webhook asks for beyond SonarQube's.

use secrecy::SecretString;

use crate::time::Timestamp;
use crate::webhook::{CustomHeader, Filter, Format};

/// What a webhook asks for beyond SonarQube's; the default is SonarQube's behaviour.
#[derive(Debug, Clone, Default)]
pub struct HookOptions {
    /// Which events it is told.
    pub filter: Filter,
    /// Headers that are added to its calls.
    pub headers: Vec<CustomHeader>,
    /// The secret before the present one, while receivers may still check with it.
    pub previous_secret: Option<PreviousSecret>,
    /// Whether calls carry the headers of Standard Webhooks as well.
    pub standard_webhooks: bool,
    /// Whether the receiver's certificate is taken as it is. Calls can then be read and changed on the way.
    pub skip_tls_verification: bool,
    /// What the body of its calls looks like.
    pub format: Format,
}

/// A secret that was replaced and is valid for some time yet.
#[derive(Debug, Clone)]
pub struct PreviousSecret {
    /// The secret.
    pub secret: SecretString,
    /// When it is valid no more.
    pub valid_until: Timestamp,
}

impl HookOptions {
    /// The secret before the present one, if it is still valid.
    pub fn previous_secret_at(&self, now: Timestamp) -> Option<&SecretString> {
        self.previous_secret
            .as_ref()
            .filter(|previous| now < previous.valid_until)
            .map(|previous| &previous.secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_previous_secret_is_valid_until_its_moment_and_never_shown() {
        let at = Timestamp::from_millis;
        let options = HookOptions {
            previous_secret: Some(PreviousSecret {
                secret: SecretString::from("hunter2hunter2hunter2"),
                valid_until: at(10),
            }),
            headers: vec![CustomHeader::parse("X-Key", "hunter2").unwrap()],
            ..HookOptions::default()
        };
        assert!(options.previous_secret_at(at(9)).is_some());
        assert!(options.previous_secret_at(at(10)).is_none());
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
