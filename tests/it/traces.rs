//! Traces, as a collector gets them over OTLP (gRPC), and as servers see them.

use std::net::SocketAddr;

use bytes::{BufMut, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::{Gateway, Post, Scripted, call, only_through_weir, result, until, within};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector.
struct Collector {
    address: SocketAddr,
    told: UnboundedReceiver<ExportTraceServiceRequest>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let address = listener.local_addr().expect("it is bound");
        let (tell, told) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tell = tell.clone();
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                    while let Some(Ok((request, mut answer))) = connection.accept().await {
                        let tell = tell.clone();
                        tokio::spawn(async move {
                            let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
                            assert_eq!(request.uri().path(), path);
                            let mut body = request.into_body();
                            let mut message = BytesMut::new();
                            while let Some(piece) = body.data().await {
                                let piece = piece.expect("a whole message");
                                let _ = body.flow_control().release_capacity(piece.len());
                                message.put(piece);
                            }
                            // A byte of flags and four of length stand before it (gRPC, "Length-Prefixed-Message").
                            let told = ExportTraceServiceRequest::decode(&message[5..]).expect("an export");
                            let head = Response::builder().header("content-type", "application/grpc");
                            let mut sending =
                                answer.send_response(head.body(()).expect("a head"), false).expect("open");
                            sending.send_data(vec![0; 5].into(), false).expect("open");
                            let status =
                                [(http::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))];
                            sending.send_trailers(HeaderMap::from_iter(status)).expect("open");
                            let _ = tell.send(told);
                        });
                    }
                });
            }
        });
        Self { address, told }
    }

    /// The next spans, so many of them.
    async fn spans(&mut self, count: usize) -> Vec<Span> {
        let mut spans = Vec::new();
        while spans.len() < count {
            let told = within("spans at the collector", self.told.recv()).await.expect("it runs");
            for resource in told.resource_spans {
                let attributes = resource.resource.expect("a resource").attributes;
                assert!(attributes.iter().any(|attribute| attribute.key == "service.name"), "{attributes:?}");
                spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        assert_eq!(spans.len(), count);
        spans
    }
}

async fn gateway(server: &Scripted, collector: SocketAddr, sample: &str) -> Gateway {
    let url = server.url();
    let traces = format!("[telemetry]\ntraces = {{ otlp = \"http://{collector}\", sample = {sample} }}\n");
    Gateway::config(&format!("{traces}[[servers]]\nname = \"files\"\nendpoints = [\"{url}\"]\n")).start().await
}

async fn server() -> Scripted {
    Scripted::answering(|request| match request.json()["params"]["name"].as_str() {
        Some("wrong") => result("77", "{}"),
        _ => result(&request.id(), r#"{"resultType":"complete","content":[]}"#),
    })
    .await
}

fn traced(post: Post, flags: &str) -> Post {
    post.header("traceparent", &format!("00-{TRACE}-{PARENT}-{flags}")).header("tracestate", "vendor=1")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value?;
    match value {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key}: {other:?}"),
    }
}

#[tokio::test]
async fn a_sampled_request_is_a_span_below_its_callers_and_above_the_servers() {
    only_through_weir!();
    let (server, mut collector) = (server().await, Collector::start().await);
    let weir = gateway(&server, collector.address, "0.0").await;
    weir.client().await.ask(&traced(call("1", "echo", "{}"), "01")).await;
    let seen = server.request().await;
    let spans = collector.spans(2).await;
    let (request, call_span) = match &spans[..] {
        [one, other] if one.kind == 2 => (one, other),
        [one, other] => (other, one),
        _ => unreachable!("two"),
    };
    assert_eq!((request.kind, call_span.kind), (2, 3), "SERVER and CLIENT");
    assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE.into(), PARENT.into()));
    assert_eq!((&call_span.trace_id, &call_span.parent_span_id), (&request.trace_id, &request.span_id));
    let told = format!("00-{TRACE}-{}-01", hex(&call_span.span_id));
    assert_eq!((seen.header("traceparent"), seen.header("tracestate")), (Some(&*told), Some("vendor=1")));
    for (key, value) in [
        ("weir.route", "/mcp"),
        ("weir.server", "files"),
        ("mcp.method.name", "tools/call"),
        ("gen_ai.tool.name", "echo"),
        ("weir.outcome", "answered"),
        ("http.response.status_code", "200"),
        ("weir.request.id", seen.header("x-request-id").expect("our id")),
    ] {
        assert_eq!(attribute(request, key).as_deref(), Some(value), "{request:?}");
    }
    assert_eq!(request.name, "tools/call echo");
    assert!(request.start_time_unix_nano <= call_span.start_time_unix_nano);
    assert!(call_span.end_time_unix_nano <= request.end_time_unix_nano + 1_000_000, "{request:?} {call_span:?}");

    weir.client().await.ask(&traced(call("1", "wrong", "{}"), "01")).await;
    let spans = collector.spans(2).await;
    let request = spans.iter().find(|span| span.kind == 2).expect("one is the request");
    assert_eq!(request.status.as_ref().map(|status| status.code), Some(2), "{request:?}");
    assert_eq!(attribute(request, "error.type").as_deref(), Some("upstream_bad_response"));
}

