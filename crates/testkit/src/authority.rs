//! Authorities that nobody trusts but who is told to, and what they vouch for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ALL_VERSIONS, RootCertStore, ServerConfig, SupportedProtocolVersion};

/// An authority that nobody trusts but who is told to.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate of an authority, and its key.
pub struct Identity(pub Certificate, pub KeyPair);

#[expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a harness of tests: what does not work fails the test"
)]
impl Authority {
    /// A new one, with a name of its own.
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, format!("Authority {number} of the tests"));
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, for who is to trust it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a host, valid from the beginning of one year to that of another.
    pub fn issue(&self, host: &str, purpose: ExtendedKeyUsagePurpose, years: [i32; 2]) -> Identity {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        params.not_before = date_time_ymd(years[0], 1, 1);
        params.not_after = date_time_ymd(years[1], 1, 1);
        let key = KeyPair::generate().unwrap();
        Identity(params.signed_by(&key, &self.0).unwrap(), key)
    }

    /// A certificate for a server of this name that is valid now.
    pub fn issue_server(&self, host: &str) -> Identity {
        self.issue(host, ExtendedKeyUsagePurpose::ServerAuth, [2020, 4000])
    }

    /// How a server with this name speaks TLS, with HTTP/2 and HTTP/1.1.
    pub fn server(&self, host: &str) -> ServerConfig {
        self.issue_server(host).server(None, ALL_VERSIONS)
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a harness of tests: what does not work fails the test"
)]
impl Identity {
    /// How a server that shows this certificate speaks TLS in these versions, with HTTP/2 and HTTP/1.1; and with whose
    /// certificates alone, if it asks for them.
    pub fn server(&self, clients: Option<&Authority>, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.0.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain: Vec<CertificateDer<'static>> = vec![self.0.der().clone()];
        let key = PrivateKeyDer::try_from(self.1.serialize_der()).unwrap();
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }
}
