//! The one redirect that is followed, and what goes with it.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, USER_AGENT};
use url::Url;

use super::{ATTEMPT, DELIVERY, KIND, PROJECT};
use crate::cause::Cause;

/// What another origin than the webhook's own is sent. Everything else may be something that only the webhook's receiver is
/// meant to have: credentials, signatures, headers that somebody chose.
const PUBLIC: [HeaderName; 6] = [CONTENT_TYPE, USER_AGENT, PROJECT, DELIVERY, KIND, ATTEMPT];

/// The statuses whose redirect is followed with the same POST. 303 would turn it into a GET, so it is an answer.
pub(super) fn is_followed(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 307 | 308)
}

/// Where a redirect points, or the cause that is made of the webhook's masked URL.
pub(super) fn target(from: &Url, answered: &HeaderMap) -> Result<Url, fn(String) -> Cause> {
    let location = answered
        .get(LOCATION)
        .ok_or(Cause::RedirectWithoutLocation as fn(String) -> Cause)?;
    let elsewhere = Cause::RedirectElsewhere as fn(String) -> Cause;
    // Some write letters beyond ASCII as they are, in UTF-8; the URL has them percent-encoded.
    let mut target = std::str::from_utf8(location.as_bytes())
        .ok()
        .and_then(|text| from.join(text).ok())
        .ok_or(elsewhere)?;
    if !matches!(target.scheme(), "http" | "https") {
        return Err(elsewhere);
    }
    // A receiver must not choose the credentials of a call. Both setters only fail without a host.
    target.set_username("").map_err(|()| elsewhere)?;
    target.set_password(None).map_err(|()| elsewhere)?;
    target.set_fragment(None);
    Ok(target)
}

/// Leaves only the headers that any origin may have.
pub(super) fn keep_public(headers: &mut HeaderMap) {
    let public = PUBLIC.into_iter().filter_map(|name| {
        let value = headers.remove(&name)?;
        Some((name, value))
    });
    *headers = public.collect();
}
