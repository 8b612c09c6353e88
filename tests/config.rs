//! The configuration as its users meet it: every file of `config/`, the printed reference, the texts of the errors.

use std::{fs, path::Path, process::Command, time::Duration};

use proptest::prelude::*;
use weir::config::*;

#[path = "config/mod.rs"]
mod parts;

const SERVER: &str = "[[servers]]\nname = \"files\"\nendpoints = [\"http://10.0.0.1:3000/mcp\"]\n";

fn parse(text: &str) -> Settings {
    Settings::parse(&format!("{text}\n{SERVER}"), "weir.toml").unwrap()
}

fn refused(text: &str) -> String {
    Settings::parse(text, "weir.toml").expect_err("this is refused").to_string()
}

/// The message of the only mistake in `text`, with its place, without the quoted line.
fn mistake(text: &str) -> String {
    let report = refused(&format!("{text}\n{SERVER}"));
    let first = report.lines().next().unwrap_or_default();
    assert!(!first.ends_with(" mistakes"), "one mistake is expected:\n{report}");
    first.to_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_file_of_ours_is_accepted() {
    let mut files = vec![root().join("config/weir.toml")];
    let examples = fs::read_dir(root().join("config/examples")).unwrap().map(|entry| entry.unwrap().path());
    files.extend(examples.filter(|path| path.extension().is_some_and(|kind| kind == "toml")));
    assert!(files.len() > 5);
    for file in files {
        Settings::load(&file).unwrap();
    }
}

/// `#key = value` is a key without default in it, `# text` a comment.
fn uncommented() -> String {
    let text = fs::read_to_string(root().join("config/weir.toml")).unwrap();
    let line = |line: &str| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|first: char| first.is_ascii_lowercase() || first == '[') => format!("{key}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn the_commented_file_shows_every_key() {
    let text = uncommented();
    Settings::parse(&text, "weir.toml").unwrap();
    for shape in reference::tables() {
        // The places of a secret and of an endpoint are shown in prose; one form stands for all.
        for key in shape.keys.iter().filter(|key| !matches!(key.kind, Kind::Table(_))) {
            assert!(text.contains(&format!("{} = ", key.name)), "{} of {}", key.name, shape.title);
        }
    }
}

#[test]
fn the_commented_file_shows_the_defaults() {
    let shown = Settings::load(&root().join("config/weir.toml")).unwrap();
    let unsaid = parse("");
    assert_eq!(shown.http, unsaid.http);
    assert_eq!((shown.listen, shown.drain, shown.admin), (unsaid.listen, unsaid.drain, unsaid.admin));
    let (mut server, other) = (shown.servers[0].clone(), &unsaid.servers[0]);
    server.endpoints.clone_from(&other.endpoints);
    assert_eq!(&server, other);
}

#[test]
fn the_reference_is_fresh() {
    let (file, fresh) = (root().join("docs/CONFIG.md"), reference::markdown());
    if std::env::var_os("WEIR_BLESS").is_some() {
        fs::create_dir_all(root().join("docs")).unwrap();
        fs::write(&file, &fresh).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == fresh, "docs/CONFIG.md is stale: WEIR_BLESS=1 cargo test --test config");
}

#[test]
fn what_is_written_is_what_is_set() {
    let settings = parse(
        "[listen]\naddress = \"[::1]:80\"\npublic_url = \"https://G.example.com/\"\nhosts = [\"Gw\", \"::1\"]\n\
         origins = [\"https://IDE.example.com:443\"]\ncores = 2\n\
         [http]\nbody = \"1GiB\"\nhead = \"64KiB\"\ndepth = 512\nkeepalive = \"15ms\"\nabandoned = 0\n\
         legacy_status = \"table\"\nshed_memory = \"90%\"\n[drain]\ntimeout = \"0s\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
         [keys]\nring = { env = \"RING\" }",
    );
    let listen = settings.listen;
    assert_eq!((listen.address.to_string().as_str(), listen.cores), ("[::1]:80", Some(2)));
    assert_eq!(
        listen.public_url.map(|url| (url.url, url.host)),
        Some(("https://g.example.com".into(), "g.example.com".into()))
    );
    assert_eq!(
        (listen.hosts, listen.origins),
        (vec!["gw".into(), "[::1]".into()], vec!["https://ide.example.com".into()])
    );
    let http = settings.http;
    assert_eq!((http.body, http.head, http.depth, http.abandoned), (1 << 30, 64 << 10, 512, 0));
    assert_eq!((http.keepalive, http.legacy_status), (Duration::from_millis(15), LegacyStatus::Table));
    assert_eq!((settings.drain.timeout, settings.admin.address.to_string().as_str()), (Duration::ZERO, "127.0.0.1:0"));
    assert_eq!(settings.keys.ring, Some(Secret::Env("RING".into())));
}

#[test]
fn a_server_without_a_name_is_called_server() {
    let settings = Settings::fronting(&[To::parse("http://a/mcp?x=y")]).unwrap();
    assert_eq!(settings.servers[0].name.as_str(), "server");
    assert_eq!(settings.servers[0].endpoints[0].target, "/mcp?x=y");
}

#[test]
fn options_go_before_the_file_and_are_checked_alike() {
    let overrides =
        Overrides { listen: Address::parse("127.0.0.1:1").ok(), admin: AdminAddress::parse("127.0.0.1:2").ok() };
    let settings = overrides.parse(&format!("[listen]\naddress = \"0.0.0.0:80\"\n{SERVER}"), "f").unwrap();
    assert_eq!(
        (settings.listen.address.to_string(), settings.admin.address.to_string()),
        ("127.0.0.1:1".into(), "127.0.0.1:2".into())
    );

    let overrides =
        Overrides { listen: Address::parse("0.0.0.0:1").ok(), admin: AdminAddress::parse("0.0.0.0:1").ok() };
    let report = overrides.parse(SERVER, "f").unwrap_err().to_string();
    assert!(report.starts_with("f has 2 mistakes\n--admin 0.0.0.0:1: "), "{report}");
    assert!(report.contains("\n--listen 0.0.0.0:1: 0.0.0.0:1 is not loopback"), "{report}");
}

#[test]
fn nobody_is_let_in_off_loopback_without_its_being_said() {
    let open = "[listen]\naddress = \"0.0.0.0:8080\"\n";
    let refusal = "weir.toml:2:11: 0.0.0.0:8080 is not loopback, so that whoever reaches the address could call every \
                   server without credentials. Listen on 127.0.0.1, say who may call ([auth]), or say that you want it: \
                   [auth.anonymous] with `enabled = true` and `really = true`";
    assert_eq!(mistake(open), refusal);
    assert_eq!(mistake(&format!("{open}[auth.anonymous]\nenabled = true")), refusal);
    assert_eq!(mistake(&format!("{open}[auth.anonymous]\nenabled = true\nreally = false")), refusal);
    for address in ["[::]:1", "10.0.0.1:1", "[2001:db8::1]:1", "[::ffff:10.0.0.1]:1", "0.0.0.0:0"] {
        assert!(mistake(&format!("[listen]\naddress = \"{address}\"")).contains("is not loopback"), "{address}");
    }
    for address in ["127.0.0.2:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        parse(&format!("[listen]\naddress = \"{address}\""));
    }
    let said = parse(&format!("{open}[auth.anonymous]\nenabled = true\nreally = true"));
    assert!(said.auth.anonymous.enabled && said.auth.anonymous.really);
}

