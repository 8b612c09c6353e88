//! The files of `src` as modules: which file is which module, and which of its tokens ship.
//!
//! Items under `#[cfg(test)]` are taken out, and so is every file that is declared by a `mod` line under it. Where an
//! attribute is not plainly "tests only" (`any(test, ..)`, `not(test)`), the item ships: when in doubt, a rule holds.

use std::collections::BTreeMap;
use std::path::Path;

use crate::lexer::{Comment, Kind, Token, lex};
use crate::rule::{Finding, Rule};

/// A module's place from the crate's root: `["net", "guard"]`.
pub(crate) type ModulePath = Vec<String>;

/// One file, split.
pub(crate) struct SourceFile {
    /// From the repository's root: `src/net/mod.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Everything, tests too.
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
    /// What is compiled outside of tests; empty where the file itself is declared for tests only.
    pub(crate) shipped: Vec<Token>,
    /// The inline module each shipped token stands in, from the crate's root.
    pub(crate) scopes: Vec<ModulePath>,
    /// Child modules that this file declares with `mod x;`, with "for tests only" and the line.
    pub(crate) children: Vec<(ModulePath, bool, usize)>,
}

/// All files that are checked.
pub(crate) struct Sources {
    /// Files under `src/`, by path.
    pub(crate) files: Vec<SourceFile>,
    /// What could not be read at all.
    pub(crate) unreadable: Vec<Finding>,
}

/// A file that cannot be split would silently escape every other rule.
pub(crate) const READABLE: Rule = Rule {
    name: "readable",
    why: "a file that the checker cannot read, or that no `mod` line reaches, escapes every other rule",
    instead: "close what is open; declare the file where `ls` makes one expect it, without #[path], or delete it",
};

impl Sources {
    /// Splits files given as (path, text).
    pub(crate) fn new(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut sources = Self { files: Vec::new(), unreadable: Vec::new() };
        for (path, text) in files {
            match SourceFile::new(&path, text) {
                Ok(file) => sources.files.push(file),
                Err((line, what)) => sources.unreadable.push(READABLE.at(&path, line, what)),
            }
        }
        sources.files.sort_by(|a, b| a.path.cmp(&b.path));
        sources.drop_test_files();
        sources
    }

    /// Every `.rs` file below `root/folder`, read from disk.
    pub(crate) fn read(root: &Path, folder: &str) -> Self {
        let mut files = Vec::new();
        let mut folders = vec![root.join(folder)];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
            for entry in entries {
                let path = entry.expect("a readable directory").path();
                if path.is_dir() {
                    // A fuzz workspace below `tests` has its build beside it.
                    folders.extend((!path.ends_with("target")).then_some(path));
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                    let name = path.strip_prefix(root).expect("found below root").to_string_lossy().into_owned();
                    files.push((name, text));
                }
            }
        }
        Self::new(files)
    }

    /// The file that is the module `module`.
    pub(crate) fn module(&self, module: &[String]) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.module().is_some_and(|place| place == module))
    }

    /// Files that no `mod` line reaches, and `mod` lines in main.rs (it would compile a module twice).
    pub(crate) fn unreachable(&self) -> Vec<Finding> {
        let declared = self.declared();
        let mut found = Vec::new();
        for file in &self.files {
            let stray = file.module().filter(|module| !module.is_empty() && !declared.contains_key(module));
            if stray.is_some() {
                found.push(READABLE.at(&file.path, 1, "no `mod` line declares this file"));
            }
            if file.path == "src/main.rs" {
                let lines = file.children.iter().map(|(.., line)| *line);
                found.extend(lines.map(|line| READABLE.at(&file.path, line, "main.rs declares a module; lib.rs does")));
            }
        }
        found
    }

    /// Declared modules, and whether they are for tests only (by their own line or by an ancestor's).
    fn declared(&self) -> BTreeMap<ModulePath, bool> {
        let mut declared = BTreeMap::new();
        let mut pending = vec![(ModulePath::new(), false)];
        while let Some((module, parent_is_test)) = pending.pop() {
            let Some(file) = self.module(&module) else { continue };
            for (child, is_test, _) in &file.children {
                let is_test = *is_test || parent_is_test;
                if declared.insert(child.clone(), is_test).is_none() {
                    pending.push((child.clone(), is_test));
                }
            }
        }
        declared
    }

    fn drop_test_files(&mut self) {
        let declared = self.declared();
        for file in &mut self.files {
            if file.module().is_some_and(|module| declared.get(&module) == Some(&true)) {
                file.shipped.clear();
                file.scopes.clear();
            }
        }
    }
}

impl SourceFile {
    fn new(path: &str, text: String) -> Result<Self, (usize, String)> {
        let lexed = lex(&text).map_err(|(line, what)| (line, format!("a {what} that never ends")))?;
        let mut file = Self {
            path: path.to_owned(),
            text,
            tokens: lexed.tokens,
            comments: lexed.comments,
            shipped: Vec::new(),
            scopes: Vec::new(),
            children: Vec::new(),
        };
        balanced(&file.tokens)?;
        let place = file.module().unwrap_or_default();
        let (kept, tests) = split_tests(&file.tokens);
        file.scopes = scopes(&kept, &place, false, &mut file.children);
        scopes(&tests, &place, true, &mut file.children);
        file.shipped = kept;
        Ok(file)
    }

