//! Random connections: sound requests, odd ones, and some with bytes changed.

use proptest::{collection::vec, option, prelude::*, sample::select};

/// The bytes of a connection, legible where a test fails.
#[derive(Clone)]
pub(super) struct Connection(pub(super) Vec<u8>);

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// One to five requests that must pass.
pub(super) fn sound() -> impl Strategy<Value = Connection> {
    vec(request(false), 1..6).prop_map(|requests| Connection(requests.concat()))
}

/// One to five requests, most of them sound.
pub(super) fn connection() -> impl Strategy<Value = Connection> {
    let requests = vec(request(true), 1..6).prop_map(|requests| requests.concat());
    (requests, prop_oneof![1 => Just(Vec::new()), 1 => vec(mutation(), 1..3)]).prop_map(|(mut bytes, mutations)| {
        for (at, mutation) in mutations {
            mutation.apply(&mut bytes, at);
        }
        Connection(bytes)
    })
}

/// A way to cut bytes into reads.
pub(super) fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    vec(any::<prop::sample::Index>(), 0..8)
}

/// The reads that a stream is cut into; none is empty.
pub(super) fn reads<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.dedup();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

#[derive(Debug, Clone)]
enum Mutation {
    Insert(Vec<u8>),
    Replace(u8),
    Remove,
    Repeat(usize),
    End,
}

impl Mutation {
    fn apply(self, bytes: &mut Vec<u8>, at: prop::sample::Index) {
        if bytes.is_empty() {
            return;
        }
        let at = at.index(bytes.len());
        match self {
            Self::Insert(new) => drop(bytes.splice(at..at, new)),
            Self::Replace(new) => bytes[at] = new,
            Self::Remove => drop(bytes.remove(at)),
            Self::Repeat(length) => {
                let part = bytes[at..].iter().take(length).copied().collect::<Vec<_>>();
                drop(bytes.splice(at..at, part));
            }
            Self::End => bytes.truncate(at),
        }
    }
}

fn mutation() -> impl Strategy<Value = (prop::sample::Index, Mutation)> {
    let byte = select(b"\r\n\0 \t:;,\x0b\x7f\x80\xa0_-#%/?5".as_slice());
    let text: &[&[u8]] = &[
        b"\r\n",
        b"\r\n\r\n",
        b"0\r\n\r\n",
        b"\r\nTransfer-Encoding: chunked",
        b"\r\nContent-Length: 0",
        b"\r\nHost: a",
        b"GET / HTTP/1.1",
        b"\xd0\xb6",
        b"\xc2\x85",
    ];
    let mutation = prop_oneof![
        3 => byte.prop_map(|byte| Mutation::Insert(vec![byte])),
        1 => select(text).prop_map(|text| Mutation::Insert(text.to_vec())),
        2 => any::<u8>().prop_map(Mutation::Replace),
        2 => Just(Mutation::Remove),
        1 => (1..40usize).prop_map(Mutation::Repeat),
        1 => Just(Mutation::End),
    ];
    (any::<prop::sample::Index>(), mutation)
}

type Choice = &'static [&'static str];

/// One of the usual texts, or, if `odd` and one time in forty, one of the others.
fn mostly(odd: bool, usual: Choice, others: Choice) -> impl Strategy<Value = String> {
    let others = if odd { others } else { usual };
    prop_oneof![40 => select(usual), 1 => select(others)].prop_map(str::to_owned)
}