#[test]
fn an_auth_section_that_lets_nobody_in_is_refused() {
    let nobody = "nobody could call: name an issuer ([[auth.jwt]]), or say `enabled = true` in [auth.local] (the tokens of \
                  `weir token`), [auth.api_keys], [auth.mtls] or [auth.anonymous]";
    assert_eq!(mistake("[auth]"), format!("weir.toml:1:1: {nobody}"));
    assert_eq!(mistake("[auth.anonymous]\nreally = true"), format!("weir.toml:1:1: {nobody}"));
    assert_eq!(mistake("[auth.anonymous]\nenabled = false"), format!("weir.toml:2:11: {nobody}"));
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    assert_eq!(
        refused(&format!("[http]\n  boddy = \"4MiB\"  # \u{fc}\n{SERVER}")),
        "weir.toml:2:3: unknown key `boddy` in [http]: the nearest known one is `body`\n  |\n\
         2 |   boddy = \"4MiB\"  # \u{fc}\n  |   ^^^^^"
    );
}

#[test]
fn every_mistake_is_shown_at_once() {
    let report = refused("[http]\nbdoy = 1\nidle = 60\n\n[cluster]\nnode = \"a\"\n");
    assert_eq!(
        report,
        "weir.toml has 4 mistakes\n\
         weir.toml: there is no server to stand in front of: write [[servers]] with `name` and `endpoints`\n\
         weir.toml:2:1: unknown key `bdoy` in [http]: the nearest known one is `body`\n  |\n2 | bdoy = 1\n  | ^^^^\n\
         weir.toml:3:8: `idle` takes a time in ms, s, m, h or d, from \"10ms\" to \"1d\", not 60\n  |\n3 | idle = 60\n  \
         |        ^^\n\
         weir.toml:5:2: [cluster] is not built into this version\n  |\n5 | [cluster]\n  |  ^^^^^^^"
    );
}

