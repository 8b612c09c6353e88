//! What must hold of the reader, whatever bytes it gets. The model is slow and written for nothing but to be right.

use weir::protocol::{
    json::{self, Span, Value, elements, members},
    message::{
        Body, Fault, FaultReason, Id, KNOWN_DEPTH, KnownResult, Limits, Message, Progressive, Seen, SeenMessage,
        read_client, read_server, read_server_knowing,
    },
};

#[path = "reader_model.rs"]
mod model;

use model::{Node, Side, Text};

/// Runs every check. Panics where one fails.
pub(crate) fn check(data: &[u8]) {
    let text = model::text(data);
    texts_are_judged_like_the_model(data, &text);
    look_ups_end(data);
    if let Text::Tree(tree) = &text {
        look_ups_find_what_is_there(data, tree);
    }
    let client = read_client(data, &Limits::default());
    let server = read_server(data, &Limits::default());
    bodies_are_judged_like_the_model(data, &text, Side::Client, &client);
    bodies_are_judged_like_the_model(data, &text, Side::Server, &server);
    what_is_known_changes_nothing(data, &server);
    for size in [1, 2, 3, 7, 64, 1 + data.len() / 2, data.len() + 1] {
        chunks_are_judged_like_the_whole(data, data.chunks(size), &server);
    }
    chunks_are_judged_like_the_whole(data, Uneven(data, 7), &server);
}

/// A `result` that may be known is one, and then every text that is like this one up to behind it is read in both ways.
fn what_is_known_changes_nothing(data: &[u8], body: &Result<Body, Fault>) {
    let Ok(Body::One(Message { result: Some(result), .. })) = body else { return };
    let (known, end) = (result.raw(data), result.span.end as usize);
    let sound = json::check(known, KNOWN_DEPTH).is_ok();
    let Some(kept) = sound.then(|| KnownResult::of(known)).flatten() else { return };
    for depth in [3, KNOWN_DEPTH, 64] {
        let limits = Limits { depth, ..Limits::default() };
        let agree = |text: &[u8]| {
            let knows = |text: &[u8]| text.starts_with(known).then_some(kept);
            assert_eq!(read_server_knowing(text, &limits, &knows), read_server(text, &limits), "depth {depth}");
        };
        agree(data);
        agree(&[b"[", data, b"]"].concat());
        for at in end..data.len() {
            agree(&data[..at]);
            for byte in [b'}', b',', b'"', b'x', 0xFF] {
                agree(&[&data[..at], &[byte], &data[at + 1..]].concat());
            }
        }
    }
}

fn texts_are_judged_like_the_model(data: &[u8], text: &Text) {
    for depth in [0, 1, 3, 64] {
        let verdict = json::check(data, depth);
        assert_eq!(verdict.is_ok(), text.is_sound(depth.into()), "depth {depth}: {verdict:?}");
        if let Err(fault) = verdict {
            assert!(fault.at as usize <= data.len(), "{fault:?}");
        }
    }
}

fn bodies_are_judged_like_the_model(data: &[u8], text: &Text, side: Side, read: &Result<Body, Fault>) {
    let sound = match side {
        Side::Client => text.is_sound(64),
        Side::Server => text.is_sound_where_read(64),
    };
    let expected = match text {
        Text::Tree(tree) if sound => model::kinds(tree, side, 50),
        _ => None,
    };
    match (read, text, expected) {
        (Ok(Body::One(message)), Text::Tree(tree), Some(kinds)) => {
            assert_eq!(kinds, [message.kind]);
            message_is_what_every_parser_sees(data, tree, side, message);
        }
        (Ok(Body::Batch(batch)), Text::Tree(tree), Some(kinds)) => {
            assert_eq!(kinds, batch.iter().map(|message| message.kind).collect::<Vec<_>>());
            assert_eq!(tree.elements().len(), batch.len());
            for (node, message) in tree.elements().iter().zip(batch) {
                message_is_what_every_parser_sees(data, node, side, message);
            }
        }
        (Err(fault), _, None) => {
            assert_eq!(fault.is_parse_error(), !sound, "{fault:?}");
            assert!(fault.at as usize <= data.len() && (sound || fault.id.is_none()), "{fault:?}");
        }
        (read, _, expected) => panic!("{side:?}: read {read:?}, expected {expected:?}"),
    }
}

