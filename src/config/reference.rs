//! The reference of every key, printed from the shapes that the decoder reads by.

use std::fmt::Write;

use super::{
    root,
    shape::{Key, Kind, Shape, Value},
};

const HEAD: &str = "# The configuration file

<!-- Printed from the tables in src/config by tests/config.rs. Write there, then: WEIR_BLESS=1 cargo test --test config -->

TOML, one section a concern. `weir run --config FILE` reads it; without `--config` and `--to` it is `./weir.toml`, then
`/etc/weir/weir.toml`. An unknown key is an error. Bounds are inclusive. `weir check` checks a
file, `weir schema` prints its JSON Schema for editors. `config/weir.toml` is the whole file with
comments, `config/examples/` has one file a use.

`include = [\"conf.d/*.toml\"]` at the top of the file reads further files, in the order of their names: paths are taken from
that file's directory, `*` and `?` may stand in the last part. Lists (`[[servers]]`, `[[routes]]`) add up in that order, a
plain section may stand in one file only, and an included file includes no others. Each file is named once.

What is read has to be regular files in UTF-8, of at most 4 MiB together: no pipe, no device, no directory. Secrets may have
64 KiB, certificates 16 MiB. `weir check` alone takes a pipe as the file, as in `weir check --config /dev/stdin`, with what it
includes in the directory that it is started in; `weir run` would have to read it again at a reload.

No environment variable is put into a text. A secret may come from one, by name; see below.
";

/// `docs/CONFIG.md`.
pub fn markdown() -> String {
    let mut text = HEAD.to_owned();
    for shape in root::TABLES {
        section(&mut text, shape);
    }
    text.push_str("\n## Not built into this version\n\nRefused by name: ");
    let sections = root::SHAPE.unbuilt.iter().map(|name| format!("`[{name}]`"));
    text.push_str(&sections.collect::<Vec<_>>().join(", "));
    text.push_str(", and the keys that the sections above name so.\n");
    text
}

/// Every table of the file in the order of the reference, those inside others behind them.
pub fn tables() -> &'static [&'static Shape] {
    root::TABLES
}

fn section(text: &mut String, Shape { title, about, keys, unbuilt }: &Shape) {
    let title = if title.starts_with('[') { format!("`{title}`") } else { (*title).to_owned() };
    let mut line = |line: String| writeln!(text, "{line}").expect("a String takes everything");
    line(format!("\n## {title}\n\n{about}\n\n| key | takes | default | |\n| --- | --- | --- | --- |"));
    for Key { name, kind, default, about } in *keys {
        line(format!("| `{name}` | {} | {} | {about} |", takes(*kind), shown(*default)));
    }
    if !unbuilt.is_empty() {
        let names: Vec<_> = unbuilt.iter().map(|name| format!("`{name}`")).collect();
        line(format!("\nNot built into this version: {}.", names.join(", ")));
    }
}

fn takes(kind: Kind) -> String {
    match kind {
        Kind::List(what) => format!("a list: {what}"),
        kind => kind.describe(),
    }
}

fn shown(default: Value<'_>) -> String {
    match default {
        Value::Absent => String::new(),
        default => format!("`{}`", default.describe()),
    }
}