#[test]
fn mistakes_say_what_would_be_right() {
    for (text, said) in [
        ("[htp]", "1:2: unknown section `htp`: the nearest known one is `http`"),
        ("[drain]\nx = 1", "2:1: unknown key `x` in [drain]: the known ones are `timeout`"),
        ("[[http]]", "1:1: [http] stands once: write it with single brackets"),
        ("http = 1", "1:8: `http` takes a section, [http], not 1"),
        ("[http]\nbody = 5", "2:8: `body` takes a size in B, KiB, MiB or GiB, from \"1KiB\" to \"1GiB\", not 5"),
        ("[http]\nbody = \"2GiB\"", "2:8: `body` has to be from \"1KiB\" to \"1GiB\", not \"2GiB\""),
        ("[http]\ndepth = -1", "2:9: `depth` has to be from 1 to 512, not -1"),
        ("[http]\ndepth = 1.5", "2:9: `depth` takes a whole number from 1 to 512, not 1.5"),
        (
            "[http]\nidle = \"none\"",
            "2:8: `idle` takes a time in ms, s, m, h or d, from \"10ms\" to \"1d\", not \"none\"",
        ),
        ("[http]\nshed_memory = \"101%\"", "2:15: `shed_memory` has to be from \"1%\" to \"100%\", not \"101%\""),
        ("[http]\nshed_memory = \"95%\"", "2:15: `shed_memory` (95%) has to be at most `refuse_memory` (90%)"),
        ("[http]\nlegacy_status = 200", "2:17: `legacy_status` takes \"200\" or \"table\", not 200"),
        (
            "[http]\nunverified = \"5/d\"",
            "2:14: `unverified` takes a rate from \"1/h\" to \"1000000/s\", or \"none\", not \"5/d\"",
        ),
        ("include = [\"a\"]", "1:11: only a configuration that is a file can include others"),
        (
            "[listen]\naddress = \"fd:a:b\"",
            "2:11: `address` takes the name of a socket behind `fd:`, as FileDescriptorName= gives it, not \"fd:a:b\"",
        ),
        ("[listen]\ncores = 0", "2:9: `cores` has to be from 1 to 256, not 0"),
        ("[listen]\nhosts = [\"a:80\"]", "2:10: `hosts` takes host names; \"a:80\" has a port: leave it out"),
        (
            "[listen]\nhosts = \"a\"",
            "2:9: `hosts` takes a list, [...]: host names without port, [\"gateway.internal\"]; this is \"a\"",
        ),
        (
            "[listen]\naddress = \"unix:weir.sock\"",
            "2:11: `address` takes the absolute path of a socket behind `unix:`, not \"weir.sock\"",
        ),
        ("[admin]\naddress = \"127.0.0.1:8080\"", "2:11: [admin] and [listen] cannot share the address 127.0.0.1:8080"),
        ("[keys]\nring = {}", "2:8: `ring` takes one of `file`, `env` and `credential`"),
        ("[keys]\nring = { file = \"\" }", "2:17: `file` must not be empty"),
        ("[auth]\nmtls = 1\n[auth.anonymous]\nenabled = true", "2:8: `mtls` takes a section, [auth.mtls], not 1"),
        (
            "[auth.anonymous]\nenabled = true\n[auth.mtls]\nenabled = true",
            "4:11: [auth.mtls] needs `tls` and `client_ca` in [listen]: clients are asked for no certificate",
        ),
        (
            "[auth.anonymous]\nenabled = true\nroles = [\"usr\"]",
            "3:10: `roles` names a role: no role is called \"usr\": the nearest one is \"user\"",
        ),
        ("x", "1:2: this is no TOML: key with no value, expected `=`"),
    ] {
        assert_eq!(mistake(text), format!("weir.toml:{said}"));
    }
}