fn request(odd: bool) -> impl Strategy<Value = Vec<u8>> {
    let line = (
        mostly(odd, &["", "", "", "\r\n"], &["\r\n\r\n", "\n", "\r"]),
        mostly(
            odd,
            &["POST", "PUT", "GET", "DELETE", "OPTIONS", "M-SEARCH"],
            &["CONNECT", "get", "", "HEAD", "P@ST", "PRI"],
        ),
        mostly(odd, &[" "], &["  ", "\t", ""]),
        mostly(
            odd,
            &["/mcp", "/", "/a?b=c", "http://a/x", "HTTPS://A?y", "/a%20b/{}", "//a", "/\u{436}", "/x#y", "http://a#z"],
            &["*", "a:80", "http://b/", "x", "", "/\u{85}", "/a b", "/`", "http://a@b/", "ftp://a/", "/\\^|\""],
        ),
        mostly(odd, &[" HTTP/1.1"], &[" HTTP/1.0", " HTTP/2.0", " HTTP/1.1 ", "", " http/1.1", "\tHTTP/1.1"]),
        mostly(
            odd,
            &["Host: a\r\n", "host:a\r\n", "HOST:\ta \r\n"],
            &[
                "",
                "Host: b\r\n",
                "Host: a\r\nHost: a\r\n",
                "Host : a\r\n",
                " Host: a\r\n",
                "Host: a,b\r\n",
                "Host:\r\n",
            ],
        ),
    );
    let fields = vec(
        mostly(
            odd,
            &[
                "X: y",
                "Accept: application/json, text/event-stream",
                "Empty:",
                "Expect: 100-continue",
                "TE: trailers",
                "Upgrade: h2c",
                "Trailer: X",
                "X: a\tb",
                "X: \u{436}",
                "Connection: keep-alive, Upgrade",
                "My_Name: x",
            ],
            &[
                "Connection: close",
                "X\r\n folded",
                "no colon",
                ": x",
                "X : y",
                "Content_Length: 3",
                "Expect: x",
                "Transfer-Encoding: gzip",
                "Content-Length: 5",
                "Transfer-Encoding: chunked",
                "X:\u{b}y",
                "X(: y",
            ],
        ),
        0..4,
    );
    (line, fields, body(odd)).prop_map(
        move |((empty, method, space, target, version, host), fields, (framing, body))| {
            let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
            let bodiless = matches!(&*method, "GET" | "DELETE") && (!odd || body.len() % 32 != 0);
            let framing = if bodiless { String::new() } else { framing };
            let head = format!("{empty}{method}{space}{target}{version}\r\n{host}{fields}{framing}\r\n").into_bytes();
            if framing.is_empty() { head } else { [head, body].concat() }
        },
    )
}

/// The framing lines and the bytes of a body.
fn body(odd: bool) -> impl Strategy<Value = (String, Vec<u8>)> {
    let content = || vec(any::<u8>(), 0..40);
    let name = || mostly(odd, &["Content-Length: ", "content-length:"], &["Content-Length : ", "Content_Length: "]);
    let length = (name(), content(), prop_oneof![40 => Just(0), 1 => if odd { -2..3i64 } else { 0..1 }])
        .prop_map(|(name, content, off)| (format!("{name}{}\r\n", (content.len() as i64 + off).max(0)), content));
    let coding = mostly(
        odd,
        &["Transfer-Encoding: chunked\r\n", "transfer-encoding:ChUnKeD \r\n"],
        &["Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"],
    );
    let chunk = (
        content(),
        mostly(odd, &["", "", ";a", " ;a=b", ";a=\"\u{436};\""], &[" ", ";\0", ";\n", "g"]),
        option::of(0..4usize),
    )
        .prop_map(|(content, extension, zeros)| {
            let size = format!("{}{:x}{extension}\r\n", "0".repeat(zeros.unwrap_or(0)), content.len());
            if content.is_empty() { Vec::new() } else { [size.as_bytes(), &content, b"\r\n"].concat() }
        });
    let end = mostly(
        odd,
        &["0\r\n\r\n", "0\r\n\r\n", "00;x\r\n\r\n", "0\r\nX: y\r\n\r\n", "0\r\nX: y\r\nZ:\r\n\r\n", LONG],
        &["0\r\nHost: a\r\n\r\n", "0\r\n\n", "0\n\r\n", "0\r\n X: y\r\n\r\n", "\r\n", "0\r\nContent-Length: 1\r\n\r\n"],
    );
    let chunked = (coding, vec(chunk, 0..4), end)
        .prop_map(|(coding, chunks, end)| (coding, [chunks.concat(), end.into_bytes()].concat()));
    prop_oneof![2 => Just((String::new(), Vec::new())), 3 => length, 3 => chunked]
}

/// Trailers of 119 bytes, the most that the tight limits allow.
const LONG: &str = concat!(
    "0\r\nX: ",
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901",
    "\r\n\r\n"
);
