//! Whom we trust: whoever the authorities have signed, the named authorities themselves (`openssl req
//! -x509` makes a certificate that is its own authority, and servers show it), or with `insecure: true`
//! anyone.
//!
//! Invariant: a certificate that is not taken as signed is taken only if it is one of the named, byte by
//! byte, is valid today, and is for the host of the URL; or if anyone is trusted.
//! Invariant: that the peer holds the key of the certificate it shows is proved, unless anyone is trusted:
//! then it says nothing, since anybody could show one of their own, and certificates that cannot be read
//! here (of X.509 version 1, as `openssl x509` makes them, or with short keys) would be left out.
//! Not here: that the report tells of `insecure` (`run`).

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::sync::Arc;

/// Trusts whom it is told to.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) signed: Arc<WebPkiServerVerifier>,
    pub(super) named: Vec<CertificateDer<'static>>,
    pub(super) anyone: bool,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.anyone {
            return Ok(ServerCertVerified::assertion());
        }
        let verified = self.signed.verify_server_cert(certificate, chain, name, ocsp, now);
        match &verified {
            // Said only after its dates were found to be good.
            Err(Error::InvalidCertificate(why))
                if is_authority(why) && self.named.contains(certificate) =>
            {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            _ => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.anyone {
            return Ok(HandshakeSignatureValid::assertion());
        }
        self.signed.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.anyone {
            return Ok(HandshakeSignatureValid::assertion());
        }
        self.signed.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}

/// The peer shows the certificate of an authority as its own.
pub(super) fn is_authority(why: &CertificateError) -> bool {
    is(why, &webpki::Error::CaUsedAsEndEntity)
}

/// The certificate is as `openssl x509` makes it without extensions.
pub(super) fn is_of_version_1(why: &CertificateError) -> bool {
    is(why, &webpki::Error::UnsupportedCertVersion)
}

fn is(why: &CertificateError, webpki: &webpki::Error) -> bool {
    let CertificateError::Other(OtherError(why)) = why else { return false };
    why.downcast_ref() == Some(webpki)
}