#[test]
fn servers_and_routes_are_checked_against_each_other() {
    let report = refused("[servers]\nname = \"a\"\n");
    assert!(
        report.starts_with("weir.toml:1:1: this is a list of tables: write [[servers]], with double brackets"),
        "{report}"
    );
    for (text, said) in [
        (SERVER, "6:8: there is a server \"files\" already"),
        (
            "[[routes]]\npath = \"/x\"\nservers = [\"fles\"]",
            "3:11: no server is called \"fles\": the nearest one is \"files\"",
        ),
        ("[[routes]]\npath = \"/x\"\nservers = []", "3:11: `servers` takes the name of one server"),
        ("[[routes]]\nservers = [\"files\"]", "1:1: [[routes]] needs `path`: a path, \"/files/mcp\""),
        (
            "[[routes]]\npath = \"/x\"\nservers = [\"files\"]\n[[routes]]\npath = \"/x\"\nservers = [\"files\"]",
            "5:8: there is a route \"/x\" already",
        ),
        (
            "[[routes]]\npath = \"/x\"\nservers = [\"files\", \"b\"]",
            "3:11: several servers behind one path are not built into this version",
        ),
        (
            "[[routes]]\npath = \"/x\"\nservers = [\"files\"]\nanonymous = false",
            "4:13: `anonymous = false` would let nobody in: [auth] names no credentials that are taken",
        ),
        (
            "[[servers]]\nname = \"a\"\ncommand = [\"npx\"]\ntransport = \"http\"",
            "4:13: a server is a `command` or has `endpoints`, and `transport` belongs to the latter",
        ),
        (
            "[[servers]]\nname = \"a\"",
            "1:1: [[servers]] needs `endpoints`: 1 to 64 URLs, [\"http://10.0.0.1:3000/mcp\"], or tables with `url`",
        ),
        (
            "[[servers]]\nname = \"a\"\nendpoints = [\"http://b\", { url = \"http://b:80/\" }]",
            "3:26: the endpoint http://b/ is in this list already",
        ),
        (
            "[[servers]]\nname = \"a\"\nendpoints = [\"http://b\"]\ntls = { ca = \"ca.pem\" }",
            "4:7: `tls` is there, and no endpoint begins with https://",
        ),
        (
            "[[servers]]\nname = \"a\"\nendpoints = [\"https://b\"]\ntls = { key = \"key.pem\" }",
            "4:15: `key` needs `certificate` beside it",
        ),
        (
            "[[servers]]\nname = \"a\"\nendpoints = [\"http://b\"]\ntransport = \"ws\"",
            "4:13: `transport` takes \"http\" or \"sse\", not \"ws\"",
        ),
    ] {
        assert_eq!(mistake(text), format!("weir.toml:{said}"));
    }
}

#[test]
fn what_may_be_a_secret_is_not_repeated() {
    for text in [
        "[keys]\nring = \"hunter2\"",
        "[keys]\nring = [\"hunter2\"]",
        "[keys]\nring = hunter2",
        "[keys]\nring = hunter2=",
        "keys = { ring = hunter2",
        "[keys]\nring = { file = \"a\", env = \"hunter2\" }",
        "[[servers]]\nname = \"a\"\nendpoints = [\"http://me:hunter2@a/\"]",
        "[[servers]]\nname = \"a\"\nendpoints = [{ url = \"http://me:hunter2@a/\" }]",
        "[listen]\npublic_url = \"http://me:hunter2@a/\"",
        "[listen]\norigins = [\"http://me:hunter2@a\"]",
    ] {
        let report = refused(&format!("{text}\n{SERVER}"));
        assert!(!report.contains("hunter2"), "{report}");
    }
    let report = Settings::fronting(&[To::parse("a=http://me:hunter2@a/")]).unwrap_err().to_string();
    assert_eq!(report, "--to a=...: has a user or password in its URL, which would show in logs: take it out");
}

#[test]
fn a_secret_is_read_from_its_place() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("secret");
    fs::write(&path, "s3cret\n").unwrap();
    let secret = Secret::File(path.clone()).read().expect("it is there");
    assert_eq!(secret.as_bytes(), b"s3cret\n");
    fs::write(&path, vec![0; (64 << 10) + 1]).unwrap();
    let error = Secret::File(path.clone()).read().err().unwrap().to_string();
    assert_eq!(error, format!("cannot read the secret in the file {}: it is longer than 64 KiB", path.display()));
    let error = Secret::Env("WEIR_TEST_UNSET".into()).read().err().unwrap().to_string();
    assert_eq!(error, "cannot read the secret in the environment variable WEIR_TEST_UNSET: it is not set");
}

