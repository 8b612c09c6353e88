//! House rules that need no module tree: beginnings, sizes, the clock, and what is never left in code.

use crate::lexer::{Kind, Token};
use crate::paths::{Target, named};
use crate::rule::{Finding, Rule};
use crate::source::{SourceFile, Sources, behind};

const OPENING: Rule = Rule {
    name: "opening",
    why: "whoever opens a file should know in one sentence what it holds",
    instead: "begin with `//!` and that sentence",
};

const FILE_SIZE: Rule = Rule {
    name: "file size",
    why: "a file holds one noun, in about 130 lines of code; over 400 it holds several",
    instead: "split it along its nouns; a state machine apart from the I/O around it; tests in a sibling tests.rs",
};

const FUNCTION_SIZE: Rule = Rule {
    name: "function size",
    why: "a function is read in one piece; near 70 lines that ends, over 100 it is a defect",
    instead: "name the parts",
};

const CLOCK: Rule = Rule {
    name: "clock",
    why: "time is an argument, so that what depends on it can be simulated and replayed",
    instead: "take an Instant, or ask model::clock at the boundary; `later - earlier` for what has passed",
};

const LEFTOVER: Rule = Rule {
    name: "leftover",
    why: "nothing is half done: what is not built is refused by name, and what is not known is asked",
    instead: "build it, or take the way to it out; an issue holds what is to come",
};

const UNWRAP: Rule = Rule {
    name: "unwrap",
    why: "input from the network never panics; where a panic is impossible, the reason is what the reader needs",
    instead: "`?`, or `expect` with the invariant that makes it impossible",
};

const MOST_LINES: usize = 400;
const MOST_FUNCTION_LINES: usize = 100;
const CLOCK_FILE: &str = "src/model/clock.rs";

/// Checks the files of `src`: everything here.
pub(crate) fn check(sources: &Sources) -> Vec<Finding> {
    let mut found = check_any(sources);
    for file in &sources.files {
        found.extend(clock(file));
        found.extend(unwraps(file));
    }
    found
}

/// Checks files that do not ship (tests, benches, load): what holds for every file.
pub(crate) fn check_any(sources: &Sources) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in &sources.files {
        if !file.text.starts_with("//! ") {
            found.push(OPENING.at(&file.path, 1, "the file does not begin with `//!` and a sentence"));
        }
        let lines = file.lines_of_code();
        if lines > MOST_LINES {
            found.push(FILE_SIZE.at(&file.path, 1, format!("{lines} lines of code, at most {MOST_LINES}")));
        }
        found.extend(long_functions(file));
        found.extend(leftovers(file));
    }
    found
}

fn long_functions(file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, token) in file.tokens.iter().enumerate() {
        let Some(name) = file.tokens.get(at + 1).filter(|next| token.is_ident("fn") && next.kind == Kind::Ident) else {
            continue;
        };
        let lines = lines_of_code(&file.tokens[at..end_of_function(&file.tokens, at)]);
        if lines > MOST_FUNCTION_LINES {
            let what = format!("`{}` has {lines} lines of code, at most {MOST_FUNCTION_LINES}", name.text);
            found.push(FUNCTION_SIZE.at(&file.path, token.line, what));
        }
    }
    found
}

/// The index behind the body (or the `;`) of the function at `at`.
fn end_of_function(tokens: &[Token], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            // A const argument, `Ring<{ SIZE }>`, is no body.
            "{" if !tokens[at - 1].is("<") => return behind(tokens, at),
            "{" | "(" | "[" => at = behind(tokens, at),
            ";" => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn lines_of_code(tokens: &[Token]) -> usize {
    let mut lines: Vec<_> = tokens.iter().map(|token| token.line).collect();
    lines.dedup();
    lines.len()
}

fn leftovers(file: &SourceFile) -> Vec<Finding> {
    const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];
    const WORDS: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];
    let mut found = Vec::new();
    for pair in file.tokens.windows(2) {
        if pair[0].kind == Kind::Ident && MACROS.contains(&pair[0].text.as_str()) && pair[1].is("!") {
            found.push(LEFTOVER.at(&file.path, pair[0].line, format!("`{}!`", pair[0].text)));
        }
    }
    for comment in &file.comments {
        let mut words = comment.text.split(|c: char| !c.is_alphanumeric());
        if let Some(word) = words.find(|word| WORDS.contains(word)) {
            found.push(LEFTOVER.at(&file.path, comment.line, format!("`{word}` in a comment")));
        }
    }
    found
}

/// `Instant::now`, `SystemTime::now`, `.elapsed()` (which asks the clock too), and names that would hide them.
fn clock(file: &SourceFile) -> Vec<Finding> {
    const CLOCKS: [&str; 2] = ["Instant", "SystemTime"];
    if file.path == CLOCK_FILE {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (at, token) in file.shipped.iter().enumerate().filter(|(_, token)| token.kind == Kind::Ident) {
        let next = |ahead: usize| file.shipped.get(at + ahead).map_or("", |token| token.text.as_str());
        let asks = CLOCKS.contains(&token.text.as_str()) && next(1) == "::" && next(2) == "now";
        let qualified = CLOCKS.contains(&token.text.as_str()) && next(1) == ">" && next(2) == "::" && next(3) == "now";
        let elapsed = token.text == "elapsed"
            && next(1) == "("
            && at > 0
            && matches!(file.shipped[at - 1].text.as_str(), "." | "::");
        if asks || qualified || elapsed {
            let what = if elapsed { "`elapsed()`".to_owned() } else { format!("`{}::now`", token.text) };
            found.push(CLOCK.at(&file.path, token.line, what));
        }
    }
    for named in named(file) {
        let (Target::Bare(path) | Target::Inside(path)) = &named.to;
        let clock = path.last().filter(|last| CLOCKS.contains(&last.as_str()));
        if let (Some(clock), Some(alias)) = (clock, named.known_as.filter(|name| !CLOCKS.contains(&name.as_str()))) {
            found.push(CLOCK.at(&file.path, named.line, format!("`{clock}` under the name `{alias}`")));
        }
    }
    found
}

fn unwraps(file: &SourceFile) -> Vec<Finding> {
    let calls =
        file.shipped.windows(3).filter(|three| three[0].is(".") && three[1].is_ident("unwrap") && three[2].is("("));
    calls.map(|three| UNWRAP.at(&file.path, three[1].line, "`unwrap()`")).collect()
}
