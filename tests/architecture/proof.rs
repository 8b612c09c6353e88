//! The checks, tried on small sources: each kind of violation is found, and what is allowed is not.

use crate::rule::Finding;
use crate::source::Sources;
use crate::{floors, habits, homes};

const LIB: &str = "\
//! A house.
//!
//! ```text
//! floor
//!   8  edge       clients
//!      admin      operators,
//!                 who read
//!   6  stages     a stage each
//!   4  net        sockets
//!   2  config     settings
//!   1  model      nouns
//!      seal       ids
//!   0  protocol   the wire
//! ```

pub mod protocol;
pub mod model;
pub mod seal;
pub mod config;
pub mod net;
pub mod stages;
pub mod edge;
pub mod admin;
";

/// A house whose modules are empty but for `files`, which stand in the place of the empty ones.
fn house(files: &[(&str, &str)]) -> Sources {
    let mut all: Vec<(String, String)> = vec![("src/lib.rs".into(), LIB.into())];
    for module in ["protocol", "model", "seal", "config", "net", "stages", "edge", "admin"] {
        let text = if module == "stages" {
            "//! A.\nmod balance;\nmod session;\npub use session::Bound;\n"
        } else {
            "//! A.\n"
        };
        all.push((format!("src/{module}/mod.rs"), text.into()));
    }
    for stage in ["balance", "session"] {
        all.push((format!("src/stages/{stage}.rs"), "//! A.\n".into()));
    }
    for (path, text) in files {
        all.retain(|(known, _)| known != path);
        all.push(((*path).to_owned(), (*text).to_owned()));
    }
    Sources::new(all)
}

/// Everything that is wrong with a house, as `file:line rule`.
fn wrong(files: &[(&str, &str)]) -> Vec<String> {
    let sources = house(files);
    let mut found = Vec::new();
    found.extend(sources.unreadable.iter().cloned());
    found.extend(sources.unreachable());
    found.extend(floors::check(&sources));
    found.extend(homes::check(&sources, &[]));
    found.extend(habits::check(&sources));
    let show =
        |Finding { file, line, rule, .. }: Finding| format!("{}:{line} {}", file.trim_start_matches("src/"), rule.name);
    found.into_iter().map(show).collect()
}

/// Asserts that `code`, standing on line 2 of `path`, breaks exactly the rule `rule`, once, on line 2.
#[track_caller]
fn breaks(path: &str, code: &str, rule: &str) {
    let text = format!("//! A.\n{code}\n");
    let expected = format!("{}:2 {rule}", path.trim_start_matches("src/"));
    assert_eq!(wrong(&[(path, &text)]), [expected], "{code}");
}

#[track_caller]
fn passes(path: &str, code: &str) {
    assert_eq!(wrong(&[(path, &format!("//! A.\n{code}\n"))]), [""; 0], "{code}");
}

#[test]
fn an_empty_house_stands() {
    assert_eq!(wrong(&[]), [""; 0]);
}

#[test]
fn every_way_to_write_an_upward_import_is_found() {
    for code in [
        "use crate::edge::Table;",
        "use crate::edge;",
        "pub use crate::edge::Table as Other;",
        "pub(crate) use crate::edge::*;",
        "use crate::{model::Clock, edge::{Table}};",
        "use crate::{config::{Limits, Http}, model, edge as up};",
        "use super::edge::Table;",
        "use super::{model, edge::Table};",
        "use self::super::edge::Table;",
        "fn f() { crate::edge::table(); }",
        "fn f() { super::edge::table::<u8>(); }",
        "fn f() -> Vec<crate::edge::Table> { Vec::new() }",
        "fn f() { <crate::edge::Table as Default>::default(); }",
        "macro_rules! m { () => { $crate::edge::table!() } }",
        "macro_rules! m { () => { use $crate::edge::Table; } }",
        "mod inner { use super::super::edge::Table; }",
        "mod inner { mod deeper { fn f() { super::super::super::edge::f(); } } }",
        "fn f() { let x = 'a'; let y: &'static str = \"// {\"; crate::edge::f(x, y); }",
        "#[derive(crate::edge::Macro)] struct S;",
        "#[cfg(any(test, unix))] use crate::edge::Table;",
        "#[cfg(not(test))] use crate::edge::Table;",
        "pub(in crate::edge) fn f() {}",
    ] {
        breaks("src/net/mod.rs", code, "floors");
    }
    let multi_line = "//! A.\nuse crate::{\n    model::Clock,\n    edge::{\n        Table,\n    },\n};\n";
    assert_eq!(wrong(&[("src/net/mod.rs", multi_line)]), ["net/mod.rs:5 floors"]);
}

