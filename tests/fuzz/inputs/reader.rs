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
        8 => (text.prop_map(String::into_bytes), vec(edit(), 0..3)).prop_map(|(text, edits)| {
            edits.into_iter().fold(text, |text, edit| edit.apply(text))
        }),
        1 => vec(any::<u8>(), 0..64),
    ]
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

const KEYS: &[&str] = &[
    "a",
    "b",
    "name",
    "n\\u0061me",
    "NAME",
    "_meta",
    "_met\\u0061",
    "_META",
    "progressToken",
    "progre\u{17f}sToken",
    "tas\u{212a}Id",
    "uri",
    "arguments",
    "method",
    "id",
    "result",
    "x\\u0000",
    "x\\ud83d",
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
    "00",
    "-",
    "1.",
    "\"\"",
    "\"text\"",
    "\"2.0\"",
    "\"\\u0032.0\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"\\ude00\\ud83d\"",
    "\"\\ud83d\\u0041\"",
    "\"\\ud83d\\ud83d\\ude00\"",
    "\"\\u0000\"",
    "\"ß€😀\"",
    "\"\u{7f}\"",
    "\"\n\"",
    "\"\\x\"",
    "\"\\u00g0\"",
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

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => select(&[" ", "\t", "\r\n", "\u{a0}", "\u{c}"][..])]
}

fn value() -> impl Strategy<Value = String> {
    let leaf = (space(), select(SCALARS), space()).prop_map(|(before, token, behind)| [before, token, behind].concat());
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![vec(inner.clone(), 0..5).prop_map(|elements| format!("[{}]", elements.join(","))), object(inner),]
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    vec((space(), select(KEYS), space(), value), 0..8).prop_map(|members| {
        let members: Vec<_> =
            members.iter().map(|(before, key, behind, value)| format!("{before}\"{key}\"{behind}:{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

/// A message that mostly is one, its members in any order.
fn message() -> impl Strategy<Value = String> {
    let version = prop_oneof![12 => Just("\"2.0\""), 1 => select(SCALARS)];
    let id = prop_oneof![
        2 => Just(String::new()),
        6 => select(IDS).prop_map(|id| format!("\"id\":{id}")),
        1 => (250_usize..260).prop_map(|length| format!("\"id\":\"{}\"", "i".repeat(length))),
        1 => (250_usize..260).prop_map(|length| format!("\"id\":\"{}\"", "\\u0069".repeat(length))),
    ];
    let part = (select(&["params", "params", "result", "error", "p\\u0061rams", "re\\u0073ult"][..]), object(value()));
    let part = part.prop_map(|(name, value)| format!("\"{name}\":{value}"));
    let method = select(
        &["", "", "\"method\":\"tools/call\"", "\"method\":\"a\"", "\"m\\u0065thod\":\"\\u0061\"", "\"method\":1"][..],
    );
    let more = prop_oneof![
        6 => Just(String::new()),
        1 => select(&["\"ID\":1", "\"Method\":\"x\"", "\"re\u{17f}ult\":1", "\"params\":[]", "\"foreign\":{\"a\":1,\"a\":2}"][..])
            .prop_map(String::from),
        1 => (select(KEYS), value()).prop_map(|(key, value)| format!("\"{key}\":{value}")),
    ];
    let members =
        (version.prop_map(|version| format!("\"jsonrpc\":{version}")), id, method.prop_map(String::from), part, more);
    members
        .prop_flat_map(|(version, id, method, part, more)| Just(vec![version, id, method, part, more]).prop_shuffle())
        .prop_map(|members| {
            let members: Vec<_> = members.into_iter().filter(|member| !member.is_empty()).collect();
            format!("{{{}}}", members.join(","))
        })
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
