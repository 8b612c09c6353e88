//! What a tool is called with, for the log: without what the operator says must not be there, and not without end.

use crate::protocol::json::{self, Kind, Value};

/// Bytes that are written of the arguments of one call.
const MOST: usize = 2048;
/// In the place of a value that is not written.
const INSTEAD: &str = "\"[redacted]\"";
/// In the place of what is beyond the bound.
const CUT: &str = "\"[cut]\"";

/// Paths of which the values are not written: the patterns of their keys, below `arguments`, in lower case.
#[derive(Debug, Default)]
pub(super) struct Paths(Vec<Vec<String>>);

impl Paths {
    /// Of the paths as the configuration writes them.
    pub(super) fn new(paths: &[String]) -> Self {
        let keys = |path: &String| path.split('.').skip(1).map(str::to_lowercase).collect();
        Self(paths.iter().map(keys).collect())
    }

    /// `value`, which stands in checked `bytes`, as JSON in one line.
    pub(super) fn write(&self, bytes: &[u8], value: Value) -> String {
        let mut out = Out { text: String::new(), paths: self };
        out.value(bytes, value, &[]);
        out.text
    }
}

struct Out<'a> {
    text: String,
    paths: &'a Paths,
}

impl Out<'_> {
    /// Writes a value; `left` is what remains of each path that leads here, and a path may begin anywhere. Nesting is bounded by the strict pass.
    fn value(&mut self, bytes: &[u8], value: Value, left: &[&[String]]) {
        if self.text.len() > MOST {
            return self.text.push_str(CUT);
        }
        match value.kind {
            Kind::Object => {
                self.text.push('{');
                for (at, (key, inner)) in json::members(bytes, value.span).enumerate() {
                    if self.text.len() > MOST {
                        self.text.push_str(if at == 0 { "\"\":" } else { ",\"\":" });
                        self.text.push_str(CUT);
                        break;
                    }
                    if at > 0 {
                        self.text.push(',');
                    }
                    self.member(bytes, key, inner, left);
                }
                self.text.push('}');
            }
            Kind::Array => {
                self.text.push('[');
                for (at, inner) in json::elements(bytes, value.span).enumerate() {
                    if at > 0 {
                        self.text.push(',');
                    }
                    self.value(bytes, inner, left);
                    if self.text.len() > MOST {
                        break;
                    }
                }
                self.text.push(']');
            }
            _ => self.scalar(bytes, value),
        }
    }

    fn member(&mut self, bytes: &[u8], key: Value, inner: Value, left: &[&[String]]) {
        let name = key.text(bytes).unwrap_or_default();
        self.scalar(bytes, key);
        self.text.push(':');
        // What its key does not fit into has no room for its value either, and keys are compared with every path.
        if name.len() > MOST {
            return self.text.push_str(CUT);
        }
        let name = name.to_lowercase();
        let begins = self.paths.0.iter().map(Vec::as_slice);
        let mut deeper: Vec<&[String]> = Vec::new();
        for rest in left.iter().copied().chain(begins).flat_map(|path| below(path, &name)) {
            if !deeper.iter().any(|known| std::ptr::eq(*known, rest)) {
                deeper.push(rest);
            }
        }
        if deeper.iter().any(|path| path.is_empty()) {
            self.text.push_str(INSTEAD);
        } else {
            self.value(bytes, inner, &deeper);
        }
    }

    /// A string, number or word. A long string is cut; what a reader of lines could stumble over is escaped.
    fn scalar(&mut self, bytes: &[u8], value: Value) {
        match value.text(bytes) {
            Some(text) if text.len() > MOST => self.text.push_str(CUT),
            Some(text) => super::line::quote(&mut self.text, &text),
            // Numbers are as long as the client likes.
            None if value.raw(bytes).len() > 64 => self.text.push_str(CUT),
            None => self.text.push_str(&String::from_utf8_lossy(value.raw(bytes))),
        }
    }
}

/// What remains of a path below a key, in each way to read it: a key that has dots in it is one step of the body, and
/// several of the path.
fn below<'p>(path: &'p [String], key: &str) -> impl Iterator<Item = &'p [String]> {
    let most = path.len().min(1 + key.bytes().filter(|byte| *byte == b'.').count());
    let steps = move |count: &usize| match &path[..*count] {
        [pattern] => fits(pattern, key),
        patterns => fits(&patterns.join("."), key),
    };
    (1..=most).filter(steps).map(move |count| &path[count..])
}

