//! What others make of it from outside: openssl's client, and SSLyze, which looks for every version, cipher suite and hole
//! that it knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Authority, LATER, server, start};
use crate::support::{Gateway, Process, only_through_weir};

/// What openssl's client makes of it, with these options more: whether it came to a session, and what it says.
async fn openssl(weir: &Gateway, ca: &Path, more: &[&str]) -> (bool, String) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-brief", "-verify_return_error", "-servername", "localhost", "-CAfile"]).arg(ca);
    command.arg("-connect").arg(weir.address().to_string()).args(more).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
    let output = output.expect("openssl is there: tests/install.sh asks for it");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

#[tokio::test]
async fn openssl_sees_two_versions_and_no_older_one() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("weir", &["localhost"], 1, LATER);
    let server = server().await;
    let weir = start(&format!("tls = {}", authority.tls("weir")), &server).await;
    let ca = authority.path("ca.pem");
    let (met, said) = openssl(&weir, &ca, &["-tls1_3"]).await;
    assert!(met && said.contains("TLSv1.3") && said.contains("Verification: OK"), "{said}");
    let (met, said) = openssl(&weir, &ca, &["-tls1_2"]).await;
    assert!(met && said.contains("TLSv1.2"), "{said}");
    for old in [
        ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "AES128-SHA"],
        ["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"],
    ] {
        let (met, said) = openssl(&weir, &ca, &old).await;
        assert!(!met, "{old:?}: {said}");
    }
}

/// What SSLyze finds, scan by scan, and what of Mozilla's "intermediate" profile it finds wanting.
async fn sslyze(weir: &Gateway, authority: &Authority) -> (BTreeMap<String, Box<RawValue>>, Vec<String>) {
    let binary = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/python/.venvs/tools/bin/sslyze");
    assert!(binary.exists(), "{} is missing: run tests/install.sh", binary.display());
    let file = authority.path("scan.json");
    let mut command = Command::new(binary);
    command.args(["--mozilla_config", "intermediate", "--sni", "localhost", "--certinfo_ca_file"]);
    command.arg(authority.path("ca.pem")).arg("--json_out").arg(&file);
    command.args([
        "--certinfo",
        "--sslv2",
        "--sslv3",
        "--tlsv1",
        "--tlsv1_1",
        "--tlsv1_2",
        "--tlsv1_3",
        "--compression",
    ]);
    command.args([
        "--early_data",
        "--elliptic_curves",
        "--ems",
        "--fallback",
        "--heartbleed",
        "--openssl_ccs",
        "--reneg",
    ]);
    command.args(["--robot", "--resum", "--resum_attempts", "2"]).arg(weir.address().to_string());
    let mut scan = Process::start("sslyze", &mut command);
    let mut wanting = Vec::new();
    while let Some(line) = scan.line().await {
        wanting.extend(line.trim().strip_prefix("* ").filter(|line| line.contains(": ")).map(str::to_owned));
    }
    scan.exit().await;
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("no scan ({error}): {}", scan.errors()));
    // As text: there are keys in it, numbers that no parser holds.
    let inside = |text: &str, name: &str| {
        let mut all: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).expect("an object");
        all.remove(name).unwrap_or_else(|| panic!("no {name}")).get().to_owned()
    };
    let servers = inside(&text, "server_scan_results");
    let server = servers.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']')).expect("a list of one");
    (serde_json::from_str(&inside(server, "scan_result")).expect("an object"), wanting)
}

fn names(suites: &Value) -> Vec<&str> {
    let all = suites.as_array().expect("a list").iter();
    let mut names: Vec<_> = all.map(|suite| suite["cipher_suite"]["name"].as_str().expect("a name")).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_scanner_finds_two_versions_nine_suites_and_no_hole() {
    only_through_weir!();
    let authority = Authority::new("ours");
    authority.issue("ecdsa", &["localhost"], 1, LATER);
    authority.issue_rsa("rsa", &["localhost"], 2, LATER);
    let server = server().await;
    let listen = format!("tls = {{ certificates = [{}, {}] }}", authority.tls("ecdsa"), authority.tls("rsa"));
    let weir = start(&listen, &server).await;
    let (found, wanting) = sslyze(&weir, &authority).await;
    let of = |what: &str| {
        let found: Value = serde_json::from_str(found[what].get()).expect("JSON");
        assert_eq!(found["status"], "COMPLETED", "{what}: {found}");
        found["result"].clone()
    };
    for old in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"] {
        assert_eq!(of(&format!("{old}_cipher_suites"))["is_tls_version_supported"], false, "{old}");
    }
    assert_eq!(
        names(&of("tls_1_2_cipher_suites")["accepted_cipher_suites"]),
        [
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ]
    );
    assert_eq!(
        names(&of("tls_1_3_cipher_suites")["accepted_cipher_suites"]),
        ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
    );
    let curves = of("elliptic_curves")["supported_curves"].take();
    let curves = curves.as_array().expect("a list").iter();
    let mut curves: Vec<_> = curves.map(|curve| curve["name"].as_str().expect("a name")).collect();
    curves.sort_unstable();
    assert_eq!(curves, ["X25519", "secp256r1", "secp384r1"]);
    for (what, key, value) in [
        ("tls_compression", "supports_compression", false),
        ("tls_1_3_early_data", "supports_early_data", false),
        ("openssl_ccs_injection", "is_vulnerable_to_ccs_injection", false),
        ("heartbleed", "is_vulnerable_to_heartbleed", false),
        ("tls_fallback_scsv", "supports_fallback_scsv", true),
        ("tls_extended_master_secret", "supports_ems_extension", true),
        // It knows RFC 5746, and lets no client renegotiate.
        ("session_renegotiation", "supports_secure_renegotiation", true),
        ("session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", false),
    ] {
        assert_eq!(of(what)[key], value, "{what}");
    }
    assert_eq!(of("session_renegotiation")["client_renegotiations_success_count"], 0);
    assert_eq!(of("robot")["robot_result"], "NOT_VULNERABLE_RSA_NOT_SUPPORTED");
    // No node remembers sessions. Tickets are taken back (`certificates`), which it does not see: each time a client
    // gets a new one, and it looks for the old.
    assert_eq!(of("session_resumption")["session_id_resumption_result"], "NOT_SUPPORTED");
    assert_eq!(of("session_resumption")["tls_ticket_resumption_result"], "NOT_SUPPORTED");
    let shown = found["certificate_info"].get();
    // Nothing is stapled.
    assert_eq!(shown.matches("\"ocsp_response\": null").count(), shown.matches("\"ocsp_response\"").count());
    // What is left is our authority's business: nobody knows it, and it says until 2100.
    let known = ["certificate_path_validation: ", "maximum_certificate_lifespan: "];
    assert!(wanting.iter().all(|what| known.iter().any(|known| what.starts_with(known))), "{wanting:?}");
    weir.stop().await;
}