    /// The module that this file is; `None` for main.rs and for files outside of src.
    pub(crate) fn module(&self) -> Option<ModulePath> {
        let inside = self.path.strip_prefix("src/")?.strip_suffix(".rs")?;
        if inside == "main" {
            return None;
        }
        let mut place: ModulePath = inside.split('/').map(str::to_owned).collect();
        if place.last().is_some_and(|last| last == "mod" || inside == "lib") {
            place.pop();
        }
        Some(place)
    }

    /// Lines that hold code, comments and blank lines left out.
    pub(crate) fn lines_of_code(&self) -> usize {
        let mut lines: Vec<_> = self.tokens.iter().map(|token| token.line).collect();
        lines.dedup();
        lines.len()
    }
}

fn balanced(tokens: &[Token]) -> Result<(), (usize, String)> {
    let mut open: Vec<&Token> = Vec::new();
    for token in tokens.iter().filter(|token| token.kind == Kind::Punct) {
        let closes = match token.text.as_str() {
            "{" | "(" | "[" => {
                open.push(token);
                continue;
            }
            "}" => "{",
            ")" => "(",
            "]" => "[",
            _ => continue,
        };
        if open.pop().is_none_or(|opening| opening.text != closes) {
            return Err((token.line, format!("`{}` without its `{closes}`", token.text)));
        }
    }
    open.pop().map_or(Ok(()), |opening| Err((opening.line, format!("`{}` is never closed", opening.text))))
}

/// The index behind the bracket that closes the one at `open`.
pub(crate) fn behind(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open).filter(|(_, token)| token.kind == Kind::Punct) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Tokens that ship, and those under `#[cfg(test)]`.
fn split_tests(tokens: &[Token]) -> (Vec<Token>, Vec<Token>) {
    let (mut kept, mut tests) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].is("#") && tokens.get(at + 1).is_some_and(|next| next.is("!")) {
            let end = behind(tokens, at + 2);
            if is_cfg_test(&tokens[at + 2..end]) {
                tests.extend_from_slice(&tokens[end..]);
                return (kept, tests);
            }
        }
        if tokens[at].is("#") && tokens.get(at + 1).is_some_and(|next| next.is("[")) {
            let end = behind(tokens, at + 1);
            if is_cfg_test(&tokens[at + 1..end]) {
                let item_end = end_of_item(tokens, end);
                tests.extend_from_slice(&tokens[end..item_end]);
                at = item_end;
                continue;
            }
        }
        kept.push(tokens[at].clone());
        at += 1;
    }
    (kept, tests)
}

/// Whether `[cfg(...)]` is true in tests only: `test` itself, or an `all(..)` with `test` among its conditions.
fn is_cfg_test(attribute: &[Token]) -> bool {
    let words: Vec<&str> = attribute.iter().map(|token| token.text.as_str()).collect();
    match words.as_slice() {
        ["[", "cfg", "(", "test", ")", "]"] => true,
        ["[", "cfg", "(", "all", "(", conditions @ .., ")", ")", "]"] => {
            let mut depth = 0usize;
            conditions.iter().enumerate().any(|(at, word)| {
                match *word {
                    "(" => depth += 1,
                    ")" => depth -= 1,
                    _ => {}
                }
                *word == "test" && depth == 0 && conditions.get(at + 1).is_none_or(|next| *next == ",")
            })
        }
        _ => false,
    }
}

/// The index behind the item that begins at `start`, further attributes included. Where it is no item (a field, an
/// arm, a statement) it ends at the first comma: too early rather than too late.
fn end_of_item(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    while tokens.get(at).is_some_and(|token| token.is("#")) {
        at = behind(tokens, at + 1);
    }
    if tokens.get(at).is_some_and(|token| token.is_ident("pub")) {
        at += 1;
        if tokens.get(at).is_some_and(|token| token.is("(")) {
            at = behind(tokens, at);
        }
    }
    let word = |at: usize| tokens.get(at).filter(|t| t.kind == Kind::Ident).map_or("", |t| t.text.as_str());
    let function_follows = matches!(word(at + 1), "fn" | "unsafe" | "async" | "extern");
    let (to_semicolon, is_item) = match word(at) {
        "const" => (!function_follows, true),
        "use" | "static" | "type" | "let" => (true, true),
        "fn" | "mod" | "struct" | "enum" | "union" | "trait" | "impl" | "extern" | "unsafe" | "async" => (false, true),
        "macro_rules" => (false, true),
        _ => (false, tokens.get(at + 1).is_some_and(|next| next.is("!"))),
    };
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" if !to_semicolon => return behind(tokens, at),
            "{" | "(" | "[" => at = behind(tokens, at),
            ";" => return at + 1,
            "," if !is_item => return at + 1,
            "}" | ")" | "]" => return at,
            _ => at += 1,
        }
    }
    at
}

/// The inline module of each token; children declared with `mod x;` are added to `children`.
fn scopes(
    tokens: &[Token],
    place: &[String],
    is_test: bool,
    children: &mut Vec<(ModulePath, bool, usize)>,
) -> Vec<ModulePath> {
    let mut scope = place.to_vec();
    let mut ends: Vec<usize> = Vec::new();
    let mut found = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        while ends.last() == Some(&at) {
            ends.pop();
            scope.pop();
        }
        found.push(scope.clone());
        let (Some(name), Some(mark)) = (tokens.get(at + 1), tokens.get(at + 2)) else { continue };
        if !token.is_ident("mod") || name.kind != Kind::Ident {
            continue;
        }
        if mark.is(";") {
            let child = scope.iter().cloned().chain([name.text.clone()]).collect();
            children.push((child, is_test, name.line));
        } else if mark.is("{") {
            scope.push(name.text.clone());
            ends.push(behind(tokens, at + 2));
        }
    }
    found
}
