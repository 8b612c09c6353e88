//! What happens to the daemon, as `tracing` tells it: a line each.

use std::fmt;
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::model::clock;

use super::control::Settings;
use super::line::{Line, Style};
use super::writer::Sink;

/// Writes events as lines.
pub(super) struct Events {
    sink: Sink,
    settings: Arc<Settings>,
}

impl Events {
    pub(super) fn new(sink: Sink, settings: Arc<Settings>) -> Self {
        Self { sink, settings }
    }
}

impl<S: Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let style = Style { json: self.settings.is_json(), colour: self.sink.is_coloured() };
        let mut out = String::new();
        let mut line = Line::begin(&mut out, style, clock::unix_time(), *event.metadata().level(), &message.0);
        event.record(&mut Fields(&mut line));
        line.end();
        self.sink.write(out.into_bytes(), 1);
    }
}

/// The sentence of an event.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Its fields.
struct Fields<'a, 'b>(&'a mut Line<'b>);

impl Visit for Fields<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() != "message" {
            self.0.text(field.name(), &format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() != "message" {
            self.0.text(field.name(), value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.number(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.bare(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.bare(field.name(), value);
    }
}
