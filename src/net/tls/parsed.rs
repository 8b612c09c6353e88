//! What certificates and revocation lists say of themselves.

use std::path::Path;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::time::ASN1Time;

use crate::model::clock;

use super::{TlsError, certificates_in, content};

/// What counts of a chain of ours.
pub(super) struct Leaf {
    /// The DNS names of the first certificate, in lower case.
    pub(super) names: Vec<String>,
    from: i64,
    to: i64,
    /// The first certificate, counted from 1, that did not sign the one before it.
    stray: Option<usize>,
}

/// Reads a chain.
///
/// # Errors
/// The file, and that there is no certificate in it that can be read.
pub(super) fn leaf(chain: &[CertificateDer<'_>], file: &Path) -> Result<Leaf, TlsError> {
    let parsed: Result<Vec<_>, _> = chain.iter().map(|der| certificate(der, file)).collect();
    let parsed = parsed?;
    let first = parsed.first().ok_or_else(|| content(file, "no certificate in it"))?;
    let stray = parsed.windows(2).position(|pair| pair[0].issuer().as_raw() != pair[1].subject().as_raw());
    let validity = first.validity();
    Ok(Leaf {
        names: dns_names(first),
        from: validity.not_before.timestamp(),
        to: validity.not_after.timestamp(),
        stray: stray.map(|at| at + 2),
    })
}

impl Leaf {
    /// What clients will stumble over.
    pub(super) fn warnings(&self, file: &Path) -> Vec<String> {
        let (shown, now) = (file.display(), now());
        let mut warnings = Vec::new();
        if self.to <= now {
            warnings.push(format!("{shown}: the certificate has expired ({}): renew it", date(self.to)));
        }
        if self.from > now {
            warnings.push(format!(
                "{shown}: the certificate is valid from {} on: put the one of today there",
                date(self.from)
            ));
        }
        if let Some(stray) = self.stray {
            warnings.push(format!(
                "{shown}: certificate {stray} in it did not sign the one before it, and many clients will not find the \
                 way to a root: our own comes first, then the one that signed it, and so on"
            ));
        }
        warnings
    }
}

/// Reads a list of what is revoked; gives a warning where it is out of date.
///
/// # Errors
/// The file, and that it is no such list.
pub(super) fn revocation_list(
    list: &CertificateRevocationListDer<'_>,
    file: &Path,
) -> Result<Option<String>, TlsError> {
    let next = self::list(list, file)?.next_update().map(|next| next.timestamp());
    Ok(next.filter(|next| *next <= now()).map(|next| {
        let shown = file.display();
        format!("{shown}: the revocation list is out of date ({}), so that no client of its authority is let in: fetch the next one", date(next))
    }))
}

/// A warning for each authority in `ca` that none of the lists is of.
///
/// # Errors
/// The file that cannot be read.
pub(super) fn without_list(ca: &Path, lists: &[CertificateRevocationListDer<'_>]) -> Result<Vec<String>, TlsError> {
    let issuers: Result<Vec<_>, _> = lists.iter().map(|der| list(der, ca)).collect();
    let issuers = issuers?;
    let mut warnings = Vec::new();
    for der in certificates_in(ca)? {
        let authority = certificate(&der, ca)?;
        if !issuers.iter().any(|list| list.issuer().as_raw() == authority.subject().as_raw()) {
            warnings.push(format!(
                "{}: no revocation list of {} is there, so that none of its clients is let in",
                ca.display(),
                authority.subject()
            ));
        }
    }
    Ok(warnings)
}

fn certificate<'a>(der: &'a CertificateDer<'_>, file: &Path) -> Result<X509Certificate<'a>, TlsError> {
    let parsed = x509_parser::parse_x509_certificate(der);
    let parsed = parsed.map_err(|_| content(file, "there is something in it that is no X.509 certificate"))?;
    Ok(parsed.1)
}

fn list<'a>(der: &'a CertificateRevocationListDer<'_>, file: &Path) -> Result<CertificateRevocationList<'a>, TlsError> {
    let parsed = x509_parser::parse_x509_crl(der);
    let parsed = parsed.map_err(|_| content(file, "there is something in it that is no X.509 revocation list"))?;
    Ok(parsed.1)
}

fn dns_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(dns).collect()
}

fn now() -> i64 {
    i64::try_from(clock::unix_seconds()).unwrap_or(i64::MAX)
}

/// A point in time for people.
fn date(seconds: i64) -> String {
    ASN1Time::from_timestamp(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}
