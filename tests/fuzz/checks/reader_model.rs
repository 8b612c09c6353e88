//! The model that the reader is held against: `serde_json` for the grammar, a tree with every key for the rest.

use weir::protocol::{json::Span, message::Kind};

/// Who sent a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// A text as the model sees it.
pub(super) enum Text {
    /// No JSON.
    Refused,
    /// JSON, but nested so deep that no tree is built.
    Deep,
    Tree(Node),
}

/// A value, with all members of an object in their order, repeated ones too.
pub(super) struct Node {
    pub(super) span: Span,
    shape: Shape,
    depth: usize,
}

enum Shape {
    Object(Vec<(Option<String>, Node)>),
    Array(Vec<Node>),
    /// `None` for a string with half a surrogate pair.
    String(Option<String>),
    /// A number or a literal, as it stands.
    Scalar(String),
}

/// What `str::from_utf8` and `serde_json` make of it.
pub(super) fn text(data: &[u8]) -> Text {
    let Ok(text) = std::str::from_utf8(data) else {
        return Text::Refused;
    };
    if serde_json::from_str::<&serde_json::value::RawValue>(text).is_err() {
        return Text::Refused;
    }
    if deepest(data) > 200 {
        return Text::Deep;
    }
    let mut parser = Parser { data, at: 0 };
    parser.space();
    Text::Tree(parser.value())
}

/// How deep brackets nest.
fn deepest(data: &[u8]) -> usize {
    let (mut open, mut deepest, mut in_string, mut at) = (0_usize, 0, false, 0);
    while at < data.len() {
        match data[at] {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' if !in_string => open -= 1,
            _ => {}
        }
        at += 1;
    }
    deepest
}

impl Text {
    /// Whether a client may send this text.
    pub(super) fn is_sound(&self, depth: usize) -> bool {
        match self {
            Text::Tree(tree) => {
                tree.depth <= depth && tree.all(&|node| node.is_sound_but_for_repeats() && !node.repeats())
            }
            Text::Refused | Text::Deep => false,
        }
    }

    /// Whether a server may.
    pub(super) fn is_sound_where_read(&self, depth: usize) -> bool {
        let Text::Tree(tree) = self else {
            return false;
        };
        let messages =
            if let Shape::Array(elements) = &tree.shape { &elements[..] } else { std::slice::from_ref(tree) };
        tree.depth <= depth
            && tree.all(&|node| node.is_sound_but_for_repeats())
            && messages.iter().all(|message| {
                let parts = message
                    .members()
                    .iter()
                    .filter(|(key, _)| matches!(key.as_deref(), Some("params" | "result" | "error")));
                !message.repeats()
                    && parts.into_iter().all(|(_, part)| {
                        let mut metas = part.members().iter().filter(|(key, _)| key.as_deref() == Some("_meta"));
                        !part.repeats() && metas.all(|(_, meta)| !meta.repeats())
                    })
            })
    }
}

impl Node {
    /// A value that has nothing.
    pub(super) fn absent() -> Node {
        Node { span: Span { start: 0, end: 0 }, shape: Shape::Scalar(String::new()), depth: 0 }
    }

    pub(super) fn members(&self) -> &[(Option<String>, Node)] {
        if let Shape::Object(members) = &self.shape { members } else { &[] }
    }

    pub(super) fn elements(&self) -> &[Node] {
        if let Shape::Array(elements) = &self.shape { elements } else { &[] }
    }

    pub(super) fn string(&self) -> Option<&str> {
        if let Shape::String(Some(string)) = &self.shape { Some(string) } else { None }
    }

    pub(super) fn raw<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        self.span.of(data)
    }

    /// What a parser sees that keeps the first of equal keys.
    pub(super) fn first(&self, name: &str) -> Option<&Node> {
        self.members().iter().find(|(key, _)| key.as_deref() == Some(name)).map(|(_, node)| node)
    }

    /// What a parser sees that keeps the last.
    pub(super) fn last(&self, name: &str) -> Option<&Node> {
        self.members().iter().rfind(|(key, _)| key.as_deref() == Some(name)).map(|(_, node)| node)
    }

    /// What a parser sees that ignores case.
    pub(super) fn folded(&self, name: &str) -> Option<&Node> {
        let is_it = |key: &Option<String>| key.as_deref().is_some_and(|key| fold(key) == fold(name));
        self.members().iter().rfind(|(key, _)| is_it(key)).map(|(_, node)| node)
    }

    fn all(&self, holds: &impl Fn(&Node) -> bool) -> bool {
        holds(self) && self.members().iter().map(|(_, node)| node).chain(self.elements()).all(|node| node.all(holds))
    }

    fn is_sound_but_for_repeats(&self) -> bool {
        let keys_are = self.members().iter().all(|(key, _)| key.as_ref().is_some_and(|key| !key.contains('\0')));
        keys_are && !matches!(self.shape, Shape::String(None))
    }

    fn repeats(&self) -> bool {
        let mut keys: Vec<_> = self.members().iter().map(|(key, _)| key).collect();
        keys.sort();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }
}

