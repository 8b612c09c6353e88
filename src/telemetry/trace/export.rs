//! Sending spans to the collector, on the control runtime: in batches, within bounds, and never holding anybody up.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, UNIX_EPOCH};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{timeout, timeout_at};

use crate::model::clock;
use crate::protocol::method::Method;
use crate::telemetry::ended::Said;

use super::control::Shared;
use super::facts::Facts;

/// Requests that are sent at once.
const BATCH: usize = 512;
/// How long a batch waits to become full.
const WAIT: Duration = Duration::from_secs(1);
/// How long the collector may take for one.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is told that spans are lost.
const TELL: Duration = Duration::from_secs(60);

/// Where spans go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum To {
    Nowhere,
    /// A collector, by its URL.
    Collector(Arc<str>),
    /// To the collector as far as they have been told, and then no more.
    End,
}

/// The task that sends.
pub(super) struct Export {
    told: mpsc::Receiver<Facts>,
    to: watch::Receiver<To>,
    shared: Arc<Shared>,
    exporter: Option<SpanExporter>,
    /// When it was told last that spans are lost.
    warned: Option<Instant>,
    /// How many had been lost then.
    said: u64,
}

impl Export {
    pub(super) fn new(told: mpsc::Receiver<Facts>, to: watch::Receiver<To>, shared: Arc<Shared>) -> Self {
        Self { told, to, shared, exporter: None, warned: None, said: 0 }
    }

    /// Sends until the end, and what has been told by then.
    pub(super) async fn run(mut self) {
        self.turn();
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                count = self.told.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.fill(&mut batch).await;
                    self.send(batch).await;
                }
                changed = self.to.changed() => {
                    if changed.is_err() || *self.to.borrow() == To::End {
                        return self.rest().await;
                    }
                    self.turn();
                }
            }
        }
    }

    /// More for a batch that has begun, for as long as it may wait.
    async fn fill(&mut self, batch: &mut Vec<Facts>) {
        let until = clock::timer_now() + WAIT;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            let more = async {
                tokio::select! {
                    count = self.told.recv_many(batch, room) => count > 0,
                    // What is to end is not waited for.
                    _ = self.to.wait_for(|to| *to == To::End) => false,
                }
            };
            if !timeout_at(until, more).await.unwrap_or(false) {
                return;
            }
        }
    }

    async fn rest(&mut self) {
        self.told.close();
        let mut batch = Vec::new();
        while self.told.recv_many(&mut batch, BATCH).await > 0 {
            self.send(std::mem::take(&mut batch)).await;
        }
    }

    /// Takes up where spans go from now on.
    fn turn(&mut self) {
        let to = self.to.borrow_and_update().clone();
        match to {
            To::Collector(url) => match exporter(&url) {
                Ok(exporter) => self.exporter = Some(exporter),
                Err(why) => {
                    self.exporter = None;
                    tracing::error!(otlp = %url, why, "no traces are sent: [telemetry] traces");
                }
            },
            To::Nowhere => self.exporter = None,
            To::End => {}
        }
    }

    async fn send(&mut self, batch: Vec<Facts>) {
        let spans: Vec<_> = batch.iter().flat_map(spans).collect();
        let count = spans.len() as u64;
        let sent = match &self.exporter {
            Some(exporter) => match timeout(PATIENCE, exporter.export(spans)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("it takes too long".to_owned()),
            },
            None => Err("there is no collector".to_owned()),
        };
        let counter = if sent.is_ok() { &self.shared.sent } else { &self.shared.lost };
        counter.fetch_add(count, Ordering::Relaxed);
        self.warn(sent.err().as_deref().unwrap_or("it is too slow"));
    }

    /// Tells of losses, now and then.
    fn warn(&mut self, why: &str) {
        let (now, lost) = (clock::now(), self.shared.lost.load(Ordering::Relaxed));
        if lost > self.said && self.warned.is_none_or(|warned| now - warned >= TELL) {
            tracing::warn!(
                spans = lost - self.said,
                why,
                "spans were lost: the collector of [telemetry] traces did not take them"
            );
            (self.warned, self.said) = (Some(now), lost);
        }
    }
}

