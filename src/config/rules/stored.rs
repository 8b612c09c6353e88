//! Rules that are kept in the store instead of the file: JSON with the keys of `[[rules]]`. It is written down as TOML, so
//! that one reader reads both, and what is wrong in either is said in the same words.

use serde_json::{Map, Value as Json};
use toml::de::{DeTable, DeValue};

use super::set::object;
use super::{Known, Rule, SHAPE};
use crate::config::{
    Report, Settings,
    report::{Mistakes, Place},
    root,
    section::Section,
    shape::Value,
};

impl Settings {
    /// The same, and behind the rules of the file these: what each is called, and its text.
    ///
    /// # Errors
    /// What is wrong with any of them, each in its own text.
    pub fn with_stored<'a>(&self, stored: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Report> {
        let (mistakes, mut texts, mut names) = (Mistakes::default(), self.texts.clone(), Vec::new());
        let begins = texts.whole.len();
        for (name, text) in stored {
            let shown = format!("stored rule {name:?}");
            match as_toml(text) {
                Ok(toml) => _ = texts.add(&shown, &toml),
                Err(why) => mistakes.add(Place::Option(shown), why),
            }
            names.push(name);
        }
        let mut rules = self.rules.clone();
        rules.rules.truncate(rules.rules.len() - rules.stored);
        if !mistakes.is_empty() {
            return mistakes.findings(WHAT, &texts).map(|_| self.clone());
        }
        // It is parsed behind as many blanks as there is text before it, so that its places count through all of it.
        let whole = " ".repeat(begins) + texts.whole.get(begins..).unwrap_or_default();
        let (tree, faults) = DeTable::parse_recoverable(&whole);
        for fault in &faults {
            let place = fault.span().map_or(Place::Whole, Place::at);
            mistakes.add(place, format!("it cannot be written down as TOML: {}", fault.message()));
        }
        if faults.is_empty() {
            let read = self.read_stored(tree.get_ref(), &names, &mistakes);
            rules.stored = read.len();
            rules.rules.extend(read);
        }
        let found = mistakes.findings(WHAT, &texts)?;
        let warnings = self.warnings.iter().cloned().chain(found).collect();
        Ok(Self { rules, texts, warnings, ..self.clone() })
    }

    fn read_stored(&self, tree: &DeTable<'_>, names: &[&str], mistakes: &Mistakes) -> Vec<Rule> {
        let root = Section::open(&root::SHAPE, Some(tree), Place::Whole, mistakes);
        let sections = root.tables("rules", &SHAPE);
        let file = self.rules.rules.iter().take(self.rules.rules.len() - self.rules.stored);
        let before = file.map(|rule| (rule.name.as_str(), Place::Whole));
        let named = sections.iter().filter_map(|section| match section.read("name") {
            Value::Text(name) => Some((name, section.place("name"))),
            _ => None,
        });
        root.unique(before.chain(named), |name| format!("there is a rule {name:?} already"));
        let known = Known { servers: &self.servers, routes: &self.routes, roles: &self.roles };
        let read = |(section, name): (&Section<'_>, &&str)| {
            if section.has("group") {
                let why = "`group` is for rules of the file: stored ones are asked behind all of those";
                section.wrong("group", why);
                return None;
            }
            let rule = Rule::read(section, known, &self.rules.groups)?;
            if rule.name != *name {
                section.wrong("name", format!("`name` is for good, and this rule is stored as {name:?}"));
            }
            Some(rule)
        };
        sections.iter().zip(names).filter_map(read).collect()
    }
}

const WHAT: &str = "the stored rules";

/// A rule as an operator has it in a file, a JSON object or one `[[rules]]` section of TOML, as JSON.
///
/// # Errors
/// It is neither.
pub fn rule_in_json(text: &str) -> Result<Json, String> {
    if text.trim_start().starts_with('{') {
        let rule: Map<String, Json> =
            serde_json::from_str(text).map_err(|error| format!("it is no JSON object: {error}"))?;
        return Ok(rule.into());
    }
    let tree = DeTable::parse(text).map_err(|fault| format!("it is no TOML: {}", fault.message()))?;
    let rules = match (tree.get_ref().len(), tree.get_ref().get("rules").map(|rules| rules.get_ref())) {
        (1, Some(DeValue::Array(rules))) => rules,
        _ => return Err("it is no rule: one JSON object, or one [[rules]] section and nothing else".to_owned()),
    };
    match rules.iter().next().map(|rule| rule.get_ref()) {
        Some(DeValue::Table(rule)) if rules.len() == 1 => {
            object(rule.iter().collect()).map_err(|why| format!("a value in it {why}"))
        }
        _ => Err(format!("there are {} rules in it: one at a time", rules.len())),
    }
}

