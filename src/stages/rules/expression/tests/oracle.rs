//! The crate `cel` as oracle: what it makes of an expression over the same data, we make of it too.
//!
//! Expressions are generated well typed, over arguments of any shape. Where both have a value, it is the same. Where
//! ours differs by design, one of the two has none:
//!
//! | what | the crate | ours |
//! | --- | --- | --- |
//! | numbers of the message of two types, as `arguments.n + 1` for 2.5 | no overload | both as doubles |
//! | a double that is no finite number, as `1.0 / 0.0` | infinity, not a number | a fault |
//! | an integral double as an index | no overload | the element |
//! | a budget that is spent | goes on | a fault |
//! | `\d`, `\w`, `\s`, `\b` in patterns (not generated) | of Unicode | of ASCII, as RE2 has them |
//! | an int compared with a double beyond 2^53 (generated up to there) | rounded | exact |

use std::{collections::HashMap, sync::Arc};

use cel::{Context, Program, objects};
use proptest::prelude::*;

use super::super::{Budget, Expected, Expression};
use super::world::World;

/// Decisions, taken one after the other from bytes that proptest draws and shrinks; zeros when there are no more.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn roll(&mut self, sides: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default()) % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

const KEYS: [&str; 4] = ["a", "b", "c", "é"];
const TEXTS: [&str; 8] = ["", "a", "b", "ab", "é𝄞", "a\"b\\", "1", "/etc/x"];
const INTS: [i64; 7] = [0, 1, 2, 3, -1, i64::MAX, i64::MIN];
const DOUBLES: [f64; 6] = [0.5, -1.5, 2.0, 0.0, 1000.0, 1e300];

fn json(dice: &mut Dice, depth: usize) -> serde_json::Value {
    match dice.roll(if depth > 0 { 10 } else { 7 }) {
        0 => serde_json::Value::Null,
        1 => dice.pick(&[true, false]).into(),
        2 | 3 => dice.pick(&INTS).into(),
        4 => dice.pick(&DOUBLES).into(),
        5 | 6 => dice.pick(&TEXTS).into(),
        7 => (0..dice.roll(4)).map(|_| json(dice, depth - 1)).collect::<Vec<_>>().into(),
        _ => object(dice, depth - 1),
    }
}

fn object(dice: &mut Dice, depth: usize) -> serde_json::Value {
    let members = (0..dice.roll(4)).map(|_| (dice.pick(&KEYS).to_owned(), json(dice, depth)));
    serde_json::Value::Object(members.collect())
}

/// The same for the crate, with whole numbers as ints.
fn theirs(value: &serde_json::Value) -> objects::Value {
    match value {
        serde_json::Value::Null => objects::Value::Null,
        serde_json::Value::Bool(is) => objects::Value::Bool(*is),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => objects::Value::Int(int),
            (None, Some(uint)) => objects::Value::UInt(uint),
            _ => objects::Value::Float(number.as_f64().expect("a double")),
        },
        serde_json::Value::String(text) => objects::Value::String(Arc::new(text.clone())),
        serde_json::Value::Array(list) => objects::Value::List(Arc::new(list.iter().map(theirs).collect())),
        serde_json::Value::Object(map) => {
            let map: HashMap<objects::Key, objects::Value> =
                map.iter().map(|(key, value)| (key.as_str().into(), theirs(value))).collect();
            objects::Value::Map(objects::Map { map: Arc::new(map) })
        }
    }
}

/// Writes expressions.
struct Writer<'a> {
    dice: Dice<'a>,
    /// The elements of the open loops; the first may be over the message.
    elements: Vec<String>,
    over_message: bool,
}