/// Whether a key fits a pattern, in which `*` stands for any characters; both in lower case.
fn fits(pattern: &str, key: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = key.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::message::{Body, Limits, read_client};

    fn written(arguments: &str, paths: &[&str]) -> String {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"x","arguments":{arguments}}}}}"#
        );
        let Ok(Body::One(message)) = read_client(text.as_bytes(), &Limits::default()) else { panic!("{text}") };
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        Paths::new(&paths).write(text.as_bytes(), message.fields.arguments.expect("they are there"))
    }

    #[test]
    fn what_a_path_names_is_not_written_wherever_it_stands() {
        let arguments = r#"{"user":"ada","password":"s1","deep":{"api_Token_2":"s2","list":[{"password":"s3","x":1}]},"p\u0061ssword2":{"a":"s4"}}"#;
        assert_eq!(
            written(arguments, &["arguments.password*", "arguments.deep.*TOKEN*"]),
            r#"{"user":"ada","password":"[redacted]","deep":{"api_Token_2":"[redacted]","list":[{"password":"[redacted]","x":1}]},"password2":"[redacted]"}"#
        );
        assert_eq!(written(r#"{"a":"\n\u0007","b":null}"#, &[]), r#"{"a":"\u000a\u0007","b":null}"#);
    }

    #[test]
    fn a_key_with_dots_is_as_many_steps_as_it_has_parts() {
        for arguments in [
            r#"{"user.password":"HUSH","x":1}"#,
            r#"{"user.password.old":["HUSH"],"user":{"x":1}}"#,
            r#"{"a.user":{"password.old":"HUSH","x":1}}"#,
            r#"{"USER":{"a":[{"b":"x"}],"p\u0061ssword.old":"HUSH"}}"#,
        ] {
            let written = written(arguments, &["arguments.*user.password*", "arguments.*.*.*.*.nothing"]);
            assert!(!written.contains("HUSH") && written.contains('x'), "{written}");
        }
        // Its own word is no other's.
        assert!(written(r#"{"user_password":"seen"}"#, &["arguments.user.password"]).contains("seen"));
    }

    #[test]
    fn keys_without_end_cost_no_more_than_their_length() {
        let long = format!("{{\"{0}\":\"HUSH\",\"b\":{{\"{0}x\":1}}}}", "password.".repeat(1000));
        let written = written(&long, &["arguments.password.*", "arguments.*password.*.*password*.*"]);
        assert_eq!(written, r#"{"[cut]":"[cut]","b":{"[cut]":"[cut]"}}"#);
    }

    #[test]
    fn it_has_an_end() {
        let long = format!(
            "{{\"a\":[{}],\"b\":\"{}\",\"c\":1{}}}",
            "\"xxxxxxxxxx\",".repeat(900) + "1",
            "y".repeat(9000),
            "0".repeat(9000)
        );
        let written = written(&long, &[]);
        assert!(written.len() < 3 * MOST, "{}", written.len());
        serde_json::from_str::<serde_json::Value>(&written).unwrap();
    }

    #[test]
    fn patterns() {
        for (pattern, key) in [("a", "a"), ("*", ""), ("*token*", "my_token_1"), ("a*c", "abc"), ("a*", "a")] {
            assert!(fits(pattern, key), "{pattern} {key}");
        }
        for (pattern, key) in [("a", "ab"), ("a*c", "ab"), ("*token", "tokens"), ("ab*b", "ab")] {
            assert!(!fits(pattern, key), "{pattern} {key}");
        }
    }

    proptest! {
        /// A secret stands at a key that is redacted, among others, at any depth; nothing of it is written.
        #[test]
        fn nothing_of_a_secret_is_written(keys in prop::collection::vec("[a-c]", 0..6), lists in prop::collection::vec(any::<bool>(), 6)) {
            let mut value = r#"{"x":"fine","secret":["HUSH",{"y":"HUSH"}]}"#.to_owned();
            let mut path = vec!["secret".to_owned()];
            for (key, list) in keys.iter().zip(&lists) {
                value = if *list { format!(r#"{{"{key}":[1,{value}]}}"#) } else { format!(r#"{{"{key}":{value}}}"#) };
                path.insert(0, key.clone());
            }
            let written = written(&value, &[&format!("arguments.{}", path.join("."))]);
            prop_assert!(!written.contains("HUSH") && written.contains("fine"), "{}", written);
        }
    }
}
