//! The TLS files that the configuration names: read, parsed, fitting together, and how long they last.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::config::{Identity, Settings};
use crate::model::clock;
use crate::net::tls::server::Server;
use crate::net::tls::{self, ClientTls, TlsError, dates};

use super::super::welcome;

use super::finding::{Finding, Verdict};

const DAY: i64 = 24 * 60 * 60;
/// A certificate that lasts less is to be renewed.
const SOON: i64 = 14 * DAY;

/// Every file that is named for TLS, each once for each listener and server that names it.
pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let now = clock::unix_seconds() as i64;
    let mut findings = ours(settings, now);
    for server in &settings.servers {
        let name = server.name.as_str();
        let sound = server.tls.ca.as_deref().is_some_and(|ca| {
            let finding = authorities(name, ca, now);
            let sound = finding.verdict < Verdict::Fail;
            findings.push(finding);
            sound
        });
        if let Some(ours) = &server.tls.identity {
            findings.push(identity(name, ours, server.tls.ca.as_deref().filter(|_| sound), now));
        }
    }
    findings
}

/// What clients are shown, and what is asked of them.
fn ours(settings: &Settings, now: i64) -> Vec<Finding> {
    const SUBJECT: &str = "[listen] tls";
    let Some(tls) = welcome::settings(&settings.listen) else { return Vec::new() };
    let warnings = match Server::build(&tls, None) {
        Ok(server) => server.warnings().to_vec(),
        Err(error) => return vec![unusable(SUBJECT.to_owned(), &error)],
    };
    let advice = "put the right file there: certificates, keys and lists are read again when they change";
    let mut findings: Vec<_> = warnings.into_iter().map(|warning| Finding::warn(SUBJECT, warning, advice)).collect();
    for (certificate, _) in &tls.certificates {
        let shown = certificate.display();
        let Some(first) = dates::run_out(certificate).ok().and_then(|dates| dates.into_iter().min()) else { continue };
        let (verdict, lasting) = lasts(first, now);
        let finding = format!("{shown}: its key fits, and it {lasting}");
        findings.push(match verdict {
            Verdict::Ok => Finding::ok(SUBJECT, finding),
            Verdict::Warn => Finding::warn(SUBJECT, finding, "renew it"),
            _ => Finding::fail(SUBJECT, finding, "renew it: clients will not take it"),
        });
    }
    findings
}

/// How long a certificate lasts that runs out at `date`, in words that follow "it".
pub(super) fn lasts(date: i64, now: i64) -> (Verdict, String) {
    let left = date.saturating_sub(now);
    let days = left.abs() / DAY;
    let days = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    match left {
        left if left <= 0 => (Verdict::Fail, format!("ran out {days} ago")),
        left if left < SOON => (Verdict::Warn, format!("runs out in {days}")),
        _ => (Verdict::Ok, format!("lasts {days}")),
    }
}

fn authorities(server: &str, file: &Path, now: i64) -> Finding {
    let (subject, shown) = (format!("{server} ca"), file.display());
    let settings = ClientTls { ca: Some(file.to_owned()), ..ClientTls::default() };
    let dates = match tls::Client::build(&settings).and_then(|_| dates::run_out(file)) {
        Ok(dates) => dates,
        Err(error) => return unusable(subject, &error),
    };
    let count = if dates.len() == 1 { "1 authority".to_owned() } else { format!("{} authorities", dates.len()) };
    let (first, last) = (*dates.iter().min().unwrap_or(&now), *dates.iter().max().unwrap_or(&now));
    let which = if dates.len() == 1 { "it" } else { "the first one" };
    let (verdict, lasting) = lasts(first, now);
    let finding = format!("{shown}: {count}, {which} {lasting}");
    match verdict {
        Verdict::Ok => Finding::ok(subject, finding),
        _ if last <= now => Finding::fail(subject, finding, "put authorities there that are valid now"),
        _ => Finding::warn(subject, finding, "put its successor beside it"),
    }
}

