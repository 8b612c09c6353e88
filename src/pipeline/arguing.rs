//! The step of the flow that checks arguments: which definition they are checked against, and what their answers have to be.

use std::pin::pin;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::catalog::{Definition, Schema, Tool, Unusable};
use crate::model::{Reason, Refusal, Refused};
use crate::net::drain::{Drain, Phase};
use crate::protocol::headers;
use crate::protocol::message::{Message, OwnedId};
use crate::protocol::method::Method;
use crate::protocol::revision::{Era, Revision};
use crate::stages::arguments::{self, Call, Checks, Telling};
use crate::stages::respond::Promise;

use super::exchange::{Brought, Exchange, Ready};
use super::flow::culprit;
use super::lookup;
use super::stopping;

/// Checks every message of a body, each on its own; they go on together or not at all.
pub(super) async fn argue<'a>(
    exchange: Exchange<'a, Brought<'a>>,
    checks: &Checks,
    drain: &Drain,
) -> Result<Exchange<'a, Ready<'a>>, Refused> {
    let mut promises = Vec::new();
    let message = exchange.message();
    let is_batch = message.batch().is_some();
    for (at, one) in message.messages().iter().enumerate() {
        let asking = pin!(one_message(&exchange, checks, one, is_batch, &mut promises));
        let done = stopping::unless(drain, Phase::Cutting, asking).await;
        if let Err(refusal) = done.unwrap_or_else(|| Err(stopping::not_sent())) {
            return Err(Box::new((refusal, culprit(message, at))));
        }
    }
    Ok(exchange.argued(checks.done(), promises))
}

async fn one_message(
    exchange: &Exchange<'_, Brought<'_>>,
    checks: &Checks,
    message: &Message,
    is_batch: bool,
    promises: &mut Vec<Promise>,
) -> Result<(), Refusal> {
    let bytes = exchange.message().bytes();
    let size = if is_batch { message.params.map_or(0, |params| params.raw(bytes).len()) } else { bytes.len() };
    checks.bound(message, bytes, size)?;
    let Some(call) = checks.call(message, bytes)? else {
        promises.extend(of_task(exchange, checks, message));
        return Ok(());
    };
    let mut tool = definition(exchange, checks, &call).await?;
    if checks.arguments() {
        let telling = telling(exchange, is_batch);
        let mut fits = fit(exchange, &call, tool.as_deref(), telling).await;
        // Nobody is refused by what the server does not say any more.
        if let Err(refusal) = &fits
            && arguments::is_of_the_definition(refusal)
            && lookup::again(&exchange.asking()).await
        {
            tool = exchange.core.catalog.kept_tool(exchange.route.server, &call.name);
            fits = fit(exchange, &call, tool.as_deref(), telling).await;
        }
        if fits.is_err() {
            exchange.route.meter.calls.refuses_arguments();
        }
        fits?;
    }
    let (Some(refuses), Some(id)) = (checks.answers(), &message.id) else { return Ok(()) };
    let schema = match tool.as_ref().and_then(|tool| tool.output.as_ref()) {
        None => None,
        Some(output) => match compiled(exchange, output, "outputSchema", &call.name).await? {
            Ok(schema) => Some(schema),
            Err(why) if refuses => return Err(arguments::unusable(&call.name, "outputSchema", why)),
            Err(_) => None,
        },
    };
    promises.push(Promise::new(OwnedId::of(id, bytes), schema, refuses));
    Ok(())
}

/// What the answer to a request for what has become of a task has to be: of the tool that was called.
fn of_task(exchange: &Exchange<'_, Brought<'_>>, checks: &Checks, message: &Message) -> Option<Promise> {
    let bytes = exchange.message().bytes();
    let (refuses, id) = (checks.answers()?, message.id.as_ref()?);
    let within = match Method::of(&message.method?.text(bytes)?) {
        Method::TasksResult => false,
        Method::TasksGet => true,
        _ => return None,
    };
    let task = message.fields.task_id?.text(bytes)?;
    Some(Promise::of_task(OwnedId::of(id, bytes), &exchange.memory(), &task, within, refuses))
}

/// The tool as the catalog has it, looked up where it does not. `None` only where the call may go on without.
async fn definition(
    exchange: &Exchange<'_, Brought<'_>>,
    checks: &Checks,
    call: &Call<'_>,
) -> Result<Option<Arc<Tool>>, Refusal> {
    let known = || exchange.core.catalog.kept_tool(exchange.route.server, &call.name);
    if let Some(tool) = known() {
        return Ok(Some(tool));
    }
    let needed = checks.arguments() || checks.answers() == Some(true);
    match lookup::unknown(&exchange.asking(), &call.name).await {
        Ok(()) => {}
        Err(refusal) if needed => return Err(lookup::unhad(&refusal, "the arguments are checked against")),
        Err(_) => return Ok(None),
    }
    match known() {
        None if needed => Err(arguments::unlisted(&call.name)),
        tool => Ok(tool),
    }
}

async fn fit(
    exchange: &Exchange<'_, Brought<'_>>,
    call: &Call<'_>,
    tool: Option<&Tool>,
    telling: Telling,
) -> Result<(), Refusal> {
    let Some(tool) = tool else { return Err(arguments::unlisted(&call.name)) };
    let schema = compiled(exchange, &tool.input, "inputSchema", &call.name).await?;
    arguments::fit(call, exchange.message().bytes(), schema.map(|schema| &**schema), telling)
}

/// What was compiled of a definition; by a worker, the first time.
async fn compiled<'a>(
    exchange: &Exchange<'_, Brought<'_>>,
    definition: &'a Arc<Definition>,
    which: &'static str,
    tool: &str,
) -> Result<Result<&'a Arc<Schema>, &'a Unusable>, Refusal> {
    if definition.compiled().is_none() {
        let worked = Arc::clone(definition);
        // What became of it stands in the definition.
        let _ = spawn_blocking(move || worked.compile().is_ok()).await;
    }
    let broke = || Refusal::new(Reason::Internal, "a tool's schema was not compiled: the worker for it has ended");
    let compiled = definition.compiled().ok_or_else(broke)?;
    if let Err(why) = &compiled
        && definition.is_news()
    {
        exchange.route.meter.calls.schema_is_unusable();
        let server = &exchange.server().name;
        tracing::warn!(%server, tool, schema = which, reason = %why, "a tool's schema cannot be used; calls that are checked against it are refused");
    }
    Ok(compiled)
}

/// What was agreed on decides how faults are told: by the session, else by the header of each request.
fn telling(exchange: &Exchange<'_, Brought<'_>>, is_batch: bool) -> Telling {
    let era = exchange.message().era();
    if is_batch {
        return Telling::Error;
    }
    let named = || exchange.headers.get(headers::MCP_PROTOCOL_VERSION)?.to_str().ok().map(str::trim);
    let revision = match era {
        Era::Modern => None,
        Era::Legacy => exchange.progress.bound.revision().or_else(|| Revision::parse(named()?)),
    };
    Telling::of(era, revision)
}
