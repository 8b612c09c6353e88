//! A server on the official Rust SDK, in this process; it speaks both eras on one endpoint.

use std::net::SocketAddr;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ElicitRequestParams, ElicitResult,
        GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequiredResult, ListToolsResult,
        PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams,
        ReadResourceResponse, ReadResourceResult, ServerConfig,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

pub(super) struct RustServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// The tools of the matrix's scenario; names and answers are those of `ref-server.mjs`.
#[derive(Clone)]
struct Scenario;

impl RustServer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        let service: StreamableHttpService<Scenario, LocalSessionManager> =
            StreamableHttpService::new(|| Ok(Scenario), Default::default(), StreamableHttpServerConfig::default());
        let router = axum::Router::new().nest_service("/mcp", service);
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a server on loopback serves");
        });
        Self { address, task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }
}

impl Drop for RustServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ServerHandler for Scenario {
    fn get_info(&self) -> ServerConfig {
        of(json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {}, "resources": {}, "prompts": {} },
            "serverInfo": { "name": "weir-tests-rust", "version": "1.0.0" },
            "instructions": "the server of the Rust SDK",
        }))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let text = |name: &str| json!({ "type": "object", "properties": { name: { "type": "string" } } });
        Ok(of(json!({ "resultType": "complete", "tools": [
            { "name": "probe_echo", "inputSchema": text("text") },
            { "name": "test_tool_with_progress", "inputSchema": { "type": "object" } },
            { "name": "test_error_handling", "inputSchema": { "type": "object" } },
            { "name": "test_elicitation", "inputSchema": text("message") },
        ] })))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let argument = |name: &str| call.arguments.as_ref().map_or(Value::Null, |arguments| arguments[name].clone());
        match call.name.as_ref() {
            "probe_echo" => Ok(said(&argument("text"), false)),
            "test_tool_with_progress" => progress(&context).await,
            "test_error_handling" => Ok(said(&json!("This tool intentionally returns an error for testing"), true)),
            "test_elicitation" => elicitation(&call, &argument("message"), &context).await,
            name => Err(ErrorData::invalid_params(format!("Tool {name} not found"), None)),
        }
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let text = "This is the content of the static text resource.";
        let contents = json!([{ "uri": request.uri, "mimeType": "text/plain", "text": text }]);
        Ok(of::<ReadResourceResult>(json!({ "resultType": "complete", "contents": contents })).into())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let argument = |name: &str| arguments[name].as_str().unwrap_or("").to_owned();
        let text = format!("Prompt with arguments: arg1='{}', arg2='{}'", argument("arg1"), argument("arg2"));
        let messages = json!([{ "role": "user", "content": { "type": "text", "text": text } }]);
        Ok(of::<GetPromptResult>(json!({ "resultType": "complete", "messages": messages })).into())
    }
}

async fn progress(context: &RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
    if let Some(token) = context.meta.get_progress_token() {
        for progress in [0, 50, 100] {
            let step = json!({ "progressToken": token, "progress": progress, "total": 100, "message": format!("step {progress}") });
            let step: ProgressNotificationParam = of(step);
            context
                .peer
                .notify_progress(step)
                .await
                .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        }
    }
    Ok(said(&json!("done"), false))
}

/// A session asks in the middle of the call; a request of 2026-07-28 ends with the question and comes again.
async fn elicitation(
    call: &CallToolRequestParams,
    message: &Value,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let text = json!({ "type": "string" });
    let schema = json!({ "type": "object", "properties": { "username": text, "email": text, "response": text } });
    let form = json!({ "mode": "form", "message": message, "requestedSchema": schema });
    let modern = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    let answer = match (&call.input_responses, modern) {
        (Some(responses), _) => serde_json::to_value(responses).expect("answers are JSON")["answer"].clone(),
        (None, true) => {
            let request = json!({ "answer": { "method": "elicitation/create", "params": form } });
            let question: InputRequiredResult = of(json!({ "resultType": "input_required", "inputRequests": request }));
            return Ok(question.into());
        }
        (None, false) => {
            let asked: ElicitResult = context
                .peer
                .create_elicitation(of::<ElicitRequestParams>(form))
                .await
                .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
            serde_json::to_value(asked).expect("an answer is JSON")
        }
    };
    let action = answer["action"].as_str().unwrap_or("none");
    Ok(said(&json!(format!("Elicitation completed: action={action}, content={}", answer["content"])), false))
}

fn said(text: &Value, is_error: bool) -> CallToolResponse {
    of::<CallToolResult>(
        json!({ "resultType": "complete", "content": [{ "type": "text", "text": text }], "isError": is_error }),
    )
    .into()
}

/// The SDK's types by their JSON: it is the same for every generation of it.
fn of<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("this is what the type is on the wire")
}