fn fold(key: &str) -> String {
    key.chars()
        .map(|c| {
            if c == 'ſ' {
                's'
            } else if c == '\u{212A}' {
                'k'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

const ENVELOPE: &str = "jsonrpc id method params result error";
const PARAMS: &str = "name arguments uri cursor _meta taskId requestState inputResponses protocolVersion capabilities \
    clientInfo ref argument level notifications requestId progressToken";

fn has_lookalike(node: &Node, known: &str) -> bool {
    node.members().iter().flat_map(|(key, _)| key).any(|key| {
        let known: Vec<&str> = known.split_ascii_whitespace().collect();
        !known.contains(&key.as_str()) && known.iter().any(|name| fold(name) == fold(key))
    })
}

/// The kinds of the messages of a sound body; `None` where it is to be refused.
pub(super) fn kinds(tree: &Node, side: Side, batch: usize) -> Option<Vec<Kind>> {
    match &tree.shape {
        Shape::Object(_) => Some(vec![kind(tree, side)?]),
        Shape::Array(messages) if (1..=batch).contains(&messages.len()) => {
            messages.iter().map(|message| kind(message, side)).collect()
        }
        _ => None,
    }
}

fn kind(message: &Node, side: Side) -> Option<Kind> {
    let has = |name: &str| message.first(name).is_some();
    let params = message.first("params");
    let is_sound = matches!(message.shape, Shape::Object(_))
        && message.first("jsonrpc")?.string() == Some("2.0")
        && !has_lookalike(message, ENVELOPE)
        && message.first("method").is_none_or(|method| method.string().is_some())
        && params.is_none_or(|params| matches!(params.shape, Shape::Object(_)))
        && !(side == Side::Client && params.is_some_and(|params| has_lookalike(params, PARAMS)));
    // Whether there is an id; the inner one, whether it names something.
    let id = match message.first("id") {
        None => None,
        Some(Node { shape: Shape::String(id), .. }) if id.as_ref()?.len() <= 256 => Some(true),
        Some(Node { shape: Shape::Scalar(null), .. }) if null == "null" => Some(false),
        Some(Node { shape: Shape::Scalar(digits), .. }) if digits.parse::<i128>().ok()?.unsigned_abs() < 1 << 53 => {
            Some(true)
        }
        Some(_) => return None,
    };
    match (has("method"), has("result"), has("error"), id) {
        _ if !is_sound => None,
        (true, false, false, None) => Some(Kind::Notification),
        (true, false, false, Some(true)) => Some(Kind::Request),
        (false, true, false, Some(true)) if params.is_none() => Some(Kind::Answer),
        (false, false, true, Some(true)) if params.is_none() => Some(Kind::Error),
        (false, false, true, _) if params.is_none() && side == Side::Server => Some(Kind::Error),
        _ => None,
    }
}

/// A parser of text that is known to be JSON.
struct Parser<'a> {
    data: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn space(&mut self) {
        while self.at < self.data.len() && self.data[self.at].is_ascii_whitespace() {
            self.at += 1;
        }
    }

    /// Takes a value and the space behind it.
    fn value(&mut self) -> Node {
        let start = self.at;
        let shape = match self.data[start] {
            b'{' => Shape::Object(self.list(b'}', |parser| {
                let key = parser.string();
                parser.space();
                parser.at += 1;
                parser.space();
                (key, parser.value())
            })),
            b'[' => Shape::Array(self.list(b']', |parser| parser.value())),
            b'"' => Shape::String(self.string()),
            _ => {
                while self.at < self.data.len() && !b",]} \t\r\n".contains(&self.data[self.at]) {
                    self.at += 1;
                }
                Shape::Scalar(String::from_utf8(self.data[start..self.at].to_vec()).unwrap())
            }
        };
        let span = Span { start: start as u32, end: self.at as u32 };
        self.space();
        let depth = match &shape {
            Shape::Object(members) => 1 + members.iter().map(|(_, node)| node.depth).max().unwrap_or(0),
            Shape::Array(elements) => 1 + elements.iter().map(|node| node.depth).max().unwrap_or(0),
            _ => 0,
        };
        Node { span, shape, depth }
    }

    fn list<T>(&mut self, end: u8, item: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        self.at += 1;
        self.space();
        while self.data[self.at] != end {
            items.push(item(self));
            if self.data[self.at] == b',' {
                self.at += 1;
                self.space();
            }
        }
        self.at += 1;
        items
    }

    /// Takes a string by way of UTF-16, where half a pair is easy to see.
    fn string(&mut self) -> Option<String> {
        let mut units = Vec::new();
        self.at += 1;
        while self.data[self.at] != b'"' {
            let rest = std::str::from_utf8(&self.data[self.at..]).unwrap();
            let mut characters = rest.chars();
            let (unit, taken) = match (characters.next().unwrap(), characters.next()) {
                ('\\', Some('u')) => (u16::from_str_radix(&rest[2..6], 16).unwrap(), 6),
                ('\\', Some('b')) => (8, 2),
                ('\\', Some('f')) => (12, 2),
                ('\\', Some('n')) => (10, 2),
                ('\\', Some('r')) => (13, 2),
                ('\\', Some('t')) => (9, 2),
                ('\\', Some(other)) => (other as u16, 2),
                (character, _) => {
                    units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
                    self.at += character.len_utf8();
                    continue;
                }
            };
            units.push(unit);
            self.at += taken;
        }
        self.at += 1;
        String::from_utf16(&units).ok()
    }
}
