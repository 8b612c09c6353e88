//! Whom a client's certificate names, and which authority vouches for it.
//!
//! The handshake has found a way from the certificate to an authority, and does not say which. The way is walked once
//! more by names alone: it is that one where at each step only one certificate can be the next. Where there are several
//! it cannot be told, and the certificate names nobody.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use crate::model::spiffe::SpiffeId;
use crate::model::{Named, Unnamed};

use super::distinguished;

/// Certificates between one of a client and an authority.
const STEPS: usize = 8;
/// Longest name, in bytes: that of a SPIFFE id.
const LONGEST: usize = 2048;

/// One of those who vouch.
#[derive(Debug)]
pub(super) struct Authority {
    subject: Box<[u8]>,
    key: Box<[u8]>,
    shown: Box<str>,
}

impl Authority {
    /// By its certificate; `None` if it is none.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject().as_raw();
        let key = certificate.public_key().raw;
        Some(Self { subject: subject.into(), key: key.into(), shown: distinguished::text(subject)?.into() })
    }
}

/// When the first of a chain runs out, in seconds since 1970, and whom it names.
pub(super) fn read(chain: &[CertificateDer<'_>], authorities: &[Authority]) -> (u64, Result<Named, Unnamed>) {
    let parsed: Option<Vec<_>> = chain.iter().map(|der| Some(X509Certificate::from_der(der).ok()?.1)).collect();
    let Some((leaf, between)) = parsed.as_ref().and_then(|all| all.split_first()) else {
        return (0, Err(Unnamed::Unreadable));
    };
    let until = u64::try_from(leaf.validity().not_after.timestamp()).unwrap_or(0);
    let authority = authority(leaf, between, authorities).map(|authority| authority.shown.clone());
    (until, subject(leaf).map(|subject| Named { authority, subject: subject.into() }))
}

/// The authority at the end of the only way there is.
fn authority<'a>(
    leaf: &X509Certificate<'_>,
    between: &[X509Certificate<'_>],
    authorities: &'a [Authority],
) -> Result<&'a Authority, Unnamed> {
    let mut issuer = leaf.issuer().as_raw();
    for _ in 0..STEPS {
        let mut vouches = authorities.iter().filter(|authority| *authority.subject == *issuer);
        let authority = vouches.next();
        if vouches.any(|other| authority.is_some_and(|authority| authority.key != other.key)) {
            return Err(Unnamed::Twins);
        }
        // An authority that is shown as well is the same one, by its key; so is one certificate that is shown twice.
        let known =
            |key: &[u8]| authorities.iter().any(|authority| *authority.subject == *issuer && *authority.key == *key);
        let mut next = between.iter().filter(|one| one.subject().as_raw() == issuer && !known(one.public_key().raw));
        let first = next.next();
        let several = next.any(|other| first.is_some_and(|first| first.as_raw() != other.as_raw()));
        match (authority, first) {
            _ if several => return Err(Unnamed::Ways),
            (Some(_), Some(_)) => return Err(Unnamed::Ways),
            (Some(authority), None) => return Ok(authority),
            (None, Some(next)) => issuer = next.issuer().as_raw(),
            (None, None) => break,
        }
    }
    Err(Unnamed::Ways)
}

/// Its SPIFFE id; else its first DNS name, e-mail address or URI, each with its kind in front; else its subject.
fn subject(leaf: &X509Certificate<'_>) -> Result<String, Unnamed> {
    let names = names(leaf)?;
    let uris: Vec<&str> =
        names.iter().filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None }).collect();
    if uris.iter().any(|uri| SpiffeId::is_meant(uri)) {
        return match uris[..] {
            // X.509-SVID, 2 and 5.2: exactly one URI; 4.1: a leaf is no authority.
            [_, _, ..] => Err(Unnamed::Several),
            // An id without a path is a trust domain's (X509-SVID, 3.1).
            [id] if SpiffeId::parse(id).is_none_or(|id| id.path.is_empty()) => Err(Unnamed::NoId),
            _ if signs_others(leaf) => Err(Unnamed::Signs),
            [id] => Ok(id.to_owned()),
            [] => Err(Unnamed::NoId),
        };
    }
    let dns = names.iter().find_map(|name| if let GeneralName::DNSName(name) = name { Some(*name) } else { None });
    let mail = names.iter().find_map(|name| if let GeneralName::RFC822Name(name) = name { Some(*name) } else { None });
    // With its kind in front: what is granted to `dns:*.example.org` is not for a subject that only reads like it.
    let named = match (dns, mail, uris.first()) {
        (Some(dns), ..) => format!("dns:{}", plain(dns, is_dns)?.to_ascii_lowercase()),
        (None, Some(mail), _) => format!("email:{}", plain(mail, is_mail)?),
        (None, None, Some(uri)) => format!("uri:{}", plain(uri, is_uri)?),
        (None, None, None) => match distinguished::text(leaf.subject().as_raw()).ok_or(Unnamed::Unreadable)? {
            empty if empty.is_empty() => return Err(Unnamed::NoName),
            text => format!("subject:{text}"),
        },
    };
    if named.len() > LONGEST { Err(Unnamed::TooLong) } else { Ok(named) }
}

fn names<'a>(leaf: &'a X509Certificate<'_>) -> Result<&'a [GeneralName<'a>], Unnamed> {
    let mut found: &[GeneralName<'a>] = &[];
    for extension in leaf.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) if found.is_empty() => found = &names.general_names,
            ParsedExtension::SubjectAlternativeName(_) => return Err(Unnamed::Unreadable),
            ParsedExtension::ParseError { .. }
                if extension.oid == x509_parser::oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME =>
            {
                return Err(Unnamed::Unreadable);
            }
            _ => {}
        }
    }
    // What is none of its kind must not let another name speak for it.
    if found.iter().any(|name| matches!(name, GeneralName::Invalid(..))) { Err(Unnamed::Unreadable) } else { Ok(found) }
}

/// Whether it may sign certificates or revocation lists (X509-SVID, 4.1 and 4.3).
fn signs_others(leaf: &X509Certificate<'_>) -> bool {
    let usage = leaf.key_usage().ok().flatten();
    leaf.is_ca() || usage.is_some_and(|usage| usage.value.key_cert_sign() || usage.value.crl_sign())
}

/// A name that is what it says.
fn plain(name: &str, is_one: fn(&str) -> bool) -> Result<&str, Unnamed> {
    if is_one(name) { Ok(name) } else { Err(Unnamed::Strange) }
}

fn is_dns(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn is_mail(name: &str) -> bool {
    let graphic = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b':' | b'=' | b'/' | b',' | b'\\' | b'"');
    name.split_once('@').is_some_and(|(local, host)| !local.is_empty() && is_dns(host)) && name.bytes().all(graphic)
}

fn is_uri(name: &str) -> bool {
    let scheme = name.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
