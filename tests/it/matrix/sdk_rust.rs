//! The official Rust client, in its present generation and the one before: what it does is one text for both.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    clients::{Mode, Place, Run, Story},
    pipe::Piped,
    steps::Step,
    transcript::Line,
};

/// Ends a step that hangs. No step passes by being fast.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs them one after the other.
pub(super) async fn lines(runs: Vec<Run>) -> Vec<Line> {
    let mut lines = Vec::new();
    for run in runs {
        let mut steps = Steps { run: run.name.clone(), lines: Vec::new() };
        match run.client.kind {
            "2" => before::story(&mut steps, &run).await,
            _ => present::story(&mut steps, &run).await,
        }
        lines.append(&mut steps.lines);
    }
    lines
}

struct Steps {
    run: String,
    lines: Vec<Line>,
}

impl Steps {
    /// Takes a step; gives what came of it, if it succeeded.
    async fn take<T>(
        &mut self,
        step: &str,
        act: impl Future<Output = Result<T, Value>>,
        show: impl FnOnce(&T) -> Value,
    ) -> Option<T> {
        let began = weir::model::clock::now();
        let late = json!({ "code": "TimeoutError", "message": "nothing happened for too long" });
        let end = tokio::time::timeout(PATIENCE, act).await.unwrap_or(Err(late));
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.lines.push(Line::new(&self.run, step, end.as_ref().map(show).map_err(Clone::clone), took));
        end.ok()
    }

    async fn tell(&mut self, step: &str, act: impl Future<Output = Result<Value, Value>>) {
        self.take(step, act, Value::clone).await;
    }
}

/// An error that is none of JSON-RPC: its kind and its words.
fn other(error: &(impl std::fmt::Debug + std::fmt::Display)) -> Value {
    let kind = format!("{error:?}");
    let kind = kind.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or("");
    json!({ "code": kind, "message": error.to_string() })
}

