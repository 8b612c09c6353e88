//! The key ring: whether there is one that a start would take; and the key of operators, where it is wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::config::{Admin, AdminAddress, Keys, Secret};
use crate::daemon::plan;
use crate::seal::{KeyRing, OperatorKey, VaultError};

use super::finding::Finding;

const SUBJECT: &str = "key ring";

pub(super) fn examine(keys: &Keys, admin: &Admin, data: &Path) -> Vec<Finding> {
    let ring = match &keys.ring {
        Some(secret) => named(secret),
        None => kept(data),
    };
    let operators = match &admin.address {
        AdminAddress::Tcp(_) => operators(data),
        AdminAddress::Unix(_) => None,
    };
    [ring].into_iter().chain(operators).collect()
}

/// The key of operators, where there is one and it cannot be used: a start then goes on without.
fn operators(data: &Path) -> Option<Finding> {
    let why = OperatorKey::open(data).err()?;
    let advice = "until then a start goes on without it, and operators need a token or a Unix socket";
    Some(Finding::warn("operators' key", why.to_string(), advice))
}

/// The ring that `[keys] ring` names.
fn named(secret: &Secret) -> Finding {
    if let Err(error) = plan::named_ring(secret) {
        let advice = "put one key a line there: `openssl rand -base64 32`";
        return Finding::fail(SUBJECT, format!("{error:#}"), advice);
    }
    let mode = match secret {
        Secret::File(path) => fs::metadata(path).map_or(0, |file| file.permissions().mode() & 0o7777),
        Secret::Env(_) | Secret::Credential(_) => 0,
    };
    // A group of its own may read it, as where root gives it to the daemon's user.
    if mode & 0o027 != 0 {
        let finding = format!("{secret} may be read or changed by others (mode {mode:04o})");
        let advice = "chmod o=,g-w it, and make a new ring if somebody may have read it: who has it can forge sessions";
        return Finding::warn(SUBJECT, finding, advice);
    }
    Finding::ok(SUBJECT, secret.to_string())
}

/// The ring in the data directory.
fn kept(data: &Path) -> Finding {
    let ring = data.join("keys/ring");
    match KeyRing::open(data) {
        Ok(Some(_)) => Finding::ok(SUBJECT, ring.display().to_string()),
        Ok(None) => Finding::ok(SUBJECT, format!("{} will be made at the first start", ring.display())),
        Err(VaultError::Ring(path, error)) => Finding::fail(
            SUBJECT,
            format!("{}: {error}", path.display()),
            "put the ring back from a backup, or take the file away: a start makes a new one, and sessions end",
        ),
        Err(VaultError::Signing(path) | VaultError::Operators(path)) => Finding::fail(
            SUBJECT,
            format!("{} is no key", path.display()),
            "put it back from a backup, or take the file away: another one is made, and tokens of the old one end",
        ),
        Err(VaultError::Open(path, mode)) => Finding::fail(
            SUBJECT,
            format!("{} may be read or changed by others (mode {mode:04o})", path.display()),
            "chmod go= it, and make a new ring if somebody may have read it: who has it can forge sessions",
        ),
        Err(VaultError::Io(what, path, error)) => Finding::fail(
            SUBJECT,
            format!("cannot {what} {}: {error}", path.display()),
            "run this as the user that Weir runs as, name another directory with --data, or give [keys] ring",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_ring_is_read_and_none_is_made() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        assert!(kept(&data).finding.contains("will be made"));
        assert!(!data.exists());
        assert!(KeyRing::open_or_create(&data).is_ok());
        assert_eq!(kept(&data), Finding::ok(SUBJECT, data.join("keys/ring").display().to_string()));
        let ring = data.join("keys/ring");
        fs::set_permissions(&ring, Permissions::from_mode(0o644)).unwrap();
        let open = kept(&data);
        assert_eq!(open.verdict, Verdict::Fail);
        assert!(open.finding.contains("0644") && open.advice.unwrap().contains("chmod"));
        fs::set_permissions(&ring, Permissions::from_mode(0o600)).unwrap();
        fs::write(&ring, "x\n").unwrap();
        assert_eq!(kept(&data).verdict, Verdict::Fail);
    }

    #[test]
    fn a_key_of_operators_is_told_of_where_it_cannot_be_used() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(operators(data.path()), None, "a start makes one");
        assert!(OperatorKey::open_or_create(data.path()).is_ok());
        assert_eq!(operators(data.path()), None);
        fs::set_permissions(data.path().join("keys/admin"), Permissions::from_mode(0o644)).unwrap();
        let finding = operators(data.path()).unwrap();
        assert!(finding.verdict == Verdict::Warn && finding.finding.contains("0644"), "{finding:?}");
    }

    #[test]
    fn a_named_ring_is_read_and_not_shown() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ring");
        let secret = Secret::File(path.clone());
        assert_eq!(named(&secret).verdict, Verdict::Fail);
        let text = KeyRing::generate_text();
        fs::write(&path, &text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert_eq!(named(&secret).verdict, Verdict::Ok);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let finding = named(&secret);
        assert_eq!(finding.verdict, Verdict::Warn);
        assert!(!format!("{finding:?}").contains(text.trim()));
    }
}
