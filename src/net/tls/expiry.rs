//! When the certificates in a file run out.

use std::path::Path;

use x509_parser::parse_x509_certificate;

use super::{TlsError, certificates_in, content};

/// The certificate in a file that is the first to run out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The end of its validity (RFC 5280, 4.1.2.5), in seconds since 1970.
    pub not_after: i64,
    /// Whose it is, as it says itself.
    pub subject: String,
}

/// Reads a PEM file of certificates, and tells which of them is the first to run out.
///
/// # Errors
/// Which file it is and what is wrong with it.
pub fn expiry(file: &Path) -> Result<Expiry, TlsError> {
    let mut first: Option<Expiry> = None;
    for certificate in certificates_in(file)? {
        let (_, parsed) = parse_x509_certificate(&certificate)
            .map_err(|error| content(file, format!("a certificate in it is none: {error}")))?;
        let not_after = parsed.validity().not_after.timestamp();
        if first.as_ref().is_none_or(|first| not_after < first.not_after) {
            first = Some(Expiry { not_after, subject: parsed.subject().to_string() });
        }
    }
    Ok(first.expect("a file without a certificate is an error"))
}