fn exporter(url: &str) -> Result<SpanExporter, String> {
    let built = SpanExporter::builder().with_tonic().with_endpoint(url).with_timeout(PATIENCE).build();
    let mut exporter = built.map_err(|error| error.to_string())?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    exporter.set_resource(&Resource::builder().with_service_name("weir").with_attribute(version).build());
    Ok(exporter)
}

impl Facts {
    /// How many spans there are of it.
    pub(super) fn spans(&self) -> u64 {
        1 + u64::from(self.asked.is_some())
    }
}

/// The request, and below it the call to the server.
pub(super) fn spans(facts: &Facts) -> Vec<SpanData> {
    let begin = facts.end.saturating_sub(facts.total);
    let request = span(facts, SpanKind::Server, facts.span.server, (begin, facts.end));
    let Some(asked) = facts.asked else { return vec![request] };
    let asked = begin + asked;
    let answered = facts.server_time.map_or(facts.end, |time| asked + time);
    vec![request, span(facts, SpanKind::Client, facts.span.call, (asked, answered))]
}

fn span(facts: &Facts, kind: SpanKind, id: u64, (start, end): (Duration, Duration)) -> SpanData {
    let is_call = kind == SpanKind::Client;
    let parent = if is_call { Some(facts.span.server) } else { facts.span.parent };
    let title = facts.title();
    let context = SpanContext::new(
        TraceId::from_bytes(facts.span.trace.to_be_bytes()),
        SpanId::from_bytes(id.to_be_bytes()),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    SpanData {
        span_context: context,
        parent_span_id: parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.to_be_bytes())),
        parent_span_is_remote: !is_call && parent.is_some(),
        span_kind: kind,
        name: Cow::Owned(title),
        start_time: UNIX_EPOCH + start,
        end_time: UNIX_EPOCH + end,
        attributes: attributes(facts, is_call),
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status: if facts.is_error() { Status::error(facts.why.clone()) } else { Status::Unset },
        instrumentation_scope: InstrumentationScope::builder("weir").with_version(env!("CARGO_PKG_VERSION")).build(),
    }
}

/// By the names of OpenTelemetry's conventions for HTTP and MCP where they have one, else our own.
fn attributes(facts: &Facts, is_call: bool) -> Vec<KeyValue> {
    let mut all = vec![
        KeyValue::new("weir.route", facts.route.clone()),
        KeyValue::new("weir.server", facts.server.clone()),
        KeyValue::new("weir.request.id", facts.id.to_string()),
        KeyValue::new("http.request.method", facts.verb()),
    ];
    if !facts.method.is_empty() {
        all.push(KeyValue::new("mcp.method.name", facts.method.clone()));
    }
    if let (Some(key), false) = (name_key(facts.said), facts.name.is_empty()) {
        all.push(KeyValue::new(key, facts.name.clone()));
    }
    if is_call {
        return all;
    }
    all.push(KeyValue::new("http.route", facts.route.clone()));
    all.push(KeyValue::new("client.address", facts.peer.clone()));
    all.push(KeyValue::new("weir.outcome", facts.outcome.as_str()));
    all.push(KeyValue::new("http.request.body.size", facts.received as i64));
    all.push(KeyValue::new("http.response.body.size", facts.sent as i64));
    if facts.status != 0 {
        all.push(KeyValue::new("http.response.status_code", i64::from(facts.status)));
    }
    if let Some(reason) = facts.reason {
        all.push(KeyValue::new("weir.reason", reason.as_str()));
    }
    if facts.is_error() {
        let kind = facts.reason.map_or_else(|| facts.status.to_string(), |reason| reason.as_str().to_owned());
        all.push(KeyValue::new("error.type", kind));
    }
    all
}

/// What the name in a message names.
fn name_key(said: Said) -> Option<&'static str> {
    let Said::Method(method) = said else { return None };
    match method {
        Method::ToolsCall => Some("gen_ai.tool.name"),
        Method::PromptsGet => Some("gen_ai.prompt.name"),
        Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => Some("mcp.resource.uri"),
        _ => None,
    }
}