/// The members of a message are those that a parser sees which keeps the first of equal keys, one that keeps the last,
/// and (of a client's message) one that ignores case.
fn message_is_what_every_parser_sees(data: &[u8], node: &Node, side: Side, message: &Message) {
    assert_eq!(message.span, node.span);
    let seen = |object: &Node, name: &str, found: Option<Value>, is_folded: bool| {
        let span = found.map(|value| value.span);
        assert_eq!(object.first(name).map(|node| node.span), span, "{name}, the first");
        assert_eq!(object.last(name).map(|node| node.span), span, "{name}, the last");
        if is_folded {
            assert_eq!(object.folded(name).map(|node| node.span), span, "{name}, whatever its case");
        }
        if let (Some(node), Some(value)) = (object.first(name), found) {
            assert_eq!(value.text(data).as_deref(), node.string(), "{name}");
        }
    };
    seen(node, "method", message.method, true);
    seen(node, "params", message.params, true);
    seen(node, "result", message.result, true);
    seen(node, "error", message.error, true);
    let id = node.first("id").filter(|id| id.raw(data) != b"null");
    assert_eq!(message.id.map(|id| id.raw(data)), id.map(|id| id.raw(data)));
    assert_eq!(node.folded("id").map(|id| id.span), node.first("id").map(|id| id.span));

    let absent = Node::absent();
    let params = node.first("params").unwrap_or(&absent);
    let fields = &message.fields;
    if let Some(result) = node.first("result").filter(|_| side == Side::Server) {
        let kept = [
            ("nextCursor", fields.cursor),
            ("requestState", fields.request_state),
            ("taskId", fields.task_id),
            ("task", fields.task),
        ];
        kept.into_iter().for_each(|(name, found)| seen(result, name, found, false));
    }
    let fields = if message.result.is_some() { weir::protocol::message::Fields::default() } else { *fields };
    for (name, found) in [
        ("name", fields.name),
        ("uri", fields.uri),
        ("taskId", fields.task_id),
        ("arguments", fields.arguments),
        ("_meta", fields.meta),
        ("cursor", fields.cursor),
        ("requestState", fields.request_state),
        ("inputResponses", fields.input_responses),
        ("protocolVersion", fields.protocol_version),
        ("capabilities", fields.capabilities),
        ("requestId", fields.request_id),
        ("progressToken", fields.progress_token),
    ] {
        seen(params, name, found, side == Side::Client);
    }
    let result = node.first("result").or(node.first("error")).filter(|_| side == Side::Server);
    let meta = node.first("params").or(result).and_then(|part| part.first("_meta")).unwrap_or(&absent);
    for (name, found) in [
        ("io.modelcontextprotocol/protocolVersion", message.meta.protocol_version),
        ("io.modelcontextprotocol/clientCapabilities", message.meta.client_capabilities),
        ("io.modelcontextprotocol/clientInfo", message.meta.client_info),
        ("io.modelcontextprotocol/logLevel", message.meta.log_level),
        ("io.modelcontextprotocol/subscriptionId", message.meta.subscription_id),
        ("io.modelcontextprotocol/related-task", message.meta.related_task),
        ("progressToken", message.meta.progress_token),
    ] {
        seen(meta, name, found, false);
    }
}

fn chunks_are_judged_like_the_whole<'a>(
    data: &[u8],
    chunks: impl Iterator<Item = &'a [u8]>,
    whole: &Result<Body, Fault>,
) {
    let mut progressive = Progressive::new(&Limits::default());
    for chunk in chunks {
        if let Err(fault) = progressive.push(chunk) {
            assert_eq!(progressive.push(b" "), Err(fault), "a fault stays");
            break;
        }
    }
    let same = |seen: &SeenMessage, message: &Message| {
        assert_eq!(seen.kind, message.kind);
        assert_eq!(seen.id.as_ref().map(|id| id.raw()), message.id.as_ref().map(|id: &Id| id.raw(data)));
        if let (Some(kept), Some(id)) = (&seen.id, &message.id) {
            assert!(kept.matches(id, data));
        }
    };
    match (progressive.finish(), whole) {
        (Ok(Seen::One(seen)), Ok(Body::One(message))) => same(&seen, message),
        (Ok(Seen::Batch(seen)), Ok(Body::Batch(batch))) => {
            assert_eq!(seen.len(), batch.len());
            seen.iter().zip(batch).for_each(|(seen, message)| same(seen, message));
        }
        (Err(fault), _) if fault.reason == FaultReason::Text(json::FaultReason::TooManyKeys) => {}
        (Err(_), Err(_)) => {}
        (seen, whole) => panic!("in chunks {seen:?}, as a whole {whole:?}"),
    }
}

fn look_ups_find_what_is_there(data: &[u8], tree: &Node) {
    let mut rest = vec![tree];
    while let Some(node) = rest.pop() {
        let found: Vec<_> = members(data, node.span).collect();
        let own = node.members();
        assert_eq!(found.len(), own.len());
        for ((key, value), (name, inner)) in found.iter().zip(own) {
            assert_eq!(value.span, inner.span);
            assert_eq!(key.escaped, key.raw(data).contains(&b'\\'));
            if let Some(name) = name {
                assert!(key.is(data, name) && key.text(data).as_deref() == Some(name));
            }
        }
        let names: std::collections::BTreeSet<_> = own.iter().filter_map(|(name, _)| name.as_ref()).collect();
        if own.iter().all(|(name, _)| name.is_some()) {
            assert_eq!(json::distinct(data, node.span), names.len() == own.len());
        }
        let found: Vec<_> = elements(data, node.span).map(|value| value.span).collect();
        assert_eq!(found, node.elements().iter().map(|node| node.span).collect::<Vec<_>>());
        rest.extend(own.iter().map(|(_, node)| node).chain(node.elements()));
    }
}

/// On bytes that nobody has checked, they end, and stay within them.
fn look_ups_end(data: &[u8]) {
    for start in (0..data.len()).take(200) {
        let span = Span { start: start as u32, end: data.len() as u32 };
        let inside = members(data, span).flat_map(|(key, value)| [key, value]).chain(elements(data, span));
        for value in inside.take(1000) {
            let _ = (value.raw(data), value.text(data), value.is(data, "method"));
        }
        json::distinct(data, span);
    }
    let outside = Span { start: u32::MAX - 1, end: u32::MAX };
    assert_eq!(members(data, outside).count() + elements(data, outside).count(), 0);
}

/// Chunks of many sizes, empty ones among them.
struct Uneven<'a>(&'a [u8], u32);

impl<'a> Iterator for Uneven<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        self.1 = self.1.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (now, later) = self.0.split_at(self.0.len().min((self.1 >> 28) as usize));
        self.0 = later;
        Some(now)
    }
}
