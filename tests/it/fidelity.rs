//! Byte for byte: what the server said arrives as it said it, and what the client said too.

use std::sync::{Arc, Mutex};

use crate::support::{
    Client, Dice, Event, Gateway, Post, Scripted, call, count, legacy, modern, only_through_weir, result,
};

/// Results that no serializer would write, and that all have to pass as they are.
const RESULTS: &[&str] = &[
    r#"{"resultType":"complete","content":[]}"#,
    "\t{ \t\"resultType\" :\t\"complete\" , \"content\" : [ ] , \"empty\" : { } \t}",
    r#"{"resultType":"complete","content":[],"n":[1e400,-1E-400,1180591620717411303424,-0,-0.0,0e0,1E+2,10.0]}"#,
    r#"{"resultType":"complete","content":[],"a":1,"A":2,"а":3,"K":4}"#,
    r#"{"resultType":"complete","content":[],"deep":{"x":1,"x":2,"x":{"y":[],"y":null}}}"#,
    r#"{"resultType":"complete","content":[{"type":"text","text":"\u0041\/\ud83d\ude00\u0000\b\f  é"}]}"#,
    r#"{"resultType":"complete","content":[{"type":"text","text":"","_meta":{"org.example/x":{"__proto__":1}}}]}"#,
    r#"{"resultType":"complete","content":[],"_meta":{"org.example/trace":"00-ab","":""},"":0,"zz":[[[[[[[[]]]]]]]]}"#,
    r#"{"content":[],"resultType":"complete","isError":false,"structuredContent":{"$schema":1,"\u0024defs":2}}"#,
];

/// Answers in which two readers could see two different things: not one of them may reach a client.
const AMBIGUOUS: &[(&str, &str)] = &[
    ("a result twice", r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]},"result":{"content":[1]}}"#),
    ("an id twice", r#"{"jsonrpc":"2.0","id":1,"id":1,"result":{"content":[]}}"#),
    ("the same key, escaped", r#"{"jsonrpc":"2.0","id":1,"result":{},"r\u0065sult":{"content":[]}}"#),
    ("a key of the result twice", r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"content":[1]}}"#),
    ("a key of _meta twice", r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"_meta":{"a":1,"a":2}}}"#),
    ("result and error", r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#),
    ("a lone surrogate", r#"{"jsonrpc":"2.0","id":1,"result":{"content":"\ud800"}}"#),
    ("a byte-order mark", "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"),
    ("two documents", r#"{"jsonrpc":"2.0","id":1,"result":{}} {"jsonrpc":"2.0","id":1,"result":{}}"#),
    ("a trailing comma", r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],}}"#),
    ("half a document", r#"{"jsonrpc":"2.0","id":1,"result":{"content":["#),
    ("nothing", ""),
];

#[tokio::test]
async fn a_json_answer_arrives_to_the_byte() {
    for text in answers() {
        let sent = text.clone();
        let server = Scripted::answering(move |_| sent.clone()).await;
        let weir = Gateway::to(&server.url()).start().await;
        for ask in asks() {
            let answer = weir.client().await.ask(&ask).await;
            assert_eq!((answer.status(), answer.text()), (200, text.as_str()));
        }
    }
}

#[tokio::test]
async fn an_event_arrives_to_the_byte() {
    for text in answers() {
        let sent = text.clone();
        let server = Scripted::start(move |exchange| {
            let sent = sent.clone();
            async move {
                let mut stream = exchange.stream().await;
                stream.send(format!("data:{sent}\n\n")).await;
                stream.end().await
            }
        })
        .await;
        let weir = Gateway::to(&server.url()).start().await;
        for ask in asks() {
            let mut client = weir.client().await;
            client.post(&ask).await;
            assert_eq!(client.head().await.status(), 200);
            // One space after the colon is the stream's, not the data's.
            assert_eq!(client.message().await.as_deref(), Some(text.strip_prefix(' ').unwrap_or(&text)));
            assert_eq!(client.message().await, None);
        }
    }
}

#[tokio::test]
async fn a_key_repeated_where_weir_reads_is_no_answer() {
    only_through_weir!();
    let next = Arc::new(Mutex::new(String::new()));
    let answer = Arc::clone(&next);
    let server = Scripted::answering(move |_| answer.lock().expect("unpoisoned").clone()).await;
    let weir = Gateway::to(&server.url()).start().await;
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    for (what, text) in AMBIGUOUS.iter().copied().chain([("65 levels", deep.as_str())]) {
        *next.lock().expect("unpoisoned") = text.into();
        let answer = weir.client().await.ask(&call("1", "echo", "{}")).await;
        assert_eq!(answer.status(), 502, "{what}: {answer:?}");
        assert_eq!((answer.refusal().0, answer.refusal().1.as_str()), (50201, "upstream_bad_response"), "{what}");
        assert_eq!(answer.json()["id"], 1, "{what}");
    }
}

#[tokio::test]
async fn every_line_ending_of_an_event_stream_is_read() {
    for ends in [&["\n"][..], &["\r"], &["\r\n"], &["\n", "\r\n", "\r"], &["\r", "\n\n", "\r\n"]] {
        for marked in [false, true] {
            let (text, expected) = stream_text(ends, marked);
            let got = events_through(vec![text.into_bytes()]).await;
            assert_eq!(got, expected, "line ends {ends:?}, byte-order mark {marked}");
        }
    }
}

#[tokio::test]
async fn an_event_stream_may_be_split_anywhere() {
    let (text, expected) = stream_text(&["\r\n", "\n", "\r"], true);
    let single = text.bytes().map(|byte| vec![byte]).collect();
    assert_eq!(events_through(single).await, expected, "byte by byte");
    let mut dice = Dice::new();
    for _ in 0..count(400) {
        let mut pieces = Vec::new();
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(1 + dice.below(rest.len().min(48)));
            pieces.push(piece.to_vec());
            rest = after;
        }
        assert_eq!(events_through(pieces).await, expected);
    }
}

