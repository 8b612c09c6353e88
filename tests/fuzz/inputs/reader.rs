//! Generated input for the reader: documents and messages that are nearly right, soups of tokens, and bytes.

use proptest::{collection::vec, prelude::*, sample::select};

/// Anything.
pub(crate) fn any_input() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        4 => message(),
        1 => vec(message(), 0..4).prop_map(|messages| format!("[{}]", messages.join(","))),
        2 => value(),
        1 => vec(select(TOKENS), 0..24).prop_map(|tokens| tokens.concat()),
    ];
    prop_oneof![
        8 => (text.prop_map(String::into_bytes), prop_oneof![3 => Just(vec![]), 1 => vec(edit(), 1..3)]).prop_map(|(text, edits)| {
            edits.into_iter().fold(text, |text, edit| edit.apply(text))
        }),
        1 => vec(any::<u8>(), 0..64),
    ]
}

/// All texts of up to `longest` of these tokens.
pub(crate) fn all_of(tokens: &'static [&'static str], longest: u32) -> impl Iterator<Item = String> {
    (0..=longest).flat_map(move |length| {
        (0..tokens.len().pow(length)).map(move |number| {
            let digits = (0..length).map(|place| number / tokens.len().pow(place) % tokens.len());
            digits.map(|digit| tokens[digit]).collect()
        })
    })
}

/// Bare and broken tokens.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    " ",
    "\n",
    "\t",
    "null",
    "true",
    "false",
    "nul",
    "0",
    "1",
    "-",
    "-0",
    "01",
    ".5",
    "1.",
    "1e",
    "1e+",
    "2.50E-3",
    "NaN",
    "Infinity",
    "//",
    "/**/",
    "'a'",
    "\"a\"",
    "\"a\":",
    "\"jsonrpc\":\"2.0\"",
    "\"id\":1",
    "\u{FEFF}",
    "\u{7f}",
    "\0",
    "\"\\u0000\"",
    "\"\\uD83D\"",
    "\"\\uD83D\\uDE00\"",
    "\"\\uDE00\"",
    "{\"a\":1}",
    "[[]]",
];

/// Keys that mean something somewhere.
const KEYS: &[&str] = &[
    "a",
    "b",
    "name",
    "n\\u0061me",
    "_meta",
    "_met\\u0061",
    "progressToken",
    "uri",
    "arguments",
    "method",
    "id",
    "result",
    "\\ud83d\\ude00",
    "😀",
    "",
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientInfo",
    "requestState",
    "nam\\u00e9",
    "a very long key, longer than a block of the tally, so that it is hashed in pieces: one",
    "a very long key, longer than a block of the tally, so that it is hashed in pieces: name",
];

/// Keys that are refused everywhere or in places.
const FLAWED_KEYS: &[&str] = &[
    "NAME",
    "_META",
    "progre\u{17f}sToken",
    "tas\u{212a}Id",
    "x\\u0000",
    "x\\ud83d",
    "\\ude00",
    "x\ny",
    "\\x",
    "\\u00e",
];

const SCALARS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1.5e+3",
    "1e400",
    "1180591620717411303424",
    "\"\"",
    "\"text\"",
    "\"2.0\"",
    "\"\\u0032.0\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\ud83d\\ude00\"",
    "\"\\u0000\"",
    "\"ß€😀\"",
    "\"\u{7f}\"",
];

const FLAWED_SCALARS: &[&str] = &[
    "00",
    "-",
    "1.",
    "\"\\ud83d\"",
    "\"\\ude00\\ud83d\"",
    "\"\\ud83d\\u0041\"",
    "\"\\ud83d\\ud83d\\ude00\"",
    "\"\n\"",
    "\"\\x\"",
    "\"\\u00g0\"",
    "\"\\ud83dx\"",
    "\"\\ud83d\\n\"",
    "nul",
    "True",
    "{\"a\":1,\"a\":1}",
    "{\"_meta\":{\"a\":1,\"\\u0061\":1}}",
];

const IDS: &[&str] = &[
    "1",
    "0",
    "-0",
    "-7",
    "9007199254740991",
    "9007199254740992",
    "-9007199254740991",
    "1.0",
    "1e2",
    "\"\"",
    "\"a\"",
    "\"\\u0061\"",
    "\"ß\"",
    "null",
    "true",
    "{}",
    "[]",
    "123456789012345678901234567890",
];

