//! From the text to the crate's syntax tree, and the parser's complaints in our words.

use cel::{Env, ParseError, common::ast::SourceInfo, parser::Expression as Syntax};

use super::{fault::Flaw, guard};

/// Parses a text. Macros stay the calls that they are written as.
pub(super) fn parse(text: &str) -> Result<(Syntax, SourceInfo), Vec<Flaw>> {
    guard::check(text).map_err(|flaw| vec![flaw])?;
    if text.trim().is_empty() {
        return Err(vec![Flaw { span: 0..text.len(), message: "an expression must say something".to_owned() }]);
    }
    let parser = Env::default().with_optional_support(false).parser();
    parser.parse_with_source_info(text).map_err(|errors| {
        // What follows the first is mostly its consequence.
        let first = errors.errors.first().map(|error| flaw(text, error));
        vec![first.unwrap_or_else(|| Flaw { span: 0..text.len(), message: "this is no expression".to_owned() })]
    })
}

fn flaw(text: &str, error: &ParseError) -> Flaw {
    let start = offset(text, error.pos);
    let rest = text.get(start..).unwrap_or_default();
    let end = start + token(rest);
    let said = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg);
    let shown = text.get(start..end).unwrap_or_default();
    Flaw { span: start..end, message: message(said, shown, rest) }
}

/// What is said of the word or sign that `rest` begins with.
fn message(said: &str, shown: &str, rest: &str) -> String {
    if shown.is_empty() {
        let missing = said.strip_prefix("missing '").or_else(|| said.split_once(" expecting '").map(|(_, sign)| sign));
        return match missing.and_then(|sign| sign.split_once('\'')) {
            Some((sign, _)) => format!("the expression ends where a `{sign}` must follow"),
            None => "the expression ends where a value must follow".to_owned(),
        };
    }
    match said {
        _ if said.starts_with("token recognition") => match shown {
            "\"" | "'" => "this string has no end".to_owned(),
            "=" => "`=` is no part of expressions; to compare, write `==`".to_owned(),
            "&" | "|" => format!("`{shown}` is no part of expressions; write `{shown}{shown}`"),
            _ => format!("`{shown}` is no part of expressions"),
        },
        _ if said.ends_with("literal") && said.starts_with("invalid") => {
            format!("`{shown}` is beyond the range of its type")
        }
        _ if said.starts_with("reserved identifier") => format!("`{shown}` is a word that CEL keeps for itself"),
        _ if said.starts_with("unsupported syntax") && rest.contains('`') => {
            "names in backticks are not supported; write arguments['name']".to_owned()
        }
        _ if said.starts_with("unsupported syntax") => {
            "optional values are not supported; ask with has() first".to_owned()
        }
        _ => format!("`{shown}` is not expected here"),
    }
}

/// The byte that a line and a column in characters name, both counted from 1.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let (line, column) = (usize::try_from(line).unwrap_or(1), usize::try_from(column).unwrap_or(1));
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(before..).unwrap_or_default();
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    before + within
}

/// The length of the word or sign that a text begins with.
fn token(rest: &str) -> usize {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let Some(first) = rest.chars().next() else { return 0 };
    if !is_word(first) {
        return first.len_utf8();
    }
    rest.find(|character| !is_word(character)).unwrap_or(rest.len())
}