#[test]
fn a_climb_is_counted_from_the_file_it_stands_in() {
    let declares = ("src/net/mod.rs", "//! A.\nmod guard;\n");
    let up = "//! A.\nuse super::super::edge::Table;\n";
    assert_eq!(wrong(&[declares, ("src/net/guard.rs", up)]), ["net/guard.rs:2 floors"]);
    assert_eq!(wrong(&[declares, ("src/net/guard/mod.rs", up)]), ["net/guard/mod.rs:2 floors"]);
    let own = "//! A.\nuse super::edge::Table;\n";
    assert_eq!(wrong(&[declares, ("src/net/guard.rs", own)]), [""; 0], "net::edge is a module of net");
}

#[test]
fn modules_on_one_floor_are_strangers() {
    breaks("src/edge/mod.rs", "use crate::admin::Health;", "floors");
    breaks("src/model/mod.rs", "use crate::seal::Ring;", "floors");
    breaks("src/seal/mod.rs", "use crate::model::Clock;", "floors");
}

#[test]
fn downward_imports_comments_strings_and_tests_pass() {
    for code in [
        "use crate::{protocol, model::Clock, config::Limits};",
        "use super::model::Clock;",
        "use crate::net::guard::Head; use self::guard::Body; use guard::Other;",
        "/// See [`crate::edge::Table`].\nfn f() {}",
        "// use crate::edge::Table;\n/* use crate::edge; /* nested */ crate::edge::x */",
        "const X: &str = \"crate::edge::f()\"; const Y: &str = r#\"\"crate::edge::f\"#;",
        "#[cfg(test)] use crate::edge::Table;",
        "#[cfg(test)] #[allow(dead_code)] pub(crate) fn f() { crate::edge::f(); }\nfn g() {}",
        "#[cfg(test)] mod tests { use crate::edge::Table; fn f() { let x = [1; { 2 }]; } }",
        "#[cfg(all(test, unix))] const X: u8 = { crate::edge::X };",
        "fn f() -> impl Iterator<Item = u8> + use<'static> { [].into_iter() }",
        "fn f(edge: super::model::X) { edge.crate_(); }",
    ] {
        passes("src/net/mod.rs", code);
    }
}

#[test]
fn only_what_is_under_cfg_test_is_left_out() {
    let code = "//! A.\n#[cfg(test)]\nuse crate::edge::A;\nuse crate::edge::B;\n#[cfg(test)]\nmod tests {}\nuse crate::edge::C;\n\
                struct S { #[cfg(test)] a: crate::edge::A, b: u8 }\nfn f() { crate::edge::f() }\n";
    assert_eq!(
        wrong(&[("src/net/mod.rs", code)]),
        ["net/mod.rs:4 floors", "net/mod.rs:7 floors", "net/mod.rs:9 floors"]
    );
    let up = ("src/net/tests.rs", "//! A.\nuse crate::edge::Table;\nfn f() { x.unwrap(); Instant::now(); }\n");
    assert_eq!(wrong(&[("src/net/mod.rs", "//! A.\n#[cfg(test)]\nmod tests;\n"), up]), [""; 0]);
    let shipped = ("src/net/mod.rs", "//! A.\nmod tests;\n");
    assert_eq!(wrong(&[shipped, up]), ["net/tests.rs:2 floors", "net/tests.rs:3 clock", "net/tests.rs:3 unwrap"]);
    let whole = ("src/net/mod.rs", "//! A.\n#![cfg(test)]\nuse crate::edge::Table;\n");
    assert_eq!(wrong(&[whole]), [""; 0]);
}

#[test]
fn the_root_is_nobodys_import() {
    for code in [
        "use crate as all;",
        "use crate::*;",
        "use super::*;",
        "use super as up;",
        "use crate::{self};",
        "use crate::Table;",
        "use crate::unknown::Table;",
        "macro_rules! m { ($x:ident) => { $crate::$x::f() } }",
    ] {
        breaks("src/net/mod.rs", code, "root");
    }
}

#[test]
fn stages_are_strangers_to_each_other() {
    for code in [
        "use crate::stages::session::Bound;",
        "use super::session::Bound;",
        "use super::{session};",
        "use super::Bound;",
        "fn f() { super::session::f(); }",
        "mod inner { use super::super::session; }",
        "use super::*;",
        "use crate::stages;",
        "use super::{self as stages};",
    ] {
        breaks("src/stages/balance.rs", code, "strangers");
    }
    breaks("src/stages/mod.rs", "mod balance; mod session; pub use session::*;", "strangers");
    passes("src/stages/balance.rs", "use super::Shared; use crate::stages::balance::Pick; use crate::model::session;");
    passes("src/edge/mod.rs", "use crate::stages::{balance, session};");
}