/// A rule in JSON as a section of a file. The error is a sentence.
fn as_toml(text: &str) -> Result<String, String> {
    let rule: Map<String, Json> =
        serde_json::from_str(text).map_err(|error| format!("it is no JSON object: {error}"))?;
    let mut toml = "[[rules]]\n".to_owned();
    for (key, value) in &rule {
        toml.push_str(&quoted(key));
        toml.push_str(" = ");
        write(value, &mut toml).map_err(|why| format!("`{key}` {why}"))?;
        toml.push('\n');
    }
    Ok(toml)
}

fn write(value: &Json, toml: &mut String) -> Result<(), String> {
    match value {
        Json::Null => return Err("takes no `null`: leave it out".to_owned()),
        Json::Bool(_) | Json::Number(_) => toml.push_str(&value.to_string()),
        Json::String(text) => toml.push_str(&text_of(text)),
        Json::Array(items) => {
            toml.push('[');
            for (at, item) in items.iter().enumerate() {
                toml.push_str(if at == 0 { "" } else { ", " });
                write(item, toml)?;
            }
            toml.push(']');
        }
        Json::Object(members) => {
            toml.push('{');
            for (at, (key, member)) in members.iter().enumerate() {
                toml.push_str(if at == 0 { " " } else { ", " });
                toml.push_str(&quoted(key));
                toml.push_str(" = ");
                write(member, toml)?;
            }
            toml.push_str(" }");
        }
    }
    Ok(())
}

/// A key, bare where it can be.
fn quoted(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { text_of(key) }
}

