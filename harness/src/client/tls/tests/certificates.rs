//! Certificates that are right, and wrong in one way each.

use crate::plan;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate with what leads to its authority, and its key.
pub(super) type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Who signs.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    pub(super) fn new() -> Authority {
        Authority::called("authority.test")
    }

    pub(super) fn called(name: &str) -> Authority {
        let mut params = params(&[name]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Authority { issuer: Issuer::new(params, key), certificate }
    }

    /// What a scenario that names it trusts.
    pub(super) fn trusted(&self) -> plan::Tls {
        plan::Tls { authorities: vec![self.certificate.clone()], ..plan::Tls::default() }
    }

    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    pub(super) fn server(&self, names: &[&str]) -> Own {
        self.sign(params(names))
    }

    pub(super) fn client(&self) -> plan::Identity {
        let mut params = params(&["client.test"]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (chain, key) = self.sign(params);
        plan::Identity { chain, key }
    }

    pub(super) fn expired(&self, name: &str) -> Own {
        let mut params = params(&[name]);
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 1, 2));
        self.sign(params)
    }

    pub(super) fn early(&self, name: &str) -> Own {
        let mut params = params(&[name]);
        (params.not_before, params.not_after) =
            (date_time_ymd(2120, 1, 1), date_time_ymd(2120, 1, 2));
        self.sign(params)
    }

    /// Signed by itself.
    pub(super) fn alone(&self, name: &str) -> Own {
        let key = KeyPair::generate().unwrap();
        let certificate = params(&[name]).self_signed(&key).unwrap();
        (vec![certificate.der().clone()], private(&key))
    }

    /// The authority's own certificate, shown by a server.
    pub(super) fn as_server(&self) -> Own {
        (vec![self.certificate.clone()], private(self.issuer.key()))
    }

    fn sign(&self, params: CertificateParams) -> Own {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (vec![certificate.der().clone()], private(&key))
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(key.serialize_der()).unwrap()
}

/// As `openssl x509 -req -signkey` makes one of `/CN=shop.test`: of version 1, which `rcgen` does not write.
pub(super) fn of_version_1() -> Own {
    let certificate = CertificateDer::from_pem_slice(VERSION_1).unwrap();
    (vec![certificate], PrivateKeyDer::from_pem_slice(VERSION_1).unwrap())
}

const VERSION_1: &[u8] = b"\
-----BEGIN CERTIFICATE-----
MIIBIzCBywIUaKYCIM7q4jv1PsGKw7H32aGd4mswCgYIKoZIzj0EAwIwFDESMBAG
A1UEAwwJc2hvcC50ZXN0MCAXDTI2MTEyODE3MTMzMVoYDzIxMjYxMTA0MTcxMzMx
WjAUMRIwEAYDVQQDDAlzaG9wLnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AASDD6dDBFD63a4oVEi1nqnZ1XSe16UVSC4Dzny99P3IYlYjTBvDUOLGeDQ7heLO
8FQbnrwuAbjAjX2zNjK0dX2cMAoGCCqGSM49BAMCA0cAMEQCIBmBujBy/6U7Gbn7
vCAmFze+i4h9226R3b88mkFA2aI0AiBBtMCUgYBnWsinJYZsM9KKBWG6ZrMaSoa6
clhxoXGFyg==
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkx8oRrmAnVAq03ul
Y1PNc4jV+SxbOP7ufjf+DSIFKQqhRANCAASDD6dDBFD63a4oVEi1nqnZ1XSe16UV
SC4Dzny99P3IYlYjTBvDUOLGeDQ7heLO8FQbnrwuAbjAjX2zNjK0dX2c
-----END PRIVATE KEY-----
";
