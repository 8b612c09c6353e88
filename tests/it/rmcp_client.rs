//! The official Rust client `rmcp` through Weir, in both eras, in front of a server and of a command.

use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient,
    model::{CallToolRequestParams, ClientRequest, ProgressNotificationParam, ProtocolVersion, Request, ServerResult},
    service::{NotificationContext, PeerRequestOptions, RunningService},
    transport::StreamableHttpClientTransport,
};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::support::{Gateway, NodeServer, node, only_through_weir, until, within};

/// A client that hands on the progress it is told.
struct Watcher(UnboundedSender<f64>);

impl ClientHandler for Watcher {
    async fn on_progress(&self, params: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        // Nobody listens any more once the test is over.
        let _ = self.0.send(params.progress);
    }
}

struct Story {
    weir: Gateway,
    _server: Option<NodeServer>,
    client: RunningService<RoleClient, Watcher>,
    progress: UnboundedReceiver<f64>,
}

#[tokio::test]
async fn in_the_session_era() {
    Story::of_a_server(ClientLifecycleMode::Initialize).await.live().await;
}

#[tokio::test]
async fn in_2026_07_28() {
    Story::of_a_server(modern()).await.live().await;
}

#[tokio::test]
async fn in_the_session_era_before_a_command() {
    only_through_weir!();
    for per in ["session", "principal", "shared"] {
        Story::of_a_command(ClientLifecycleMode::Initialize, per).await.live().await;
    }
}

#[tokio::test]
async fn in_2026_07_28_before_a_command() {
    only_through_weir!();
    for per in ["session", "shared"] {
        Story::of_a_command(modern(), per).await.live().await;
    }
}

fn modern() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

impl Story {
    async fn of_a_server(lifecycle: ClientLifecycleMode) -> Self {
        let server = NodeServer::reference(&["--era", "dual"]).await;
        let weir = Gateway::to(server.url()).start().await;
        Self::begin(weir, Some(server), lifecycle).await
    }

    async fn of_a_command(lifecycle: ClientLifecycleMode, per: &str) -> Self {
        let mut server = node("ref-server.mjs");
        server.args(["--stdio", "--era", "dual"]);
        let weir = Gateway::command(&server, &format!("processes = {{ per = \"{per}\" }}")).start().await;
        Self::begin(weir, None, lifecycle).await
    }

    async fn live(mut self) {
        self.lists_and_calls().await;
        self.sees_progress().await;
        self.cancels().await;
        self.end().await;
    }

    async fn begin(weir: Gateway, server: Option<NodeServer>, lifecycle: ClientLifecycleMode) -> Self {
        let (tell, progress) = unbounded_channel();
        let transport = StreamableHttpClientTransport::from_uri(weir.url());
        let client = Watcher(tell).serve_with_lifecycle(transport, lifecycle);
        let client = within("the handshake", client).await.expect("the handshake succeeds");
        Self { weir, _server: server, client, progress }
    }

    async fn lists_and_calls(&self) {
        let tools = within("a list", self.client.list_all_tools()).await.expect("tools are listed");
        assert!(tools.iter().any(|tool| tool.name == "probe_echo"));
        let resources = within("a list", self.client.list_all_resources()).await.expect("resources are listed");
        assert!(resources.iter().any(|resource| resource.uri == "test://static-text"));
        assert_eq!(self.call("probe_echo", json!({"text": "grüße"})).await, "grüße");
    }

    async fn sees_progress(&mut self) {
        // rmcp gives every request a progress token, so the server reports.
        assert!(self.call("test_tool_with_progress", json!({})).await.starts_with("token="));
        for expected in [0.0, 50.0, 100.0] {
            assert_eq!(within("progress", self.progress.recv()).await, Some(expected));
        }
    }

    async fn cancels(&mut self) {
        let before = self.cancelled().await;
        let call =
            ClientRequest::CallToolRequest(Request::new(request("probe_slow", json!({"ms": 60_000, "tick": 10}))));
        let handle = self.client.send_cancellable_request(call, PeerRequestOptions::no_options()).await.expect("sent");
        within("progress of the slow call", self.progress.recv()).await;
        handle.cancel(Some("enough".into())).await.expect("cancelled");
        until("the server saw the cancellation", async || self.cancelled().await == before + 1).await;
    }

    async fn end(self) {
        within("the end of the client", self.client.cancel()).await.expect("the client ends");
        self.weir.stop().await;
    }

    async fn cancelled(&self) -> u64 {
        let counters: Value = serde_json::from_str(&self.call("probe_counters", json!({})).await).expect("JSON");
        counters["slow_cancelled"].as_u64().expect("a counter")
    }

    async fn call(&self, name: &'static str, arguments: Value) -> String {
        let call = ClientRequest::CallToolRequest(Request::new(request(name, arguments)));
        let answer = within(name, self.client.send_request(call)).await.expect("the call is answered");
        let ServerResult::CallToolResult(result) = answer else { panic!("not the result of a call: {answer:?}") };
        let result = serde_json::to_value(result).expect("a result is JSON");
        result["content"][0]["text"].as_str().expect("text").to_owned()
    }
}

fn request(name: &'static str, arguments: Value) -> CallToolRequestParams {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    CallToolRequestParams::new(name).with_arguments(arguments)
}
