//! Who we are to clients: a chain of certificates and the key of its first.

use std::path::Path;

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::{TlsError, certificates_in, content, key_in};

/// Reads both files and checks that they belong together.
///
/// # Errors
/// Which file it is and what is wrong with it.
pub(super) fn load(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = certificates_in(certificate)?;
    let signing = provider.key_provider.load_private_key(key_in(key)?);
    let signing = signing.map_err(|error| content(key, format!("no key that can be used: {error}")))?;
    let fits = |at: usize| {
        let rest = chain.get(at..).unwrap_or_default().to_vec();
        CertifiedKey::new(rest, signing.clone()).keys_match()
    };
    match fits(0) {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(CertifiedKey::new(chain, signing)),
        Err(Error::InconsistentKeys(_)) => {
            let shown = certificate.display();
            Err(match (1..chain.len()).find(|at| fits(*at).is_ok()) {
                Some(at) => content(
                    certificate,
                    format!(
                        "its order is wrong: the key is that of certificate {} in it. Our own comes first, then the one \
                         that signed it, and so on",
                        at + 1
                    ),
                ),
                None => content(key, format!("it is not the key of the certificate in {shown}")),
            })
        }
        Err(error) => Err(content(certificate, format!("its first certificate cannot be used: {error}"))),
    }
}
