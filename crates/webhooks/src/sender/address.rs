//! What requests can carry. Not every URL that is well formed can be called: hosts such as `a{b}.example` are read by the
//! parser of URLs, and no request can name them.

use gatehook_domain::webhook::WebhookUrl;
use http::Uri;
use hyper_rustls::{DefaultServerNameResolver, ResolveServerName as _};
use url::Url;

use crate::cause::Cause;

/// Whether calls to a URL can be made at all, whoever answers there: a request can name its host, and so can TLS where it is
/// spoken. Whoever saves a URL asks this first, because every single call to another one fails.
pub fn can_be_called(url: &WebhookUrl) -> bool {
    uri(&url.target()).is_ok_and(|uri| {
        uri.scheme_str() != Some("https") || DefaultServerNameResolver::default().resolve(&uri).is_ok()
    })
}

/// The URL as a request carries it.
pub(super) fn uri(target: &Url) -> Result<Uri, Cause> {
    Uri::try_from(target.as_str()).map_err(|_| Cause::Unspeakable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::format;

    #[rstest]
    #[case::plain("http://hooks.example/", true)]
    #[case::dot_at_the_end("https://hooks.example./", true)]
    #[case::underscore("https://ci_1.inner/", true)]
    #[case::any_script("https://grün.日本.example/ж?ж=🦀", true)]
    #[case::address("https://192.0.2.1:8443/", true)]
    #[case::address_of_ipv6("https://[2001:db8::1]:8443/", true)]
    #[case::odd_path("http://hooks.example/{a}`|\\^\"<>[]%zz?{b}`|\\^\"<>[]%zz", true)]
    #[case::braces("http://a{b}.example/", false)]
    #[case::backtick("http://a`b.example/", false)]
    #[case::quotes("http://a\"b.example/", false)]
    #[case::no_name_for_tls("https://a!b.example/", false)]
    #[case::no_name_for_tls_but_for_http("http://a!b.example/", true)]
    fn a_url_is_taken_when_its_host_can_be_named(#[case] url: &str, #[case] expected: bool) {
        assert_eq!(can_be_called(&WebhookUrl::parse(url).unwrap()), expected);
    }

    /// Texts in which about every character is one that somebody reads as something else.
    fn hostile(length: usize) -> impl Strategy<Value = String> {
        let letter = prop_oneof![
            4 => prop::sample::select(b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ 0aZ".map(char::from).to_vec()),
            1 => any::<char>(),
        ];
        prop::collection::vec(letter, 0..length).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn what_is_taken_can_be_carried_by_a_request(
            scheme in prop::sample::select(vec!["http://", "https://", "HTTP://"]),
            user in prop::option::of(hostile(6)),
            host in prop_oneof!["[a-z]{1,4}", hostile(8)],
            rest in hostile(40),
            path in prop::option::of(hostile(40)),
        ) {
            let user = user.map(|user| user + "@").unwrap_or_default();
            let slash = if rest.starts_with([':', '?', '#']) { "" } else { "/" };
            let Ok(url) = WebhookUrl::parse(&format!("{scheme}{user}{host}{slash}{rest}")) else { return Ok(()) };
            prop_assume!(can_be_called(&url));
            let path = path.map(|path| format!("/{path}"));
            let carried = uri(&format::target(&url.target(), path.as_deref())).unwrap();
            prop_assert!(carried.host().is_some_and(|host| !host.is_empty()));
            prop_assert!(!carried.authority().unwrap().as_str().contains('@'), "credentials stay out of it");
        }
    }
}
