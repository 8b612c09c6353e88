//! The floor table of `src/lib.rs`, and the rules of the house that follow from it.

use std::collections::{BTreeMap, BTreeSet};

use crate::lexer::Kind;
use crate::paths::{Named, Target, imports, named};
use crate::rule::{Finding, Rule};
use crate::source::{SourceFile, Sources};

const TABLE: Rule = Rule {
    name: "table",
    why: "the table in src/lib.rs is the picture of the house; picture and code must not part",
    instead: "draw the module where it belongs, one line a module, and declare it with `pub mod` there",
};

const FLOORS: Rule = Rule {
    name: "floors",
    why: "imports go only downwards and modules on one floor are strangers, so that each can be read, tested and \
          replaced knowing only what lies below it",
    instead: "move the noun to a lower floor, hand it in as an argument, or let the module above join the two",
};

const ROOT: Rule = Rule {
    name: "root",
    why: "a path to the crate's root, or through a name that is no module there, hides what is imported",
    instead: "name the module: crate::MODULE::NAME",
};

const STRANGERS: Rule = Rule {
    name: "strangers",
    why: "stages, and back ends of one trait, do not know each other: their order lives in their parent's caller",
    instead: "pass the value through `pipeline` or the shared trait, or move the noun to `model`",
};

const HIDDEN: Rule = Rule {
    name: "hidden",
    why: "#[macro_use] and #[macro_export] put a name where no path shows who uses it; `extern crate` and `include!` \
          go around the module tree",
    instead: "`pub(crate) use the_macro;` beside its definition; a plain `mod` line",
};

const MAIN: &str = "src/main.rs";
const LIB: &str = "src/lib.rs";

/// Where the children of a module are strangers to each other: all of them, or the back ends named here.
const INNER: [(&str, Option<&[&str]>); 3] =
    [("stages", None), ("store", Some(&["postgres", "embedded"])), ("queue", Some(&["kafka", "local"]))];

/// Modules by name, with their floors.
pub(crate) type Floors = BTreeMap<String, u32>;

/// Reads the table out of lib.rs's docs: a number in the first three columns (none: the floor of the line above), the
/// module's name from the sixth on. A line that begins further right goes on with the description above.
pub(crate) fn table(lib: &SourceFile) -> Result<Floors, Finding> {
    let mut floors = Floors::new();
    let mut current: Option<u32> = None;
    let docs = lib.comments.iter().filter_map(|comment| Some((comment.text.strip_prefix("//!")?, comment.line)));
    let rows = docs.skip_while(|(text, _)| text.trim() != "floor").skip(1);
    for (text, line) in rows.take_while(|(text, _)| !text.trim().starts_with("```")) {
        let wrong = |what: &str| TABLE.at(&lib.path, line, format!("{what}: `{}`", text.trim()));
        let row = text.strip_prefix(' ').unwrap_or(text);
        let (Some(number), Some(rest)) = (row.get(..3), row.get(5..)) else {
            return Err(wrong("no row of the table"));
        };
        if !number.trim().is_empty() {
            let floor = number.trim().parse().map_err(|_| wrong("no floor"))?;
            if current.is_some_and(|above| above <= floor) {
                return Err(wrong("floors do not go down"));
            }
            current = Some(floor);
        } else if rest.starts_with(' ') {
            continue;
        }
        let (Some(name), Some(floor)) = (rest.split_whitespace().next(), current) else {
            return Err(wrong("no module"));
        };
        if floors.insert(name.to_owned(), floor).is_some() {
            return Err(wrong("a module on two floors"));
        }
    }
    if floors.is_empty() { Err(TABLE.at(&lib.path, 1, "no floor table in the docs")) } else { Ok(floors) }
}

/// Checks everything that follows from the table.
pub(crate) fn check(sources: &Sources) -> Vec<Finding> {
    let Some(lib) = sources.module(&[]) else {
        return vec![TABLE.at(LIB, 1, "there is no such file")];
    };
    let floors = match table(lib) {
        Ok(floors) => floors,
        Err(finding) => return vec![finding],
    };
    let mut found = lib_is_its_map(lib, &floors);
    for file in &sources.files {
        found.extend(hidden(file));
        for named in named(file) {
            found.extend(downwards(file, &named, &floors));
            found.extend(strangers(sources, file, &named));
        }
    }
    found
}

