//! Why a call got no answer, in words that are kept and shown. The words are fixed: nothing that a receiver sent and
//! no part of a URL gets into them, except a URL with its credentials masked where SonarQube's own words have it.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use crate::guard::{GuardError, NoAddress};
use crate::sender::pool::Failure;
use crate::sender::proxy::ProxyFailure;

/// Why a call got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The address must not be called.
    #[error("{}", guarded_in_words(*.0))]
    Guarded(#[from] GuardError),
    /// The host's name has no address.
    #[error("the host name could not be resolved")]
    Unresolved,
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// There is no way to the host.
    #[error("the host could not be reached")]
    Unreachable,
    /// The way through the proxy did not come about.
    #[error(transparent)]
    Proxy(#[from] ProxyFailure),
    /// The operating system gave up on the connection.
    #[error("the connection timed out")]
    ConnectTimeout,
    /// The limit of the whole call passed.
    #[error("no answer within {}", limit_in_words(*.0))]
    NoAnswer(Duration),
    /// The receiver broke the connection off.
    #[error("connection reset before an answer")]
    Reset,
    /// The receiver closed the connection.
    #[error("connection closed before an answer")]
    Closed,
    /// The receiver shows a certificate that is not trusted.
    #[error("the TLS certificate was not accepted: {0}")]
    Certificate(&'static str),
    /// The receiver wants to know who calls, and was not told, or did not believe it.
    #[error("the receiver {0}")]
    ClientCertificate(&'static str),
    /// No encrypted connection came about.
    #[error("the TLS handshake failed")]
    Handshake,
    /// The receiver speaks something else.
    #[error("the answer was not HTTP")]
    NotHttp,
    /// The head of the answer is larger than is read.
    #[error("the head of the answer was too large")]
    HeadTooLarge,
    /// The answer was refused on this side of HTTP/2, which does not say for which of its reasons.
    #[error("the answer was not HTTP/2, or its head was too large")]
    NotHttp2,
    /// A redirect that does not say where to. Holds the masked URL of the webhook.
    #[error("Missing HTTP header 'Location' in redirect of {0}")]
    RedirectWithoutLocation(String),
    /// A redirect to something that cannot be called. Holds the masked URL of the webhook.
    #[error("Unsupported protocol in redirect of {0}")]
    RedirectElsewhere(String),
    /// The webhook's format could make nothing of the event.
    #[error("the webhook's format could make nothing of this event")]
    NothingToSend,
    /// The URL holds something that requests cannot carry.
    #[error("the URL cannot be called")]
    Unspeakable,
    /// Any other failure while connecting.
    #[error("the connection could not be made")]
    NotConnected,
    /// Any other failure.
    #[error("the call failed")]
    Other,
}

/// In an attempt there is room for what kind of address it was. Which one it was is not told: that is something about the
/// network the server stands in.
fn guarded_in_words(error: GuardError) -> String {
    match error {
        GuardError::Forbidden(kind) => {
            format!("blocked by the address guard: the host is {kind}, and not in gatehook.webhooks.allowedTargets")
        }
        GuardError::OwnAddressesUnknown => error.to_string(),
    }
}

fn limit_in_words(limit: Duration) -> String {
    if limit.subsec_millis() == 0 {
        format!("{} s", limit.as_secs())
    } else {
        format!("{} ms", limit.as_millis())
    }
}

impl Cause {
    /// What a failure comes down to: the first of its sources that says something known.
    pub(crate) fn of(failure: &Failure) -> Self {
        let mut source = failure.source();
        while let Some(inner) = source {
            if let Some(cause) = known(inner) {
                return cause;
            }
            source = inner.source();
        }
        match failure {
            Failure::Connecting(_) => Self::NotConnected,
            Failure::Calling { source: None, .. } => Self::Closed,
            Failure::Calling { .. } => Self::Other,
            Failure::NoReceiver => Self::Unspeakable,
        }
    }
}

fn known(error: &(dyn Error + 'static)) -> Option<Cause> {
    if let Some(guarded) = error.downcast_ref::<GuardError>() {
        return Some((*guarded).into());
    }
    if let Some(proxy) = error.downcast_ref::<ProxyFailure>() {
        return Some((*proxy).into());
    }
    if let Some(nowhere) = error.downcast_ref::<NoAddress>() {
        return Some(match nowhere {
            NoAddress::Unresolved => Cause::Unresolved,
            NoAddress::Guarded(guarded) => (*guarded).into(),
        });
    }
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(known_tls(tls));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return known_io(error);
    }
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return known_h2(error);
    }
    let error = error.downcast_ref::<hyper::Error>()?;
    if error.is_incomplete_message() || error.is_canceled() {
        Some(Cause::Closed)
    } else if error.is_timeout() {
        Some(Cause::ConnectTimeout)
    } else if error.is_parse_too_large() {
        Some(Cause::HeadTooLarge)
    } else if error.is_parse() {
        Some(Cause::NotHttp)
    } else {
        None
    }
}

/// HTTP/2 keeps what went wrong with its connection to itself, where walking from source to source does not lead.
fn known_h2(error: &h2::Error) -> Option<Cause> {
    match error.get_io() {
        Some(io) => known_io(io),
        None if error.is_library() => Some(Cause::NotHttp2),
        None if error.is_reset() || error.is_go_away() => Some(Cause::Reset),
        None => None,
    }
}

fn known_io(error: &io::Error) -> Option<Cause> {
    // The source of an `io::Error` is its content's source, so the content itself has to be asked for.
    if let Some(inner) = error.get_ref() {
        // HTTP/2 hands an error of TLS on as its text; the text is TLS's own.
        let text = inner.to_string();
        let alert = text.strip_prefix("received fatal alert: ").map(known_alert);
        if let Some(cause) = known(inner).or(alert) {
            return Some(cause);
        }
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(Cause::Refused),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            Some(Cause::Unreachable)
        }
        io::ErrorKind::TimedOut => Some(Cause::ConnectTimeout),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            Some(Cause::Reset)
        }
        io::ErrorKind::UnexpectedEof => Some(Cause::Closed),
        _ => None,
    }
}