#[tokio::test]
async fn what_is_not_sampled_passes_and_what_cannot_be_read_does_not() {
    only_through_weir!();
    let (server, collector) = (server().await, Collector::start().await);
    let weir = gateway(&server, collector.address, "0.0").await;
    let unsampled = format!("00-{TRACE}-{PARENT}-00");
    for (sent, goes_on) in [
        (Some(&*unsampled), true),
        (Some("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-later"), true),
        (Some("00-1"), false),
        (Some("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), false),
        (None, false),
    ] {
        let ask = call("1", "echo", "{}").header("tracestate", "vendor=1");
        weir.client().await.ask(&sent.map_or(ask.clone(), |sent| ask.header("traceparent", sent))).await;
        let seen = server.request().await;
        assert_eq!(seen.header("traceparent"), sent.filter(|_| goes_on), "{sent:?}");
        assert_eq!(seen.header("tracestate").is_some(), goes_on, "{sent:?}");
    }
    let mut collector = collector;
    weir.stop().await;
    assert!(collector.told.try_recv().is_err(), "nothing was sampled");
}

#[tokio::test]
async fn a_trace_may_begin_here_and_the_end_of_the_daemon_sends_what_is_left() {
    only_through_weir!();
    let (server, mut collector) = (server().await, Collector::start().await);
    let weir = gateway(&server, collector.address, "1.0").await;
    let refused = Post::new("{");
    weir.client().await.ask(&call("1", "echo", "{}")).await;
    weir.client().await.ask(&refused).await;
    let told = server.request().await.header("traceparent").expect("a trace begins").to_owned();
    weir.stop().await;
    let spans = collector.spans(3).await;
    let calls: Vec<_> = spans.iter().filter(|span| span.kind == 3).collect();
    let expected = format!("00-{}-{}-03", hex(&calls[0].trace_id), hex(&calls[0].span_id));
    assert_eq!((calls.len(), told), (1, expected));
    assert!(spans.iter().filter(|span| span.kind == 2).all(|span| span.parent_span_id.is_empty()));
}

#[tokio::test]
async fn without_traces_whatever_is_sent_passes() {
    only_through_weir!();
    let server = server().await;
    let weir = Gateway::to(&server.url()).start().await;
    for parent in [&format!("00-{TRACE}-{PARENT}-01"), "00-1"] {
        weir.client()
            .await
            .ask(&call("1", "echo", "{}").header("traceparent", parent).header("tracestate", "a=b"))
            .await;
        let seen = server.request().await;
        assert_eq!((seen.header("traceparent"), seen.header("tracestate")), (Some(parent), Some("a=b")));
    }
}

#[tokio::test]
async fn a_collector_that_is_away_holds_up_nobody_and_is_told_of_once() {
    only_through_weir!();
    let server = server().await;
    let nobody = { TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("it is bound") };
    let weir = gateway(&server, nobody, "1.0").await;
    for _ in 0..20 {
        assert_eq!(weir.client().await.ask(&call("1", "echo", "{}")).await.status(), 200);
    }
    until("a warning", async || weir.said().contains("spans were lost")).await;
    for _ in 0..20 {
        assert_eq!(weir.client().await.ask(&call("1", "echo", "{}")).await.status(), 200);
    }
    let log = weir.log().await;
    assert_eq!(log.matches("spans were lost").count(), 1, "{log}");
}