/// lib.rs holds docs, attributes and `pub mod` lines: those of the table, all of them, and nothing else.
fn lib_is_its_map(lib: &SourceFile, floors: &Floors) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut missing: BTreeSet<&str> = floors.keys().map(String::as_str).collect();
    let mut at = 0;
    while let Some(token) = lib.tokens.get(at) {
        let words: Vec<&str> = lib.tokens[at..].iter().take(4).map(|token| token.text.as_str()).collect();
        match words.as_slice() {
            ["pub", "mod", name, ";"] => {
                if !missing.remove(name) {
                    found.push(TABLE.at(&lib.path, token.line, format!("`{name}` is not on the table")));
                }
                at += 4;
            }
            ["#", "!", "[", ..] => at = crate::source::behind(&lib.tokens, at + 2),
            ["#", "[", ..] => at = crate::source::behind(&lib.tokens, at + 1),
            _ => {
                found.push(TABLE.at(
                    &lib.path,
                    token.line,
                    format!("`{}`: more than `pub mod NAME;`", words.join(" ")),
                ));
                at += 1 + lib.tokens[at..].iter().take_while(|token| !token.is(";")).count();
            }
        }
    }
    found.extend(missing.iter().map(|name| TABLE.at(&lib.path, 1, format!("`{name}` is on the table but no module"))));
    found
}

fn hidden(file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, token) in file.shipped.iter().enumerate() {
        let next = |ahead: usize| file.shipped.get(at + ahead);
        let bad = match token.text.as_str() {
            _ if token.kind != Kind::Ident => false,
            "macro_use" | "macro_export" => true,
            "extern" => next(1).is_some_and(|token| token.is_ident("crate")),
            "include" => next(1).is_some_and(|token| token.is("!")),
            "path" => next(1).is_some_and(|token| token.is("=")) && next(2).is_some_and(|t| t.text.ends_with(".rs\"")),
            _ => false,
        };
        if bad {
            found.push(HIDDEN.at(&file.path, token.line, format!("`{}`", token.text)));
        }
    }
    found
}

/// A module imports lower floors only.
fn downwards(file: &SourceFile, named: &Named, floors: &Floors) -> Option<Finding> {
    let path = match &named.to {
        Target::Inside(path) => path.as_slice(),
        Target::Bare(path) if file.path == MAIN && path[0] == "weir" => &path[1..],
        Target::Bare(_) => return None,
    };
    let Some((to, floor)) = path.first().and_then(|to| Some((to, floors.get(to)?))) else {
        let shown = path.iter().map(|name| format!("::{name}")).collect::<String>();
        return Some(ROOT.at(&file.path, named.line, format!("`crate{shown}` is no module of the table")));
    };
    // main.rs stands above all floors.
    let own = named.from.first()?;
    let own_floor = floors.get(own)?;
    if own == to || own_floor > floor {
        return None;
    }
    let whole = path.join("::");
    let what = format!("`{own}` (floor {own_floor}) imports `{whole}` (floor {floor})");
    Some(FLOORS.at(&file.path, named.line, what))
}

/// Children of `stages`, and back ends of one trait, do not know each other.
fn strangers(sources: &Sources, file: &SourceFile, named: &Named) -> Option<Finding> {
    let path = match &named.to {
        Target::Inside(path) => path.clone(),
        // `session::X` in stages/mod.rs; elsewhere the first name is a crate or was imported by a path of its own.
        Target::Bare(path) if named.from.len() == 1 => [named.from.clone(), path.clone()].concat(),
        Target::Bare(_) => return None,
    };
    let (parent, kin) = INNER.iter().find(|(parent, _)| named.from.first().is_some_and(|own| own == parent))?;
    let home = sources.module(&[(*parent).to_owned()])?;
    let children: BTreeSet<&str> = match kin {
        Some(names) => names.iter().copied().collect(),
        None => home.children.iter().filter_map(|(child, ..)| child.get(1)).map(String::as_str).collect(),
    };
    let finding = |what: String| Some(STRANGERS.at(&file.path, named.line, what));
    let child_of =
        |path: &[String]| path.get(1).filter(|name| path[0] == *parent && children.contains(name.as_str())).cloned();
    let Some(own) = child_of(&named.from) else {
        let hides = named.glob && child_of(&path).is_some();
        return if hides { finding(format!("`use {}::*` hides who is imported", path.join("::"))) } else { None };
    };
    if path.as_slice() == [*parent] {
        return finding(format!("`{own}` imports the whole of `{parent}`"));
    }
    // What the parent brings in under another name is still the sibling's.
    let through = path.get(1).filter(|_| path[0] == *parent).and_then(|name| imports(home).remove(name));
    let origin = match through {
        Some(Target::Inside(origin)) => origin,
        Some(Target::Bare(origin)) => [vec![(*parent).to_owned()], origin].concat(),
        None => path.clone(),
    };
    let sibling = child_of(&origin).filter(|sibling| *sibling != own)?;
    finding(format!("`{own}` imports its sibling `{sibling}` ({})", path.join("::")))
}