#[test]
fn several_to_need_names() {
    let report = Settings::fronting(&["http://a", "B=http://b", "c=x"].map(To::parse)).unwrap_err().to_string();
    assert_eq!(
        report,
        "the command line has 3 mistakes\n\
         --to: needs a name where there are several: --to NAME=URL\n\
         --to B=...: takes a name that begins with a letter and has at most 32 of a to z, 0 to 9 and -, not \"B\"\n\
         --to c=...: takes a URL that begins with http:// or https://, not \"x\""
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("weir.toml");
    let said = |path: &Path| Settings::load(path).unwrap_err().to_string();
    assert_eq!(said(&path), format!("{}: cannot be read: No such file or directory (os error 2)", path.display()));
    fs::write(&path, [0xff]).unwrap();
    assert!(said(&path).starts_with(&format!("{}:1:1: this is no UTF-8 (byte 0xff): ", path.display())));
    fs::write(&path, vec![b'#'; (4 << 20) + 1]).unwrap();
    assert_eq!(said(&path), format!("{}: cannot be read: the configuration is longer than 4 MiB", path.display()));
    let said = said(home.path());
    assert_eq!(said, format!("{}: cannot be read: it is a directory: name a file in it", home.path().display()));
}

/// Runs `weir` in an empty directory: its exit code, standard output and standard error.
fn weir(arguments: &[&str]) -> (Option<i32>, String, String) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    let output = command.args(arguments).current_dir(home.path()).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code(), out, err)
}

#[test]
fn a_wrong_command_line_is_explained() {
    for (arguments, said) in [
        (&["audit"][..], "weir: `audit` is not built into this version; `weir --help` says what is\n"),
        (&["run", "--to-command", "npx 'x"], "weir: --to-command: has a quote that is not closed\n"),
        (
            &["run", "--config", "nope.toml"],
            "weir: nope.toml: cannot be read: No such file or directory (os error 2)\n",
        ),
        (
            &["run", "--to", "ftp://a"],
            "weir: --to: takes a URL that begins with http:// or https://, not \"ftp://a\"\n",
        ),
        (
            &["run", "--confg", "x"],
            "weir: unexpected argument '--confg' found\n\n  tip: a similar argument exists: '--config'\n\n\
             Usage: weir run --config <FILE>\n\nFor more information, try '--help'.\n",
        ),
        (
            &["run", "--config", "x", "--to", "http://a"],
            "weir: the argument '--config <FILE>' cannot be used with '--to <[NAME=]URL>'\n\n\
             Usage: weir run --config <FILE>\n\nFor more information, try '--help'.\n",
        ),
        (
            &["run", "--to", "http://a", "--listen", "localhost:80"],
            "weir: invalid value 'localhost:80' for '--listen <ADDR>': takes an IP address and a port, for example \
             \"127.0.0.1:8080\" or \"[::1]:8080\", not \"localhost:80\"\n\nFor more information, try '--help'.\n",
        ),
    ] {
        assert_eq!(weir(arguments), (Some(2), String::new(), said.to_owned()));
    }
}

#[test]
fn help_and_version_are_no_failures() {
    assert_eq!(
        weir(&["--version"]),
        (Some(0), concat!("weir ", env!("CARGO_PKG_VERSION"), "\n").to_owned(), String::new())
    );
    let (code, help, _) = weir(&["run", "--help"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        help,
        "Stand between MCP clients and MCP servers

Usage: weir run [OPTIONS]

Options:
      --config <FILE>                   The configuration [default: ./weir.toml, then /etc/weir/weir.toml]
      --to <[NAME=]URL>                 An MCP server to stand in front of, without any file; may be given several times, with names
      --to-command <[NAME=]'CMD ARGS'>  An MCP server that speaks over stdio, started here; may be given several times, with names
      --listen <ADDR>                   Where clients reach us [default: 127.0.0.1:8080]
      --admin <ADDR>                    Where operators reach us [default: 127.0.0.1:9901]
      --data <DIR>                      Where keys are kept [default: $STATE_DIRECTORY, then ./weir-data]
  -h, --help                            Print help

Example: put http://127.0.0.1:3000/mcp behind http://127.0.0.1:8080/mcp
  weir run --to http://127.0.0.1:3000/mcp

Exit codes: 0 done, 1 the work failed, 2 the command line or the configuration is wrong,
3 a dependency is out of reach.
"
    );
}

proptest! {
    #[test]
    fn no_text_is_too_odd_for_a_report(text in "\\PC{0,200}|([\\[\\]a-z\"'=.{}#, \n\r\t\u{e9}]{0,200})") {
        if let Err(report) = Settings::parse(&text, "f") {
            prop_assert!(!report.to_string().is_empty() && report.count() > 0);
        }
    }

    /// The file of every key, damaged at one place, is accepted or refused, and never more than that.
    #[test]
    fn a_damaged_file_is_reported(at in 0..4000_usize, with in "[\\[\\]\"'=.{},#a1\n]{0,3}") {
        let text = uncommented();
        let at = text.floor_char_boundary(at.min(text.len()));
        let damaged = format!("{}{with}{}", &text[..at], &text[text.ceil_char_boundary((at + 1).min(text.len()))..]);
        if let Err(report) = Settings::parse(&damaged, "f") {
            prop_assert!(report.coloured().to_string().len() >= report.to_string().len());
        }
    }
}