impl Writer<'_> {
    fn text_literal(&mut self) -> String {
        serde_json::to_string(self.dice.pick(&TEXTS)).expect("a string")
    }

    /// Something of the message, whose type is not known.
    fn dynamic(&mut self) -> String {
        let mut out = match self.elements.last() {
            Some(element) if self.dice.roll(2) == 0 => element.clone(),
            _ => "arguments".to_owned() + &self.step(),
        };
        for _ in 0..self.dice.roll(3) {
            out += &self.step();
        }
        out
    }

    fn step(&mut self) -> String {
        match self.dice.roll(5) {
            0..=2 => format!(".{}", self.dice.pick(&KEYS[..3])),
            3 => format!("[{}]", self.dice.roll(3)),
            _ => format!("[\"{}\"]", self.dice.pick(&KEYS)),
        }
    }

    fn int(&mut self, depth: usize) -> String {
        let next = depth.saturating_sub(1);
        match self.dice.roll(if depth > 0 { 7 } else { 2 }) {
            0 | 1 => self.dice.pick(&INTS[..5]).to_string(),
            2 => format!("size({})", self.text(next)),
            3 => format!("size({})", self.list(next)),
            4 => format!("int({})", self.dynamic()),
            5 => format!("({} ? {} : {})", self.bool(next), self.int(next), self.int(next)),
            _ => format!("({} {} {})", self.int(next), self.dice.pick(&["+", "-", "*", "/", "%"]), self.int(next)),
        }
    }

    fn double(&mut self, depth: usize) -> String {
        let next = depth.saturating_sub(1);
        match self.dice.roll(if depth > 0 { 4 } else { 1 }) {
            0 => format!("{:?}", self.dice.pick(&DOUBLES)),
            1 => format!("double({})", self.int(next)),
            2 => format!("double({})", self.dynamic()),
            _ => format!("({} {} {})", self.double(next), self.dice.pick(&["+", "-", "*", "/"]), self.double(next)),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        let next = depth.saturating_sub(1);
        match self.dice.roll(if depth > 0 { 5 } else { 2 }) {
            0 | 1 => self.text_literal(),
            2 => format!("({} + {})", self.text(next), self.text(next)),
            3 => format!("string({})", self.int(next)),
            _ => format!("string({})", self.dynamic()),
        }
    }

    fn list(&mut self, depth: usize) -> String {
        let next = depth.saturating_sub(1);
        match self.dice.roll(if depth > 0 { 5 } else { 1 }) {
            0 => format!("[{}, {}]", self.text_literal(), self.text_literal()),
            1 => format!("[{}, {}]", self.int(next), self.dynamic()),
            2 => format!("([{}] + [{}])", self.text(next), self.text(next)),
            3 => self.with_element(|writer, range, element| {
                let each = writer.int(0);
                format!("{range}.map({element}, [{element}, {each}])")
            }),
            _ => self.with_element(|writer, range, element| {
                let asked = writer.bool(next.min(1));
                format!("{range}.filter({element}, {asked})")
            }),
        }
    }

    /// A loop: over the message if no other is.
    fn with_element(&mut self, write: impl FnOnce(&mut Self, &str, &str) -> String) -> String {
        if self.elements.len() == 2 {
            return "[1, 2]".to_owned();
        }
        let long = !self.over_message && self.dice.roll(3) > 0;
        let range = if long { format!("arguments{}", self.step()) } else { "[1, 'a', 2.0]".to_owned() };
        let element = format!("x{}", self.elements.len());
        let before = self.over_message;
        self.over_message |= long;
        self.elements.push(element.clone());
        let out = write(self, &range, &element);
        self.elements.pop();
        self.over_message = before;
        out
    }

    fn bool(&mut self, depth: usize) -> String {
        let next = depth.saturating_sub(1);
        let equal = self.dice.pick(&["==", "!="]);
        let order = self.dice.pick(&["==", "!=", "<", "<=", ">", ">="]);
        match self.dice.roll(if depth > 0 { 18 } else { 4 }) {
            0 => self.dice.pick(&["true", "false"]).to_owned(),
            1 => format!("has(arguments.{})", self.dice.pick(&KEYS[..3])),
            2 => format!("{} {equal} {}", self.dynamic(), self.text_literal()),
            3 => format!("{} {order} {}", self.dynamic(), self.dice.pick(&INTS[..5])),
            4 | 5 => format!("({} && {})", self.bool(next), self.bool(next)),
            6 | 7 => format!("({} || {})", self.bool(next), self.bool(next)),
            8 => format!("!({})", self.bool(next)),
            9 => format!("{} {order} {}", self.int(next), self.int(next)),
            10 => format!("{} {order} {}", self.double(next), self.double(next)),
            11 => format!("{} {order} {}", self.text(next), self.text(next)),
            12 => format!("{} {equal} {}", self.dynamic(), self.dynamic()),
            13 => format!("{} in {}", self.text_literal(), self.dynamic()),
            14 => format!("{} in {}", self.dynamic(), self.list(next)),
            15 => {
                let method = self.dice.pick(&["startsWith", "endsWith", "contains"]);
                format!("{}.{method}({})", self.dynamic(), self.text(next))
            }
            16 => format!("{} {equal} {}", self.list(next), self.list(next)),
            _ => {
                let method = self.dice.pick(&["all", "exists", "exists_one"]);
                self.with_element(|writer, range, element| {
                    let asked = writer.bool(next);
                    format!("{range}.{method}({element}, {asked})")
                })
            }
        }
    }
}

