//! When certificates run out.

use std::path::Path;

use super::{Stream, TlsError, certificates_in, content};

/// When each certificate in a PEM file runs out, in seconds since 1970, in the file's order; at least one.
///
/// # Errors
/// Which file it is and what is wrong with it.
pub fn run_out(file: &Path) -> Result<Vec<i64>, TlsError> {
    let certificates = certificates_in(file)?;
    let dates = certificates.iter().map(|certificate| {
        not_after(certificate).ok_or_else(|| content(file, "there is something in it that is no X.509 certificate"))
    });
    dates.collect()
}

/// When the certificate that the server showed runs out, in seconds since 1970.
pub fn runs_out<S>(stream: &Stream<S>) -> Option<i64> {
    let (_, session) = stream.get_ref();
    not_after(session.peer_certificates()?.first()?)
}

fn not_after(der: &[u8]) -> Option<i64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

#[cfg(test)]
mod tests {
    use super::super::tests::Authority;
    use super::*;

    #[test]
    fn every_certificate_of_a_file_has_its_date() {
        let authority = Authority::new();
        let identity = authority.issue("files.example");
        let mut chain = std::fs::read_to_string(&identity.certificate).unwrap();
        chain += &std::fs::read_to_string(authority.file()).unwrap();
        std::fs::write(&identity.certificate, chain).unwrap();
        let dates = run_out(&identity.certificate).unwrap();
        // 2100-01-01, and what rcgen gives where nothing is said.
        assert_eq!((dates.len(), dates[0]), (2, 4_102_444_800));
        assert!(dates[1] > dates[0]);
        assert!(matches!(run_out(&identity.key), Err(TlsError::Content(..))));
        assert!(matches!(run_out(Path::new("/nowhere")), Err(TlsError::Read(..))));
    }

    #[test]
    fn what_is_no_certificate_has_no_date() {
        assert_eq!(not_after(b""), None);
        assert_eq!(not_after(&[0x30; 64]), None);
    }
}