#[test]
fn back_ends_know_their_trait_and_not_each_other() {
    let lib = LIB
        .replace("//!   4  net ", "//!   5  queue      carries\n//!   4  net ")
        .replace("pub mod stages;", "pub mod queue;\npub mod stages;");
    let files = |kafka: &'static str| {
        wrong(&[
            ("src/lib.rs", &lib),
            ("src/queue/mod.rs", "//! A.\nmod kafka;\nmod local;\nmod queue;\npub use queue::Queue;\n"),
            ("src/queue/queue.rs", "//! A.\n"),
            ("src/queue/local/mod.rs", "//! A.\n"),
            ("src/queue/kafka/mod.rs", kafka),
        ])
    };
    assert_eq!(files("//! A.\nuse super::queue::Queue;\nuse super::Queue as Q;\n"), [""; 0]);
    assert_eq!(files("//! A.\n\nuse super::local::X;\n"), ["queue/kafka/mod.rs:3 strangers"]);
}

#[test]
fn the_table_and_the_modules_are_the_same() {
    let with = |from: &str, to: &str| wrong(&[("src/lib.rs", &LIB.replacen(from, to, 1))]);
    assert_eq!(with("//!   4  net        sockets\n", ""), ["lib.rs:19 table"]);
    assert_eq!(with("pub mod net;\n", ""), ["net/mod.rs:1 readable", "lib.rs:1 table"]);
    let not_a_module = ["net/mod.rs:1 readable", "lib.rs:20 table", "lib.rs:1 table"];
    assert_eq!(with("pub mod net;", "pub use net::X;"), not_a_module);
    assert_eq!(with("  4  net", "  7  net"), ["lib.rs:9 table"]);
    assert_eq!(with("  4  net", "  4  edge"), ["lib.rs:9 table"]);
    assert_eq!(with("  4  net", "four  net"), ["lib.rs:9 table"]);
    assert_eq!(with("//! floor\n", ""), ["lib.rs:1 table"]);
}

#[test]
fn main_stands_above_all_floors() {
    let main = |code: &str| wrong(&[("src/main.rs", &format!("//! A.\n{code}\n"))]);
    assert_eq!(main("use weir::edge::Table; fn main() -> anyhow::Result<()> { weir::admin::run() }"), [""; 0]);
    assert_eq!(main("use weir::Table;"), ["main.rs:2 root"]);
    assert_eq!(main("mod edge;"), ["main.rs:2 readable"]);
}

#[test]
fn what_hides_an_import_is_refused() {
    breaks("src/net/mod.rs", "#[macro_export] macro_rules! m { () => {} }", "hidden");
    breaks("src/net/mod.rs", "#[macro_use] pub(crate) mod x {}", "hidden");
    breaks("src/net/mod.rs", "extern crate self as weir;", "hidden");
    breaks("src/net/mod.rs", "include!(\"../edge/mod.rs\");", "hidden");
    breaks("src/net/mod.rs", "#[path = \"../edge/mod.rs\"] pub(crate) mod x {}", "hidden");
    passes("src/net/mod.rs", "const X: &str = include_str!(\"x.txt\");");
}

#[test]
fn crates_stay_at_home() {
    breaks("src/edge/mod.rs", "use rustls::ServerConfig;", "homes");
    breaks("src/edge/mod.rs", "use {std::io, ::rustls::ServerConfig};", "homes");
    breaks("src/net/mod.rs", "fn f() { ::aws_lc_rs::rand::fill(); }", "homes");
    breaks("src/net/mod.rs", "#[derive(clap::Parser)] struct S;", "homes");
    breaks("src/edge/mod.rs", "use anyhow as errors;", "homes");
    breaks("src/config/mod.rs", "pub use toml;", "homes");
    breaks("src/config/mod.rs", "pub(crate) use toml::*;", "homes");
    breaks("src/stages/balance.rs", "use axum::Router;", "homes");
    passes("src/admin/mod.rs", "use axum::Router; pub use axum::body::Body;");
    passes("src/seal/mod.rs", "use aws_lc_rs::aead;");
    passes("src/net/mod.rs", "mod tls { use rustls::ServerConfig; fn f() { tokio_rustls::f(); } }");
    passes("src/net/mod.rs", "// rustls::x\nfn f(x: other::rustls::X) { x.rustls(); }");
}

#[test]
fn every_dependency_has_a_home() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\n# Why.\ntokio-rustls = { version = \"1\" }\nleft-pad = \"1\"\n\n[dev-dependencies]\nproptest = \"1\"\n";
    assert_eq!(homes::dependencies(manifest), ["tokio_rustls", "left_pad"]);
    let found = homes::check(&house(&[]), &homes::dependencies(manifest));
    assert_eq!(found.iter().map(|finding| finding.what.as_str()).collect::<Vec<_>>(), ["`left_pad` has none"]);
}