fn identity(server: &str, ours: &Identity, ca: Option<&Path>, now: i64) -> Finding {
    let (subject, shown) = (format!("{server} certificate"), ours.certificate.display());
    let settings = ClientTls {
        ca: ca.map(Path::to_owned),
        certificate: Some(ours.certificate.clone()),
        key: Some(ours.key.clone()),
        server_name: None,
    };
    let built = match tls::Client::build(&settings) {
        // Said of the endpoint; here it is about our own files.
        Ok(_) | Err(TlsError::NoRoots(_)) => dates::run_out(&ours.certificate),
        Err(error) => Err(error),
    };
    let first = match built {
        Ok(dates) => dates.into_iter().min().unwrap_or(now),
        Err(error) => return unusable(subject, &error),
    };
    let (verdict, lasting) = lasts(first, now);
    let finding = format!("{shown}: its key fits, and it {lasting}");
    match verdict {
        Verdict::Ok => {}
        Verdict::Warn => return Finding::warn(subject, finding, "renew it"),
        _ => return Finding::fail(subject, finding, "renew it: the server will not take it"),
    }
    let mode = fs::metadata(&ours.key).map_or(0, |file| file.permissions().mode() & 0o7777);
    if mode & 0o027 != 0 {
        let finding = format!("{} may be read or changed by others (mode {mode:04o})", ours.key.display());
        return Finding::warn(subject, finding, "chmod o=,g-w it");
    }
    Finding::ok(subject, finding)
}

fn unusable(subject: String, error: &TlsError) -> Finding {
    let advice = match error {
        TlsError::Read(..) => "correct the path, or let this user read it",
        _ => "put the right file there: PEM, the certificate and its own private key",
    };
    Finding::fail(subject, error.to_string(), advice)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    /// A self-signed certificate that lasts until `year`, and its key.
    fn files(home: &Path, name: &str, year: i32) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["weir.example".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2000, 1, 1), rcgen::date_time_ymd(year, 1, 1));
        let path = |end: &str| -> PathBuf { home.join(format!("{name}{end}.pem")) };
        fs::write(path(""), params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(path("-key"), key.serialize_pem()).unwrap();
        fs::set_permissions(path("-key"), fs::Permissions::from_mode(0o600)).unwrap();
        Identity { certificate: path(""), key: path("-key") }
    }

    #[test]
    fn days_are_counted() {
        let told = |left| lasts(1_000_000_000 + left, 1_000_000_000);
        assert_eq!(told(0), (Verdict::Fail, "ran out 0 days ago".into()));
        assert_eq!(told(-DAY), (Verdict::Fail, "ran out 1 day ago".into()));
        assert_eq!(told(SOON - 1), (Verdict::Warn, "runs out in 13 days".into()));
        assert_eq!(told(SOON), (Verdict::Ok, "lasts 14 days".into()));
    }

    #[test]
    fn what_clients_are_shown_is_looked_at() {
        let home = tempfile::tempdir().unwrap();
        let of = |certificate: &Identity, key: &Identity| {
            let (certificate, key) = (&certificate.certificate, &key.key);
            let text = format!(
                "[listen]\ntls = {{ certificate = {certificate:?}, key = {key:?} }}\n[[servers]]\nname = \"a\"\n\
                 endpoints = [\"http://127.0.0.1:1/mcp\"]\n"
            );
            let findings = examine(&Settings::parse(&text, "test").unwrap_or_else(|report| panic!("{report}")));
            findings.iter().map(|finding| finding.verdict).max()
        };
        let (sound, old) = (files(home.path(), "sound", 2100), files(home.path(), "old", 2020));
        assert_eq!(of(&sound, &sound), Some(Verdict::Ok));
        assert_eq!(of(&sound, &old), Some(Verdict::Fail));
        assert_eq!(of(&old, &old), Some(Verdict::Fail));
    }

    #[test]
    fn files_are_read_and_held_against_each_other() {
        let home = tempfile::tempdir().unwrap();
        let now = clock::unix_seconds() as i64;
        let (sound, other, old) =
            (files(home.path(), "sound", 2100), files(home.path(), "other", 2100), files(home.path(), "old", 2020));
        let ca = Some(sound.certificate.as_path());
        let of = |certificate: &Identity, key: &Identity| {
            let mixed = Identity { certificate: certificate.certificate.clone(), key: key.key.clone() };
            identity("files", &mixed, ca, now)
        };
        assert_eq!(of(&sound, &sound).verdict, Verdict::Ok, "{:?}", of(&sound, &sound));
        assert_eq!(of(&sound, &other).verdict, Verdict::Fail);
        assert_eq!(of(&old, &old).verdict, Verdict::Fail);
        assert_eq!(authorities("files", &sound.certificate, now).verdict, Verdict::Ok);
        assert_eq!(authorities("files", &old.certificate, now).verdict, Verdict::Fail);
        assert_eq!(authorities("files", &sound.key, now).verdict, Verdict::Fail);
        assert_eq!(authorities("files", &home.path().join("none"), now).verdict, Verdict::Fail);
        fs::set_permissions(&sound.key, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(of(&sound, &sound).verdict, Verdict::Warn);
    }
}
