//! The calls that are counted: what clients and servers say in them.

use weir::protocol::message::{Body, Limits, read_client};
use weir::protocol::stdio::{Line, Lines, line};

use super::house::House;
use super::meter::counted;
use super::peers::Play;
use super::policy::policy;

/// How often each is counted, and how many calls together: so many that the clock's chances are seldom in most counts.
pub(crate) const TIMES: usize = 11;
pub(crate) const CALLS: usize = 5;
/// Calls before: enough for everything that grows with use to have grown.
const BEFORE: usize = 20;

/// What is counted, in this order.
pub(crate) const NAMES: [&str; 16] = [
    "plain/modern call",
    "plain/legacy call in a session",
    "plain/event stream of 4 events",
    "plain/tools/list of 8 KB",
    "plain/refused call",
    "logged/modern call",
    "logged/legacy call in a session",
    "logged/event stream of 4 events",
    "logged/tools/list of 8 KB",
    "logged/refused call",
    "ruled/modern call",
    "ruled/legacy call in a session",
    "ruled/event stream of 4 events",
    "ruled/tools/list of 8 KB",
    "ruled/refused call",
    "stdio/message there and back",
];

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"example","version":"1.0"}}}"#;

const OPENED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"files","version":"1.0"}}}"#;

const MODERN: &str = r#"{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"execute_sql","arguments":{"query":"SELECT id, name FROM users WHERE active AND region = $1 ORDER BY created_at DESC","region":"us-west1","limit":50,"dry":false},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"Example","version":"1.0.0"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;

const LIST: &str = r#"{"jsonrpc":"2.0","id":43,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;

const LEGACY: &str = r#"{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"execute_sql","arguments":{"query":"SELECT id, name, created_at, updated_at FROM users WHERE active AND region = $1 AND plan = $2 ORDER BY created_at DESC, id ASC LIMIT 50 OFFSET 0","region":"us-west1","plan":"enterprise","limit":50,"dry":false,"explain":{"analyze":true,"format":"json","buffers":false}},"_meta":{"progressToken":42}}}"#;

/// The same key twice.
const TWICE: &str = r#"{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"execute_sql","arguments":{"query":"SELECT 1","limit":50,"query":"SELECT 2"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;

const RESULT: &str = r#"{"jsonrpc":"2.0","id":42,"result":{"resultType":"complete","content":[{"type":"text","text":"[{\"id\":1,\"name\":\"Ada\"},{\"id\":2,\"name\":\"Grace\"},{\"id\":3,\"name\":\"Edsger\"},{\"id\":4,\"name\":\"Barbara\"}]"}],"structuredContent":{"rows":[{"id":1,"name":"Ada"},{"id":2,"name":"Grace"},{"id":3,"name":"Edsger"},{"id":4,"name":"Barbara"}]},"isError":false}}"#;

const PROGRESS: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":42,"progress":1,"total":4}}"#;

/// A page of tools of about 8 KB, as a server of files or databases lists them.
fn page() -> String {
    let tool = |at: usize| {
        format!(
            r#"{{"name":"tool_{at:02}","title":"Tool number {at}","description":"Looks into the table of that number and gives the rows that match \"query\", newest first.","inputSchema":{{"type":"object","properties":{{"query":{{"type":"string","description":"What to look for"}},"limit":{{"type":"integer","minimum":1,"maximum":100}}}},"required":["query"]}},"annotations":{{"readOnlyHint":true}}}}"#
        )
    };
    let tools: Vec<String> = (0..22).map(tool).collect();
    format!(r#"{{"jsonrpc":"2.0","id":43,"result":{{"resultType":"complete","tools":[{}]}}}}"#, tools.join(","))
}

fn request(fields: &[(&str, &str)], body: &str) -> Vec<u8> {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nAccept-Encoding: gzip, deflate, br\r\n\
         User-Agent: example/1.0\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn json(more: &str, body: &str) -> Option<Vec<u8>> {
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Wed, 25 Nov 2026 09:00:00 GMT\r\n";
    Some(format!("{head}{more}Content-Length: {length}\r\n\r\n{body}").into_bytes())
}

/// Three notifications and the answer, in chunks of their own that come in one piece.
fn events() -> Option<Vec<u8>> {
    let mut answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\
                      Transfer-Encoding: chunked\r\n\r\n"
        .to_owned();
    for message in [PROGRESS, PROGRESS, PROGRESS, RESULT] {
        let event = format!("event: message\ndata: {message}\n\n");
        answer.push_str(&format!("{:x}\r\n{event}\r\n", event.len()));
    }
    Some((answer + "0\r\n\r\n").into_bytes())
}

/// Counts all, in the order of [`NAMES`].
pub(crate) fn count() {
    calls(&House::new(false, ""));
    calls(&House::new(true, ""));
    calls(&House::new(false, &policy()));
    stdio();
}

/// Counts what makes so many calls as it is told.
fn count_calls(mut make: impl FnMut(usize)) {
    make(BEFORE);
    for _ in 0..TIMES {
        counted(&mut || make(CALLS));
    }
}

fn calls(house: &House) {
    let initialize = request(&[], INITIALIZE);
    let opened = house.ask(&Play { request: initialize, answer: json("Mcp-Session-Id: s-1\r\n", OPENED), end: "}" });
    let session = opened.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).expect("a session is opened");
    let legacy = [("Mcp-Protocol-Version", "2025-11-25"), ("Mcp-Session-Id", session)];
    let modern = |method| [("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", method), ("Mcp-Name", "execute_sql")];
    let call = request(&modern("tools/call"), MODERN);
    let plays = [
        Play { request: call.clone(), answer: json("", RESULT), end: "}}" },
        Play { request: request(&legacy, LEGACY), answer: json("", RESULT), end: "}}" },
        Play { request: call, answer: events(), end: "0\r\n\r\n" },
        Play { request: request(&modern("tools/list")[..2], LIST), answer: json("", &page()), end: "]}}" },
        Play { request: request(&modern("tools/call"), TWICE), answer: None, end: "}}" },
    ];
    for play in plays {
        let heard = house.ask(&play);
        assert_eq!(heard.starts_with("HTTP/1.1 200 "), play.answer.is_some(), "{heard}");
        count_calls(|calls| house.call(&play, calls));
    }
}

/// A call becomes a line with ids of ours; its answer is found in what the process wrote.
fn stdio() {
    let Ok(Body::One(message)) = read_client(LEGACY.as_bytes(), &Limits::default()) else {
        panic!("the call is one message");
    };
    let id = message.id.expect("it has one").span();
    let token = message.meta.progress_token.expect("it has one").span;
    let number = b"17592186044417";
    let written = format!("{RESULT}\n");
    let (mut out, mut lines) = (Vec::with_capacity(4096), Lines::new(1 << 20));
    let calls = |calls: usize| {
        for _ in 0..calls {
            out.clear();
            line(LEGACY.as_bytes(), message.span, &[(id, number), (token, number)], &mut out);
            let mut whole = 0;
            lines.push(written.as_bytes(), |line| whole += usize::from(matches!(line, Line::Whole(_))));
            assert_eq!(whole, 1);
        }
    };
    count_calls(calls);
}