/// What an alert of the receiver means, by its name.
fn known_alert(name: &str) -> Cause {
    match name {
        "CertificateRequired" => Cause::ClientCertificate("wants a client certificate"),
        "BadCertificate"
        | "UnsupportedCertificate"
        | "CertificateRevoked"
        | "CertificateExpired"
        | "CertificateUnknown"
        | "UnknownCA"
        | "DecryptError"
        | "AccessDenied" => Cause::ClientCertificate("did not accept the client certificate"),
        _ => Cause::Handshake,
    }
}

fn known_tls(error: &rustls::Error) -> Cause {
    let reason = match error {
        rustls::Error::InvalidCertificate(reason) => reason,
        rustls::Error::AlertReceived(alert) => return known_alert(&format!("{alert:?}")),
        _ => return Cause::Handshake,
    };
    Cause::Certificate(match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "not valid yet",
        CertificateError::Revoked => "revoked",
        CertificateError::UnknownIssuer => "unknown issuer",
        CertificateError::BadSignature => "bad signature",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "wrong host",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "not for servers",
        // What the verifier of this machine makes of the one before; the type is its own.
        CertificateError::Other(other) if format!("{other:?}").contains("EkuError") => "not for servers",
        // A self-signed certificate that calls itself an authority, as many tools make them; the type is webpki's own.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => "self-signed",
        _ => "not valid",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_told_in_the_unit_it_was_set_in() {
        assert_eq!(
            Cause::NoAnswer(Duration::from_secs(10)).to_string(),
            "no answer within 10 s"
        );
        assert_eq!(
            Cause::NoAnswer(Duration::from_millis(1500)).to_string(),
            "no answer within 1500 ms"
        );
    }

    #[test]
    fn a_certificate_is_refused_with_its_reason() {
        let wrapped = |reason| io::Error::other(rustls::Error::InvalidCertificate(reason));
        let told = |reason| known(&wrapped(reason)).unwrap().to_string();
        assert_eq!(
            told(CertificateError::Expired),
            "the TLS certificate was not accepted: expired"
        );
        assert_eq!(
            told(CertificateError::UnknownIssuer),
            "the TLS certificate was not accepted: unknown issuer"
        );
        assert_eq!(
            told(CertificateError::NotValidForName),
            "the TLS certificate was not accepted: wrong host"
        );
    }
}