#[tokio::test]
async fn an_event_of_three_mebibytes_arrives_whole() {
    // Snowmen: every cut falls into a character twice out of three times.
    let text = result("1", &format!(r#"{{"resultType":"complete","content":[],"big":"{}"}}"#, "☃".repeat(1 << 20)));
    let bytes = format!("id: 7\r\ndata: {text}\r\n\r\n").into_bytes();
    let mut dice = Dice::new();
    for _ in 0..count(60) {
        let (cut, other) = (dice.below(bytes.len()), dice.below(bytes.len()));
        let (cut, other) = (cut.min(other), cut.max(other));
        let pieces = vec![bytes[..cut].to_vec(), bytes[cut..other].to_vec(), bytes[other..].to_vec()];
        let got = events_through(pieces.into_iter().filter(|piece| !piece.is_empty()).collect()).await;
        assert!(got.len() == 1 && got[0].id.as_deref() == Some("7") && got[0].data.as_deref() == Some(&text));
    }
}

#[tokio::test]
async fn a_request_arrives_to_the_byte() {
    let server = echo().await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    for ask in odd_requests() {
        let answer = client.ask(&ask).await;
        assert_eq!(answer.status(), 200, "{}: {answer:?}", String::from_utf8_lossy(ask.text()));
        let seen = server.request().await;
        assert_eq!(seen.body, ask.text(), "{}", String::from_utf8_lossy(ask.text()));
        assert_eq!(seen.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn a_body_in_odd_chunks_arrives_as_the_same_bytes() {
    let server = echo().await;
    let weir = Gateway::to(&server.url()).start().await;
    let host = weir.address().to_string();
    for ask in odd_requests() {
        for sizes in [&[1][..], &[7], &[1, 2, 3, 5, 8, 13, 21], &[100_000]] {
            let bytes = ask.chunked(&host, sizes);
            let mut client = weir.client().await;
            send_in_pieces(&mut client, &bytes, 11).await;
            let answer = client.answer().await;
            assert_eq!(answer.status(), 200, "{}: {answer:?}", String::from_utf8_lossy(ask.text()));
            assert_eq!(server.request().await.body, ask.text());
        }
    }
}

#[tokio::test]
async fn big_bodies_arrive_whole_both_ways() {
    let server = Scripted::start(|exchange| {
        let id = exchange.request.id();
        let length = exchange.request.body.len();
        let text =
            result(&id, &format!(r#"{{"resultType":"complete","length":{length},"b":"{}"}}"#, "é".repeat(3 << 20)));
        async move { exchange.json(text).await }
    })
    .await;
    let weir = Gateway::to(&server.url()).start().await;
    let ask = call("1", "echo", &format!(r#"{{"a":"{}"}}"#, "ü".repeat(2_000_000)));
    let answer = weir.client().await.ask(&ask).await;
    assert_eq!(answer.json()["result"]["length"], ask.text().len());
    assert_eq!(answer.json()["result"]["b"].as_str().map(str::len), Some(6 << 20));
    assert_eq!(server.request().await.body, ask.text());
}

/// Whole answers to id 1, as a server could write them.
fn answers() -> Vec<String> {
    let mut answers: Vec<_> = RESULTS.iter().map(|text| result("1", text)).collect();
    answers.push(format!(" \t{{ \"result\" : {} , \"id\":1,\"jsonrpc\" :\"2.0\" , \"x\":{{}} }}\t ", RESULTS[2]));
    answers.push(
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"é","data":{"x":1,"x":2},"more":1e999}}"#.into(),
    );
    answers
}

fn asks() -> [Post; 2] {
    [call("1", "echo", "{}"), legacy("1", "tools/call", r#"{"name":"echo","arguments":{}}"#)]
}

/// Requests whose bytes no serializer would produce.
fn odd_requests() -> Vec<Post> {
    let arguments = r#"{ "big" : [1e400,1180591620717411303424, -0.0 ],"a":1,"A":2,"а":3,"s":"\u0041\/\u0000 " }"#;
    let spaced = concat!(
        "\r\n\t {\"id\" :\t1,\n\"zz\":{\"_x\":[ ]} , \"jsonrpc\" : \"2.0\",\"m\\u0065thod\":\"tools\\/call\" ,",
        "\"params\":{\"arguments\":{},\"name\":\"echo\",\"unknown\":[1, 2 ,3]}}\n\n "
    );
    let legacy_head = legacy("1", "tools/call", "{}");
    vec![
        call("1", "echo", arguments),
        call(r#""a string \u0041 id""#, "echo", "{}"),
        call("9007199254740991", "echo", arguments),
        modern("-7", "org.example/unknown", r#""x" : {"y":[{}]}"#),
        legacy_head.clone().body(spaced),
        legacy(
            r#""""#,
            "tools/call",
            &format!(r#"{{"name":"echo","arguments":{arguments},"_meta":{{"progressToken":1.0}}}}"#),
        ),
        legacy("0", "tools/list", r#"{"cursor":"AAAA=="}"#),
    ]
}

/// A server that answers whatever id it is asked.
async fn echo() -> Scripted {
    Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await
}

async fn send_in_pieces(client: &mut Client, bytes: &[u8], size: usize) {
    for piece in bytes.chunks(size) {
        client.bytes(piece).await;
        tokio::task::yield_now().await;
    }
}

/// A stream with everything that the grammar allows, its line ends in turn from `ends`, and the events in it.
fn stream_text(ends: &[&str], marked: bool) -> (String, Vec<Event>) {
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    let halves = [r#"{"jsonrpc":"2.0","id":1,"#, r#" "result":{"resultType":"complete", "content":[]}}"#];
    let lines = [
        ": a comment of the server",
        "id: prime-1",
        "retry: 250",
        "data:",
        "",
        "event: message",
        "id: 2",
        &format!("data: {progress}"),
        "",
        ":",
        "",
        &format!("data:{progress}"),
        "unknown: field",
        "data",
        "",
        "id:3",
        &format!("data: {}", halves[0]),
        &format!("data: {}", halves[1]),
        "",
    ];
    let mut text = String::from(if marked { "\u{feff}" } else { "" });
    for (number, line) in lines.iter().enumerate() {
        let end = match ends[number % ends.len()] {
            // Two line feeds would end an event: only after an empty line do they change nothing.
            "\n\n" if !line.is_empty() => "\n",
            // A line feed after the CR of the line before would be that line's own end.
            "\n" | "\n\n" if line.is_empty() && text.ends_with('\r') => "\r\n",
            end => end,
        };
        text.push_str(line);
        text.push_str(end);
    }
    let some = |text: &str| Some(text.to_owned());
    let events = vec![
        Event { id: some("prime-1"), retry: some("250"), data: some(""), ..Event::default() },
        Event { name: some("message"), id: some("2"), data: some(progress), ..Event::default() },
        Event { data: Some(format!("{progress}\n")), ..Event::default() },
        Event { id: some("3"), data: Some(halves.join("\n")), ..Event::default() },
    ];
    (text, events)
}

/// What a client reads when the server sends these pieces, one after another. Comments are left out.
async fn events_through(pieces: Vec<Vec<u8>>) -> Vec<Event> {
    let pieces = Arc::new(pieces);
    let server = Scripted::start(move |exchange| {
        let pieces = Arc::clone(&pieces);
        async move {
            let mut stream = exchange.stream().await;
            for piece in pieces.iter() {
                stream.send(piece).await;
                tokio::task::yield_now().await;
            }
            stream.end().await
        }
    })
    .await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    client.post(&legacy("1", "tools/call", r#"{"name":"echo","arguments":{}}"#)).await;
    let head = client.head().await;
    assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")));
    let mut events = Vec::new();
    while let Some(event) = client.event().await.expect("a whole stream") {
        if event.comment.is_none() {
            events.push(event);
        }
    }
    events
}
