//! Proxies between this server and the receivers.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

/// Which calls go through which proxy. Cheap to clone.
#[derive(Clone, Default)]
pub struct Proxies(Option<Arc<Matcher>>);

/// A variable that does not name a proxy. Its value is not told: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the http:// or https:// URL of a proxy; NO_PROXY=* calls all receivers directly")]
pub struct BadProxy(pub String);

/// Why a proxy did not lead to the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyFailure {
    /// No connection to it came about.
    #[error("the proxy could not be reached")]
    Unreachable,
    /// It answered 407.
    #[error("the proxy wants other credentials than those of the environment")]
    Credentials,
    /// It answered something else than 2xx when it was asked for a way to the receiver.
    #[error("the proxy opened no way to the receiver: it answered {0}")]
    Refused(u16),
    /// It broke off, or speaks something else than HTTP.
    #[error("the proxy broke off, or its answer was not HTTP")]
    Broken,
}

impl Proxies {
    /// No proxies: every receiver is called directly.
    pub fn none() -> Self {
        Self::default()
    }

    /// What `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, as curl and most programs read them: lower case
    /// counts too, upper case goes first. `read` gives the value of a variable.
    pub fn of_variables(read: impl Fn(&str) -> Option<String>) -> Result<Self, BadProxy> {
        let value = |name: &str| {
            [name.to_owned(), name.to_ascii_lowercase()]
                .into_iter()
                .find_map(|name| read(&name).filter(|value| !value.is_empty()).map(|value| (name, value)))
        };
        let no = value("NO_PROXY").map(|(_, value)| value).unwrap_or_default();
        let all = value("ALL_PROXY");
        let of = |name| value(name).or_else(|| all.clone());
        let (http, https) = (of("HTTP_PROXY"), of("HTTPS_PROXY"));
        if http.is_none() && https.is_none() || no.trim() == "*" {
            return Ok(Self::none());
        }
        for (name, text) in [&http, &https].into_iter().flatten() {
            let read = Matcher::builder().all(text.as_str()).build();
            let usable = |proxy: Intercept| matches!(proxy.uri().scheme_str(), Some("http" | "https"));
            if !read
                .intercept(&Uri::from_static("http://receiver/"))
                .is_some_and(usable)
            {
                return Err(BadProxy(name.clone()));
            }
        }
        let text = |said: Option<(String, String)>| said.map(|(_, text)| text).unwrap_or_default();
        let matcher = Matcher::builder().http(text(http)).https(text(https)).no(no).build();
        Ok(Self(Some(Arc::new(matcher))))
    }

    /// The proxy that a call goes through, if one does. This machine is always called directly: to a proxy, it would be the
    /// proxy's own.
    pub(super) fn of(&self, target: &Uri) -> Option<Intercept> {
        let matcher = self.0.as_ref()?;
        if target.host().is_some_and(is_this_machine) {
            return None;
        }
        matcher.intercept(target)
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

/// Without credentials.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            // The matcher leaves the credentials out.
            Some(matcher) => matcher.fmt(f),
            None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, BadProxy> {
        Proxies::of_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn route(variables: &[(&str, &str)], target: &str) -> Option<String> {
        let found = proxies(variables).unwrap().of(&target.parse().unwrap());
        found.map(|proxy| proxy.uri().to_string())
    }

    #[test]
    fn the_variables_are_read_as_other_programs_read_them() {
        let both = [
            ("HTTP_PROXY", "http://a:1"),
            ("https_proxy", "b:2"),
            ("NO_PROXY", "inner.example,10.0.0.0/8"),
        ];
        assert_eq!(route(&both, "http://hooks.example/").unwrap(), "http://a:1/");
        assert_eq!(route(&both, "https://hooks.example/").unwrap(), "http://b:2/");
        assert_eq!(route(&both, "https://ci.inner.example/"), None);
        assert_eq!(route(&both, "http://10.1.2.3/"), None);
        for local in [
            "localhost:9",
            "127.0.0.1",
            "127.9.9.9:80",
            "[::1]:80",
            "[::ffff:127.0.0.1]",
        ] {
            assert_eq!(route(&both, &format!("http://{local}/")), None, "{local}");
        }
        assert_eq!(
            route(&[("ALL_PROXY", "https://c:3")], "http://hooks.example/").unwrap(),
            "https://c:3/"
        );
        assert_eq!(route(&[("HTTP_PROXY", "http://a:1")], "https://hooks.example/"), None);
        assert_eq!(
            route(&[("HTTP_PROXY", ""), ("ALL_PROXY", "")], "http://hooks.example/"),
            None
        );
        assert_eq!(
            route(
                &[("ALL_PROXY", "socks5://a:1"), ("NO_PROXY", "*")],
                "http://hooks.example/"
            ),
            None
        );
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_and_no_reason_to_go_round_it() {
        for bad in ["socks5://me:hunter2@a:1", "ftp://a", "http://", "http://me:hunter2@a b"] {
            let error = proxies(&[("https_proxy", bad)]).unwrap_err();
            assert_eq!(
                error.to_string(),
                "https_proxy is not the http:// or https:// URL of a proxy; NO_PROXY=* calls all receivers directly"
            );
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let known = proxies(&[("ALL_PROXY", "http://me:hunter2@a:1")]).unwrap();
        let proxy = known.of(&Uri::from_static("http://hooks.example/")).unwrap();
        for shown in [format!("{known:?}"), format!("{proxy:?}"), proxy.uri().to_string()] {
            assert!(!shown.contains("hunter2") && !shown.contains("bWU6"), "{shown}");
        }
    }
}
