//! The page that Prometheus scrapes.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;

use super::text::Family;

/// What `GET /metrics` answers. Cheap to clone: all clones are the same page.
///
/// It is printed at most once between two folds, however often it is scraped, and no core takes part in it.
#[derive(Clone, Debug)]
pub struct Exposition(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    handle: PrometheusHandle,
    page: Mutex<Page>,
}

#[derive(Debug, Default)]
struct Page {
    /// What the exporter does not print.
    families: Vec<Family>,
    /// All of it as text, once somebody has asked.
    text: Option<Bytes>,
}

impl Exposition {
    pub(super) fn new(handle: PrometheusHandle) -> Self {
        Self(Arc::new(Inner { handle, page: Mutex::default() }))
    }

    /// The page: the text format of Prometheus, version 0.0.4.
    pub fn render(&self) -> Bytes {
        let mut page = self.0.page.lock().unwrap_or_else(PoisonError::into_inner);
        let Page { families, text } = &mut *page;
        let text = text.get_or_insert_with(|| {
            let mut text = self.0.handle.render();
            for family in families {
                family.print(&mut text);
            }
            Bytes::from(text)
        });
        text.clone()
    }

    /// There is something new to tell.
    pub(super) fn turn(&self, families: Vec<Family>) {
        self.0.handle.run_upkeep();
        *self.0.page.lock().unwrap_or_else(PoisonError::into_inner) = Page { families, text: None };
    }
}
