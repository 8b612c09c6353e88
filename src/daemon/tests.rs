//! What keeps a daemon from starting is said, with the exit code that belongs to it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

fn settings(more: &str, listen: SocketAddr, admin: SocketAddr) -> Settings {
    let text = format!(
        "[listen]\naddress = \"{listen}\"\ncores = 1\n[admin]\naddress = \"{admin}\"\n{more}\n[[servers]]\nname = \"files\"\n\
         endpoints = [\"https://127.0.0.1:1/mcp\"]\n"
    );
    let tail = if more.starts_with("[[servers]]") { &text[..text.rfind("[[servers]]").unwrap()] } else { &text };
    Settings::parse(tail, "test").unwrap_or_else(|report| panic!("{report}\n{tail}"))
}

/// A plan for one server, and where its keys are.
pub(super) fn plan() -> (Arc<Plan>, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let text = "[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n";
    let settings = Settings::parse(text, "test").unwrap();
    let plan = Plan::build(&settings, data.path(), true, None).unwrap_or_else(|why| panic!("{why:?}"));
    (Arc::new(plan), data)
}

fn free() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn failure(settings: &Settings, data: &Path) -> (u8, String) {
    let failure = start(
        Options { settings: settings.clone(), reload: None, data: data.to_owned(), signals: None },
        &Arc::default(),
        &Log::nowhere(),
        |_| {},
    )
    .expect_err("it cannot start");
    (failure.code, format!("{:#}", failure.error))
}

#[test]
fn an_address_that_is_taken() {
    let data = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (code, why) = failure(&settings("", address, free()), data.path());
    assert!(code == 1 && why.contains(&format!("cannot listen on {address} ([listen]")), "{code} {why}");
    let (code, why) = failure(&settings("", free(), address), data.path());
    assert!(code == 1 && why.contains(&format!("cannot listen on {address} ([admin]")), "{code} {why}");
    // Another Weir shares its port with its own cores, and with nobody else.
    let others = Sockets::bind(free(), 2).unwrap();
    let At::Tcp(address) = others.addresses().unwrap()[0] else { panic!("it is no address") };
    let (code, why) = failure(&settings("", address, free()), data.path());
    assert!(code == 1 && why.contains(&address.to_string()), "{code} {why}");
}

#[test]
fn a_data_directory_that_cannot_be_used() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let (code, why) = failure(&settings("", free(), free()), &file);
    assert!(code == 1 && why.contains("(--data)") && why.contains("file"), "{code} {why}");
    let data = root.path().join("data");
    fs::create_dir_all(data.join("keys")).unwrap();
    fs::set_permissions(data.join("keys"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(data.join("keys/ring"), "no key\n").unwrap();
    fs::set_permissions(data.join("keys/ring"), fs::Permissions::from_mode(0o600)).unwrap();
    let (code, why) = failure(&settings("", free(), free()), &data);
    assert!(code == 1 && why.contains("keys/ring") && !why.contains("no key\n"), "{code} {why}");
}

#[test]
fn a_ring_or_a_certificate_that_is_none() {
    let root = tempfile::tempdir().unwrap();
    let wrong = root.path().join("wrong");
    fs::write(&wrong, "secret text\n").unwrap();
    let ring = |path: &Path| format!("[keys]\nring = {{ file = {path:?} }}");
    let ca = |path: &Path| {
        format!("[[servers]]\nname = \"files\"\nendpoints = [\"https://127.0.0.1:1/mcp\"]\ntls = {{ ca = {path:?} }}\n")
    };
    for (more, named) in [
        (ring(&wrong), "[keys] ring"),
        (ring(&root.path().join("gone")), "[keys] ring cannot be read"),
        (ca(&wrong), "\"files\""),
        (ca(&root.path().join("gone")), "gone"),
    ] {
        let (code, why) = failure(&settings(&more, free(), free()), root.path());
        assert!(code == 2 && why.contains(named) && !why.contains("secret text"), "{code} {why}");
    }
}