/// Mostly one of what is sound, so that what is flawed stands alone.
fn mostly(sound: &'static [&'static str], flawed: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop_oneof![40 => select(sound), 1 => select(flawed)]
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![20 => Just(""), 5 => select(&[" ", "\t", "\r\n"][..]), 1 => mostly(&[" "], &["\u{a0}", "\u{c}"])]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => mostly(KEYS, FLAWED_KEYS).prop_map(String::from),
        3 => (0..1000).prop_map(|number| format!("key {number}")),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let token = mostly(SCALARS, FLAWED_SCALARS);
    let leaf = (space(), token, space()).prop_map(|(before, token, behind)| [before, token, behind].concat());
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![vec(inner.clone(), 0..5).prop_map(|elements| format!("[{}]", elements.join(","))), object(inner),]
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    vec((space(), key(), space(), value), 0..6).prop_map(|members| {
        let members: Vec<_> =
            members.iter().map(|(before, key, behind, value)| format!("{before}\"{key}\"{behind}:{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

/// A message that mostly is one, its members in any order.
fn message() -> impl Strategy<Value = String> {
    let version = prop_oneof![20 => Just("\"2.0\""), 1 => select(SCALARS)];
    let members = (id(), what(), more(), version).prop_map(|(id, what, more, version)| {
        let mut members = vec![id, more, format!("\"jsonrpc\":{version}")];
        members.extend(what);
        members.retain(|member| !member.is_empty());
        members
    });
    members
        .prop_flat_map(|members| Just(members).prop_shuffle())
        .prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        6 => select(IDS).prop_map(|id| format!("\"id\":{id}")),
        1 => (250_usize..260).prop_map(|length| format!("\"id\":\"{}\"", "i".repeat(length))),
        1 => (250_usize..260).prop_map(|length| format!("\"id\":\"{}\"", "\\u0069".repeat(length))),
    ]
}

/// What makes it a request, a notification or an answer, and now and then two of them.
fn what() -> impl Strategy<Value = Vec<String>> {
    let method = select(&["\"method\":\"tools/call\"", "\"m\\u0065thod\":\"\\u0061\"", "\"method\":1"][..]);
    let part = |names: &'static [&'static str]| {
        (select(names), object(value())).prop_map(|(name, value)| format!("\"{name}\":{value}"))
    };
    prop_oneof![
        4 => (method.clone(), part(&["params", "p\\u0061rams"])).prop_map(|(method, params)| vec![method.into(), params]),
        4 => part(&["result", "re\\u0073ult", "error"]).prop_map(|answer| vec![answer]),
        1 => (method, value()).prop_map(|(method, params)| vec![method.into(), format!("\"params\":{params}")]),
        1 => vec(part(&["params", "result", "error"]), 0..3),
    ]
}

/// Something beside it.
fn more() -> impl Strategy<Value = String> {
    const FLAWED: &[&str] =
        &["\"ID\":1", "\"Method\":\"x\"", "\"re\u{17f}ult\":1", "\"params\":[]", "\"foreign\":{\"a\":1,\"a\":2}"];
    prop_oneof![
        6 => Just(String::new()),
        1 => select(FLAWED).prop_map(String::from),
        2 => (key(), value()).prop_map(|(key, value)| format!("\"{key}\":{value}")),
    ]
}

/// A change to bytes.
#[derive(Clone, Debug)]
enum Edit {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, &'static str),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = any::<prop::sample::Index>;
    let byte = prop_oneof![select(&b"\"\\{}[]:,01-.eutn \n\x00\x1f\x7f\x80\xc0\xed\xff"[..]), any::<u8>()];
    prop_oneof![
        (place(), byte).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (place(), select(TOKENS)).prop_map(|(at, token)| Edit::Insert(at, token)),
        place().prop_map(Edit::Remove),
        place().prop_map(Edit::Cut),
        (place(), place()).prop_map(|(from, to)| Edit::Repeat(from, to)),
    ]
}

impl Edit {
    fn apply(self, mut bytes: Vec<u8>) -> Vec<u8> {
        if bytes.is_empty() {
            return bytes;
        }
        let len = bytes.len();
        match self {
            Edit::Set(at, byte) => bytes[at.index(len)] = byte,
            Edit::Insert(at, token) => {
                let at = at.index(len);
                bytes.splice(at..at, token.bytes());
            }
            Edit::Remove(at) => {
                bytes.remove(at.index(len));
            }
            Edit::Cut(at) => bytes.truncate(at.index(len)),
            Edit::Repeat(from, to) => {
                let (from, to) = (from.index(len), to.index(len));
                let piece = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(from..from, piece);
            }
        }
        bytes
    }
}
