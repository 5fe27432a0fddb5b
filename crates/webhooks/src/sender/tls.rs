//! Who is trusted, and how this server proves who it is.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// Certificates besides those that this machine trusts, and the one that receivers may ask for.
#[derive(Default)]
pub struct TlsOptions {
    authorities: Vec<CertificateDer<'static>>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// Why certificates or a key cannot be used. Nothing of a key is ever in it.
#[derive(Debug, thiserror::Error)]
pub enum BadTlsOptions {
    /// There is no certificate in PEM.
    #[error("there is no certificate in PEM form")]
    NoCertificate,
    /// There is no private key in PEM, or it is encrypted.
    #[error("there is no private key in PEM form that can be read without a passphrase")]
    NoKey,
    /// A certificate cannot be used.
    #[error("a certificate cannot be used")]
    Certificate(#[source] Error),
    /// The key cannot be used, or is not that of the certificate.
    #[error("the key cannot be used with the certificate")]
    Key(#[source] Error),
}

impl TlsOptions {
    /// Also trusts the authorities in this PEM text.
    pub fn with_authorities(mut self, pem: &[u8]) -> Result<Self, BadTlsOptions> {
        let found = certificates(pem)?;
        let mut store = RootCertStore::empty();
        for one in &found {
            store.add(one.clone()).map_err(BadTlsOptions::Certificate)?;
        }
        self.authorities.extend(found);
        Ok(self)
    }

    /// Shows this certificate, with what leads from it to an authority, to receivers that ask for one.
    pub fn with_client(mut self, certificate_pem: &[u8], key_pem: &[u8]) -> Result<Self, BadTlsOptions> {
        let chain = certificates(certificate_pem)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| BadTlsOptions::NoKey)?;
        rustls::sign::CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider())
            .map_err(BadTlsOptions::Key)?;
        self.client = Some((chain, key));
        Ok(self)
    }

    /// The configurations that connections are made with.
    pub(super) fn configs(&self) -> Result<Configs, Error> {
        let verifier = self.verifier();
        let verified = || {
            let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
            Ok::<_, Error>(match &verifier {
                Some(verifier) => {
                    let verifier: Arc<Verifier> = Arc::clone(verifier);
                    builder.dangerous().with_custom_certificate_verifier(verifier)
                }
                None => builder.with_root_certificates(RootCertStore::empty()),
            })
        };
        let to_receivers = match &self.client {
            Some((chain, key)) => verified()?.with_client_auth_cert(chain.clone(), key.clone_key())?,
            None => verified()?.with_no_client_auth(),
        };
        let anyone = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider())))
            // Who does not ask whom it talks to does not say who it is.
            .with_no_client_auth();
        Ok(Configs {
            verified: to_receivers,
            unverified: anyone,
            proxies: verified()?.with_no_client_auth(),
        })
    }

    fn verifier(&self) -> Option<Arc<Verifier>> {
        Verifier::new_with_extra_roots(self.authorities.iter().cloned(), provider())
            // A bare system has no certificates to trust. Receivers without TLS can be called all the same.
            .inspect_err(|error| {
                tracing::warn!(%error, "no trusted certificates were found: calls over https will fail");
            })
            .ok()
            .map(Arc::new)
    }
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("authorities", &self.authorities.len())
            .field("has_client", &self.client.is_some())
            .finish()
    }
}

/// How connections are secured.
pub(super) struct Configs {
    /// To receivers who prove who they are.
    pub(super) verified: ClientConfig,
    /// To receivers of webhooks that do not care.
    pub(super) unverified: ClientConfig,
    /// To proxies that are spoken to over TLS.
    pub(super) proxies: ClientConfig,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadTlsOptions> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or(BadTlsOptions::NoCertificate)
}

/// Takes every certificate. What is encrypted cannot be read on the way by those who only listen; whoever can take the
/// receiver's place can.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