/// The story of one generation. `$connect` is its own way to serve a client.
macro_rules! generation {
    ($name:ident, $rmcp:ident, $connect:expr) => {
        #[expect(deprecated, reason = "servers of the session era still ask for samples and roots")]
        mod $name {
            use $rmcp::{
                ClientHandler, ErrorData, RoleClient, ServiceError,
                model::{
                    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult,
                    InitializeRequestParams, ListRootsResult, ProgressNotificationParam,
                },
                service::{NotificationContext, RequestContext, RunningService},
                transport::StreamableHttpClientTransport,
            };
            use serde::{Serialize, de::DeserializeOwned};
            use serde_json::{Value, json};
            use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

            use super::{super::refusals::steer, Piped, Place, Run, Step, Steps, Story, other};

            struct User(UnboundedSender<ProgressNotificationParam>);

            impl ClientHandler for User {
                fn get_info(&self) -> InitializeRequestParams {
                    of(json!({
                        "protocolVersion": "2025-11-25",
                        "capabilities": { "elicitation": {}, "sampling": {}, "roots": {} },
                        "clientInfo": { "name": "weir-tests", "version": "1.0.0" },
                    }))
                }

                async fn create_elicitation(
                    &self,
                    _: ElicitRequestParams,
                    _: RequestContext<RoleClient>,
                ) -> Result<ElicitResult, ErrorData> {
                    let content = json!({ "username": "ada", "email": "ada@example.com", "response": "yes", "name": "Ada" });
                    Ok(of(json!({ "action": "accept", "content": content })))
                }

                async fn create_message(
                    &self,
                    _: CreateMessageRequestParams,
                    _: RequestContext<RoleClient>,
                ) -> Result<CreateMessageResult, ErrorData> {
                    let content = json!({ "type": "text", "text": "echo: hi" });
                    Ok(of(json!({ "role": "assistant", "model": "test-model", "content": content })))
                }

                async fn list_roots(&self, _: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
                    Ok(of(json!({ "roots": [{ "uri": "file:///srv/project" }] })))
                }

                async fn on_progress(&self, params: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
                    // Nobody listens any more once the run is over.
                    let _ = self.0.send(params);
                }
            }

            pub(super) async fn story(steps: &mut Steps, run: &Run) {
                let (tell, mut progress) = unbounded_channel();
                let (user, mode) = (User(tell), run.client.mode);
                let mut piped = None;
                let connecting = async {
                    let client = match &run.place {
                        Place::Url(url) => $connect(user, StreamableHttpClientTransport::from_uri(url.as_str()), mode).await,
                        Place::Command(command) => {
                            let (process, ends) = Piped::start(command);
                            piped = Some(process);
                            $connect(user, ends, mode).await
                        }
                    };
                    client.map_err(|error| other(&error))
                };
                let Some(client) = steps.take("connect", connecting, |client| shown(&client.peer_info())).await else {
                    return;
                };
                match &run.story {
                    Story::Refusals(names, control) => refusals(steps, names, control, &client).await,
                    Story::Steps(all) => {
                        for step in &**all {
                            steps.tell(step.name, act(step, &client, &mut progress)).await;
                        }
                    }
                }
                let ending = async { client.cancel().await.map(|_| json!("ended")).map_err(|error| other(&error)) };
                steps.tell("end", ending).await;
            }

            async fn act(
                step: &Step,
                client: &RunningService<RoleClient, User>,
                progress: &mut UnboundedReceiver<ProgressNotificationParam>,
            ) -> Result<Value, Value> {
                let act = step.json();
                let named = || json!({ "name": act["name"], "arguments": act["arguments"] });
                match act["do"].as_str() {
                    Some("tools") => told(client.list_tools(None).await),
                    Some("call") => told(client.call_tool(of(named())).await),
                    Some("read") => told(client.read_resource(of(json!({ "uri": act["uri"] }))).await),
                    Some("prompt") => told(client.get_prompt(of(named())).await),
                    Some("progress") => {
                        // The SDK gives every call a progress token.
                        while progress.try_recv().is_ok() {}
                        let result = told(client.call_tool(of(named())).await)?;
                        let mut seen = Vec::new();
                        while act["count"].as_u64().is_some_and(|count| count > seen.len() as u64) {
                            seen.push(progress.recv().await.expect("the client holds the other end"));
                        }
                        // The SDK hands notifications on side by side, so their order is lost there.
                        seen.sort_by(|one, other| one.progress.total_cmp(&other.progress));
                        let seen: Vec<_> =
                            seen.iter().map(|step| json!([step.progress, step.total, step.message])).collect();
                        Ok(json!({ "call": result["content"].clone(), "progress": seen }))
                    }
                    _ => panic!("no such step: {act}"),
                }
            }

            /// Every refusal is followed by a good call on the same session, and the first one comes after one.
            async fn refusals(steps: &mut Steps, names: &[&str], control: &str, client: &RunningService<RoleClient, User>) {
                steps.tell("before", call(client, "probe_echo", json!({ "text": "grüße" }))).await;
                for &refusal in names {
                    let text = if refusal == "too large" { "x".repeat(200_000) } else { format!("fault:{refusal}:") };
                    steer(control, refusal, "down").await;
                    steps.tell(refusal, async {
                        if refusal == "notification" {
                            let progress = of(json!({ "progressToken": "nobody", "progress": 1 }));
                            client.notify_progress(progress).await.map_err(|error| other(&error))?;
                        }
                        call(client, "probe_echo", json!({ "text": text })).await
                    })
                    .await;
                    steer(control, refusal, "up").await;
                    steps.tell(&format!("after {refusal}"), call(client, "probe_echo", json!({ "text": "grüße" }))).await;
                }
            }

            async fn call(client: &RunningService<RoleClient, User>, name: &str, arguments: Value) -> Result<Value, Value> {
                told(client.call_tool(of(json!({ "name": name, "arguments": arguments }))).await)
            }

            fn told<T: Serialize>(end: Result<T, ServiceError>) -> Result<Value, Value> {
                match end {
                    Ok(result) => Ok(shown(&result)),
                    Err(ServiceError::McpError(error)) => Err(json!({ "code": error.code, "message": error.message })),
                    Err(error) => Err(other(&error)),
                }
            }

            fn shown(value: &impl Serialize) -> Value {
                serde_json::to_value(value).expect("the SDK's types are JSON")
            }

            fn of<T: DeserializeOwned>(value: Value) -> T {
                serde_json::from_value(value).expect("this is what the type is on the wire")
            }
        }
    };
}

generation!(before, rmcp2, async |user: User, transport, _: super::Mode| rmcp2::ServiceExt::serve(user, transport)
    .await);
generation!(present, rmcp, async |user: User, transport, mode: super::Mode| {
    rmcp::ClientServiceExt::serve_with_lifecycle(user, transport, super::lifecycle(mode)).await
});

fn lifecycle(mode: Mode) -> rmcp::ClientLifecycleMode {
    let preferred_versions = vec![rmcp::model::ProtocolVersion::V_2026_07_28];
    match mode {
        Mode::Legacy => rmcp::ClientLifecycleMode::Initialize,
        Mode::Auto => rmcp::ClientLifecycleMode::Auto { preferred_versions, legacy_version: None },
        Mode::Modern => rmcp::ClientLifecycleMode::Discover { preferred_versions },
    }
}