impl Writer<'_> {
    /// What may be a key: mostly strings that are put together.
    fn key(&mut self, depth: usize) -> String {
        let next = depth.saturating_sub(1);
        match self.dice.roll(if depth > 0 { 11 } else { 2 }) {
            0 => self.dynamic(),
            1 => self.text(next),
            2 => self.int(0),
            3 => format!("({} + {})", self.dynamic(), self.text_literal()),
            4 => format!("({} + {})", self.text_literal(), self.dynamic()),
            5 => format!("{} + ({} + {})", self.text_literal(), self.text_literal(), self.key(next)),
            6 => format!("({} ? {} : {})", self.bool(0), self.text_literal(), self.text(0)),
            7 => self.bool(0),
            8 => format!("{} + {} + {}", self.text_literal(), self.dynamic(), self.text_literal()),
            9 => format!("{} + {}", self.text_literal(), self.key(next)),
            _ => format!("{} + {}", self.text_literal(), self.text(0)),
        }
    }
}

/// What came of one case.
#[derive(Debug, PartialEq)]
enum Outcome {
    Both,
    Ours,
    Theirs,
    Neither,
}

fn compare(text: &str, arguments: &serde_json::Value) -> Result<Outcome, TestCaseError> {
    let world = World::calling(&arguments.to_string());
    let Ok(expression) = Expression::compile(text, Expected::Bool) else {
        // Two types that are known and never equal: the crate says false where we say that it is a mistake.
        return Ok(Outcome::Theirs);
    };
    let ours = expression.decide(&world, &mut Budget::default());
    let mut context = Context::default();
    context.add_variable_from_value("arguments", theirs(arguments));
    let program = Program::compile(text).map_err(|error| TestCaseError::fail(error.to_string()))?;
    match (ours, program.execute(&context)) {
        (Ok(ours), Ok(objects::Value::Bool(theirs))) => {
            prop_assert_eq!(ours, theirs, "{} over {}", text, arguments);
            Ok(Outcome::Both)
        }
        (Ok(_), _) => Ok(Outcome::Ours),
        (Err(_), Ok(objects::Value::Bool(_))) => Ok(Outcome::Theirs),
        _ => Ok(Outcome::Neither),
    }
}

/// The same of a key.
fn compare_key(text: &str, arguments: &serde_json::Value) -> Result<Outcome, TestCaseError> {
    let world = World::calling(&arguments.to_string());
    let Ok(expression) = Expression::compile(text, Expected::Key) else { return Ok(Outcome::Theirs) };
    let mut key = String::new();
    let ours = expression.key(&world, &mut Budget::default(), &mut key);
    prop_assert!(ours != Ok(false), "a call has arguments: {}", text);
    let mut context = Context::default();
    context.add_variable_from_value("arguments", theirs(arguments));
    let program = Program::compile(text).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let theirs = program.execute(&context).ok().and_then(|value| match value {
        objects::Value::String(text) => Some(text.to_string()),
        objects::Value::Int(number) => Some(number.to_string()),
        objects::Value::UInt(number) => Some(number.to_string()),
        objects::Value::Bool(is) => Some(is.to_string()),
        _ => None,
    });
    match (ours, theirs) {
        (Ok(_), Some(theirs)) => {
            prop_assert_eq!(key, theirs, "{} over {}", text, arguments);
            Ok(Outcome::Both)
        }
        (Ok(_), None) => Ok(Outcome::Ours),
        (Err(_), Some(_)) => Ok(Outcome::Theirs),
        (Err(_), None) => Ok(Outcome::Neither),
    }
}

fn case(bytes: &[u8], write: impl Fn(&mut Writer<'_>) -> String) -> (String, serde_json::Value) {
    let mut dice = Dice(bytes.iter());
    let members = KEYS.map(|key| (key.to_owned(), json(&mut dice, 2)));
    let arguments = serde_json::Value::Object(members.into_iter().collect());
    let mut writer = Writer { dice, elements: Vec::new(), over_message: false };
    (write(&mut writer), arguments)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn where_both_have_a_value_it_is_the_same(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        let (text, arguments) = case(&bytes, |writer| writer.bool(3));
        compare(&text, &arguments)?;
    }

    #[test]
    fn where_both_have_a_key_it_is_the_same(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        let (text, arguments) = case(&bytes, |writer| writer.key(3));
        compare_key(&text, &arguments)?;
    }
}

type Compare = fn(&str, &serde_json::Value) -> Result<Outcome, TestCaseError>;

#[test]
fn most_of_what_is_generated_has_a_value() {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let ways: [(Compare, fn(&mut Writer<'_>) -> String); 2] =
        [(compare, |writer| writer.bool(3)), (compare_key, |writer| writer.key(3))];
    for (compare, write) in ways {
        let mut all: HashMap<String, u32> = HashMap::new();
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..160).map(|_| draw()).collect();
            let (text, arguments) = case(&bytes, write);
            let outcome = compare(&text, &arguments).expect("the same");
            *all.entry(format!("{outcome:?}")).or_default() += 1;
        }
        assert!(all["Both"] > 600, "{all:?}");
    }
}