/// A text as JSON escapes it, which is as TOML does, but for DEL.
fn text_of(text: &str) -> String {
    Json::from(text).to_string().replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = r#"
[[servers]]
name = "files"
endpoints = ["http://127.0.0.1:1/mcp"]
[[rules]]
name = "first"
tools = ["*:a"]
then = { goto = "more" }
[[rules]]
name = "grouped"
group = "more"
then = "refuse"
"#;

    fn with(stored: &[(&str, &str)]) -> Result<Settings, String> {
        let settings = Settings::parse(FILE, "weir.toml").unwrap();
        settings.with_stored(stored.iter().copied()).map_err(|report| report.to_string())
    }

    #[test]
    fn what_stands_in_json_means_what_it_means_in_the_file() {
        let rule = r#"{"name":"a \"b\"","tools":["*:x"],"headers":{"x-team":"blue"},"when":"1 < 2",
            "then":{"answer":{"content":[{"type":"text","text":"no\n\u007f"}],"n":1.5,"deep":{"é é":[true,{}]}}},"shadow":true}"#;
        let toml = r#"
[[rules]]
name = 'a "b"'
tools = ["*:x"]
headers = { x-team = "blue" }
when = "1 < 2"
then = { answer = { content = [{ text = "no\n\u007F", type = "text" }], deep = { "é é" = [true, {}] }, n = 1.5 } }
shadow = true
"#;
        let file = Settings::parse(&(FILE.to_owned() + toml), "weir.toml").unwrap();
        let stored = with(&[("a \"b\"", rule)]).unwrap();
        let (mut ours, theirs) = (stored.rules.rules.clone(), file.rules.rules.clone());
        assert_eq!((stored.rules.stored, ours.len()), (1, 3));
        let answer = |rule: &Rule| match &rule.then {
            Some(super::super::Then::Answer(text)) => serde_json::from_str::<Json>(text).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(answer(&ours[2]), answer(&theirs[2]));
        ours[2].then = theirs[2].then.clone();
        assert_eq!(ours, theirs);
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            prop::num::f64::NORMAL.prop_map(Json::from),
            ".{0,8}".prop_map(Json::from),
            any::<Vec<char>>().prop_map(|text| text.into_iter().collect::<String>().into()),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let members = prop::collection::btree_map(any::<String>(), inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Json::from),
                members.prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever a result says, it is the same on the way back.
        #[test]
        fn a_result_comes_through_toml_as_it_was(says in any_json(), key in any::<String>()) {
            let result = serde_json::json!({ key: says });
            let rule = serde_json::json!({ "name": "a", "then": { "answer": result } }).to_string();
            let settings = with(&[("a", &rule)]).map_err(TestCaseError::fail)?;
            match &settings.rules.rules[2].then {
                Some(super::super::Then::Answer(text)) => prop_assert_eq!(serde_json::from_str::<Json>(text).unwrap(), result),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn one_leads_to_a_group_of_the_file_and_they_come_in_their_order() {
        let to = r#"{"name":"z","then":{"goto":"more"}}"#;
        let settings = with(&[("z", to), ("y", r#"{"name":"y","then":"pass"}"#)]).unwrap();
        let names: Vec<_> = settings.rules.rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["first", "grouped", "z", "y"]);
        // What was stored before is not there twice.
        let again = settings.with_stored([("y", r#"{"name":"y","then":"pass"}"#)]).unwrap();
        assert_eq!((again.rules.rules.len(), again.rules.stored), (3, 1));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_key() {
        for (name, rule, said) in [
            ("a", "[1]", "stored rule \"a\": it is no JSON object"),
            ("a", r#"{"name":"a","tools":[null]}"#, "`tools` takes no `null`"),
            ("a", r#"{"then":"refuse"}"#, "[[rules]] needs `name`"),
            ("a", r#"{"name":"b","then":"refuse"}"#, "this rule is stored as \"a\""),
            ("first", r#"{"name":"first","then":"refuse"}"#, "there is a rule \"first\" already"),
            ("a", r#"{"name":"a","then":"pas"}"#, "`then` takes"),
            ("a", r#"{"name":"a","then":"pass","group":"more"}"#, "`group` is for rules of the file"),
            ("a", r#"{"name":"a","then":{"goto":"mor"}}"#, "the nearest one is \"more\""),
            ("a", r#"{"name":"a","then":{"route":[{"server":"nowhere"}]}}"#, "names a server"),
            ("a", r#"{"name":"a","toolz":["x"],"then":"pass"}"#, "the nearest known one is `tools`"),
            ("a", r#"{"name":"a","then":"pass\n[[servers]]"}"#, "`then` takes"),
            ("a", r#"{"name":"a","code":1e400,"then":"refuse"}"#, "it is no JSON object"),
            ("a", r#"{"name":"a","code":99999999999999999999,"then":"refuse"}"#, "`code`"),
        ] {
            let report = with(&[(name, rule)]).expect_err(rule);
            assert!(report.contains(said), "{rule}: {report}");
        }
        let twice = r#"{"name":"a","then":"pass"}"#;
        assert!(with(&[("a", twice), ("a", twice)]).unwrap_err().contains("already"));
    }

    #[test]
    fn a_rule_is_read_from_either() {
        let json = r#"{"name":"a","then":{"answer":{"content":[]}}}"#;
        let toml = "# closed\n[[rules]]\nname = 'a'\nthen.answer.content = []\n";
        assert_eq!(rule_in_json(json), rule_in_json(toml));
        assert_eq!(rule_in_json(toml).unwrap().to_string(), json);
        for wrong in
            ["", "[]", "{]", "name = 'a'", "[[rules]]\nname='a'\n[[rules]]", "[[rules]]\n[listen]", "rules = [1]"]
        {
            rule_in_json(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_caret_stands_in_the_text_of_the_rule() {
        let settings = with(&[("a", r#"{"name":"a","when":"1 +","then":"pass"}"#)]).unwrap();
        let when = settings.rules.expressions().next().unwrap();
        let report = settings.flaws([(when, 2..3, "here".to_owned())]).unwrap().to_string();
        assert!(report.starts_with("stored rule \"a\":") && report.contains("\"1 +\""), "{report}");
    }
}