#[test]
fn pure_modules_do_no_io() {
    breaks("src/protocol/mod.rs", "use tokio::io::AsyncRead;", "protocol is pure");
    breaks("src/protocol/mod.rs", "fn f() { std::fs::read(\"x\"); }", "protocol is pure");
    breaks("src/protocol/mod.rs", "use core::net::IpAddr;", "protocol is pure");
    breaks("src/protocol/mod.rs", "use std::{fmt, thread};", "protocol is pure");
    breaks("src/protocol/mod.rs", "use std::*;", "protocol is pure");
    breaks("src/stages/balance.rs", "use crate::model::clock;", "pure cores");
    breaks("src/stages/balance.rs", "use crate::model::*;", "pure cores");
    breaks("src/stages/balance.rs", "fn f() { crate::net::connect(); }", "pure cores");
    breaks("src/stages/session.rs", "use crate::config::Settings;", "settings by section");
    breaks("src/stages/session.rs", "use crate::config::{Limits, Settings as All};", "settings by section");
    passes("src/stages/session.rs", "use crate::config::Limits; use crate::net::Pool; use tokio::time;");
    passes("src/protocol/mod.rs", "use std::{fmt, ops::Range};");
}

#[test]
fn the_clock_is_asked_in_one_place() {
    breaks("src/net/mod.rs", "fn f() { Instant::now(); }", "clock");
    breaks("src/net/mod.rs", "fn f() { std::time::SystemTime::now(); }", "clock");
    breaks("src/net/mod.rs", "fn f() { tokio::time::Instant::now(); }", "clock");
    breaks("src/net/mod.rs", "fn f() { <std::time::Instant>::now(); }", "clock");
    breaks("src/net/mod.rs", "fn f() { x.get_or_insert_with(Instant::now); }", "clock");
    breaks("src/net/mod.rs", "fn f() { started.elapsed(); }", "clock");
    breaks("src/net/mod.rs", "use std::time::Instant as Moment;", "clock");
    passes("src/net/mod.rs", "use std::time::Instant; #[cfg(test)] fn f() { Instant::now(); }");
    let declared = ("src/model/mod.rs", "//! A.\npub mod clock;\n");
    assert_eq!(wrong(&[declared, ("src/model/clock.rs", "//! A.\nfn now() { Instant::now(); }\n")]), [""; 0]);
}

#[test]
fn habits() {
    assert_eq!(wrong(&[("src/net/mod.rs", "use std::io;\n")]), ["net/mod.rs:1 opening"]);
    assert_eq!(wrong(&[("src/net/mod.rs", "//!\n")]), ["net/mod.rs:1 opening"]);
    breaks("src/net/mod.rs", "fn f() { todo!() }", "leftover");
    breaks("src/net/mod.rs", "fn f() { std::unimplemented!(\"x\") }", "leftover");
    breaks("src/net/mod.rs", "#[cfg(test)] fn f() { dbg!(1); }", "leftover");
    breaks("src/net/mod.rs", "// TODO: build this", "leftover");
    breaks("src/net/mod.rs", "fn f() { x.unwrap(); }", "unwrap");
    passes("src/net/mod.rs", "fn f() { x.unwrap_or(1).expect(\"x is set above\"); } // todo is a word");
    let lines =
        |count: usize| wrong(&[("src/net/mod.rs", &format!("//! A.\n{}", "// c\n\nconst X: u8 = 1;\n".repeat(count)))]);
    assert_eq!(lines(400), [""; 0]);
    assert_eq!(lines(401), ["net/mod.rs:1 file size"]);
    let body = |count: usize| {
        let text = format!("//! A.\nfn f(x: R<{{ 1 }}>) -> [u8; {{ 2 }}]\n{{\n{}}}\n", "x();\n\n// c\n".repeat(count));
        wrong(&[("src/net/mod.rs", &text)])
    };
    assert_eq!(body(97), [""; 0]);
    assert_eq!(body(98), ["net/mod.rs:2 function size"]);
}

#[test]
fn what_cannot_be_read_is_said() {
    assert_eq!(wrong(&[("src/net/mod.rs", "//! A.\nfn f() {\n")]), ["net/mod.rs:2 readable"]);
    assert_eq!(wrong(&[("src/net/mod.rs", "//! A.\nfn f() { \"x }\n")]), ["net/mod.rs:2 readable"]);
    assert_eq!(wrong(&[("src/net/stray.rs", "//! A.\n")]), ["net/stray.rs:1 readable"]);
}

#[test]
fn a_finding_says_where_what_why_and_what_instead() {
    let sources = house(&[("src/net/mod.rs", "//! A.\n\nuse crate::edge::Table;\n")]);
    let shown = floors::check(&sources)[0].to_string();
    assert!(shown.starts_with("src/net/mod.rs:3: `net` (floor 4) imports `edge::Table` (floor 8)\n"), "{shown}");
    assert!(shown.contains("rule `floors`: imports go only downwards") && shown.contains("instead: move"), "{shown}");
}
