//! Whose certificates clients show, and what one of them says.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ::aws_lc_rs::digest::{SHA256, digest};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::{WebPkiClientVerifier, danger::ClientCertVerifier};

use crate::model::{Certificate, clock};

use super::super::{TlsError, certificates_in, content, parsed, read, roots_in, shown};
use super::Clients;

/// Numbers the generations of those to trust, each once in the life of the process.
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

/// The authorities whose certificates clients show, and what they have revoked. Cheap to clone.
#[derive(Clone)]
pub struct Trust {
    verifier: Arc<dyn ClientCertVerifier>,
    authorities: Arc<[shown::Authority]>,
    generation: u64,
}

impl Trust {
    /// Reads the files and checks that they fit together.
    ///
    /// # Errors
    /// Which file it is and what is wrong with it.
    pub(super) fn build(
        clients: &Clients,
        provider: Arc<CryptoProvider>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, TlsError> {
        let authorities = certificates_in(&clients.ca)?;
        let authorities: Option<Vec<_>> = authorities.iter().map(|der| shown::Authority::read(der)).collect();
        let authorities =
            authorities.ok_or_else(|| content(&clients.ca, "there is something in it that is no X.509 certificate"))?;
        let verifier = verifier(clients, provider, warnings)?;
        let generation = GENERATIONS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { verifier, authorities: authorities.into(), generation })
    }

    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier)
    }

    /// What a chain says that the handshake has let pass; `None` where its end is empty.
    pub(super) fn read(&self, chain: &[CertificateDer<'_>]) -> Option<Certificate> {
        let leaf = chain.first()?;
        let (until, named) = shown::read(chain, &self.authorities);
        let fingerprint = digest(&SHA256, leaf).as_ref().try_into().expect("SHA-256 has 32 bytes");
        let chain = chain.iter().map(|der| der.as_ref().into()).collect();
        Some(Certificate {
            fingerprint,
            until,
            named,
            chain,
            trusted_by: self.generation,
            spent: AtomicBool::new(false),
        })
    }

    /// Whether a certificate that was shown earlier is to be trusted still: nothing has changed since, or it is checked
    /// once more.
    pub fn trusts(&self, certificate: &Certificate) -> bool {
        certificate.trusted_by == self.generation || self.verify(certificate)
    }

    fn verify(&self, certificate: &Certificate) -> bool {
        let mut chain = certificate.chain.iter().map(|der| CertificateDer::from(&**der));
        let Some(leaf) = chain.next() else { return false };
        let between: Vec<_> = chain.collect();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(clock::unix_seconds()));
        self.verifier.verify_client_cert(&leaf, &between, now).is_ok()
    }
}

fn verifier(
    clients: &Clients,
    provider: Arc<CryptoProvider>,
    warnings: &mut Vec<String>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let roots = roots_in(&clients.ca)?;
    let mut lists = Vec::new();
    for file in &clients.revoked {
        let text = read(file)?;
        let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
        let found = found.map_err(|error| content(file, format!("not sound PEM: {error}")))?;
        if found.is_empty() {
            return Err(content(file, "no revocation list in it (`-----BEGIN X509 CRL-----`)"));
        }
        for list in &found {
            warnings.extend(parsed::revocation_list(list, file)?);
        }
        lists.extend(found);
    }
    if !lists.is_empty() {
        warnings.extend(parsed::without_list(&clients.ca, &lists)?);
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls(lists)
        .enforce_revocation_expiration();
    if !clients.required {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| content(&clients.ca, format!("cannot check certificates of clients: {error}")))
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("generation", &self.generation).finish_non_exhaustive()
    }
}
