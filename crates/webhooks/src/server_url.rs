//! The address under which people and receivers know this server.

use gatehook_domain::setting::SERVER_BASE_URL;
use gatehook_store::{StoreError, Tx, setting};

/// The base of every link in a payload when nobody has set another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// The base that holds while `sonar.core.serverBaseURL` is not set. One `/` at the end is dropped.
    pub fn new(default: &str) -> Self {
        Self(without_slash(default).to_owned())
    }

    /// The base that holds now: the setting `sonar.core.serverBaseURL`, else the one given at the start.
    pub fn effective(&self, tx: &mut Tx<'_>) -> Result<String, StoreError> {
        let set = setting::get(tx, SERVER_BASE_URL, None)?;
        Ok(self.or_set(set.as_deref()))
    }

    fn or_set(&self, set: Option<&str>) -> String {
        match set.map(str::trim) {
            None | Some("") => self.0.clone(),
            Some(set) => without_slash(set).to_owned(),
        }
    }
}

fn without_slash(url: &str) -> &str {
    url.strip_suffix('/').unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_wins_over_the_default_and_loses_one_slash() {
        let default = ServerUrl::new("http://localhost:9000/");
        assert_eq!(default.or_set(None), "http://localhost:9000");
        assert_eq!(default.or_set(Some("  ")), "http://localhost:9000");
        assert_eq!(
            default.or_set(Some("https://gates.example/sonar/")),
            "https://gates.example/sonar"
        );
        assert_eq!(
            default.or_set(Some("https://gates.example//")),
            "https://gates.example/"
        );
    }
}
