//! Whether a peer asked for a certificate of ours, and whether it ever let us in.
//!
//! A TLS 1.3 server looks at our certificate when we think that all is well. Many a server then just closes,
//! without the alert that would say why.
//!
//! Not here: which certificate it gets (rustls), how that is told (`reason`).

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is known of one peer.
#[derive(Debug, Default)]
pub(super) struct Asked {
    wants: AtomicBool,
    lets_in: AtomicBool,
}

impl Asked {
    /// It answered.
    pub(super) fn let_in(&self) {
        // Nearly always it has before: look before writing.
        if !self.lets_in.load(Ordering::Relaxed) {
            self.lets_in.store(true, Ordering::Relaxed);
        }
    }

    /// It asked for a certificate, and never answered.
    pub(super) fn in_vain(&self) -> bool {
        self.wants.load(Ordering::Relaxed) && !self.lets_in.load(Ordering::Relaxed)
    }
}

/// Gives what another gives, and notes that it was asked.
#[derive(Debug)]
pub(super) struct Asks {
    pub(super) ours: Arc<dyn ResolvesClientCert>,
    pub(super) asked: Arc<Asked>,
}

impl ResolvesClientCert for Asks {
    fn resolve(
        &self,
        authorities: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.asked.wants.store(true, Ordering::Relaxed);
        self.ours.resolve(authorities, schemes)
    }

    fn has_certs(&self) -> bool {
        self.ours.has_certs()
    }
}
