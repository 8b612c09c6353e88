//! What all cores of the sample server share: its sessions, notes and seals, and the answers that are always the same.

use std::io;
use std::path::Path as FilePath;

use tokio::sync::watch;

use crate::seal::{KeyRing, Purpose, Sealer};

use super::catalog;
use super::notes::Notes;
use super::sessions::Sessions;
use super::tools;

/// The members that lists of the era without sessions have (caching, "Cacheable results"): nothing here ever changes.
pub(super) const FRESH: &str = r#""ttlMs":300000,"cacheScope":"public","#;

/// Where a request was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// `/mcp`: the tools and resources of the sample.
    Sample,
    /// `/catalog/mcp`: 200 tools, in pages.
    Catalog,
}

/// The sample server behind its connections.
pub(super) struct Site {
    pub(super) sessions: Sessions,
    pub(super) notes: Notes,
    /// Seals session ids and the state of questions.
    pub(super) sealer: Sealer,
    /// Turns true when what runs is to come to its end.
    pub(super) stop: watch::Sender<bool>,
    pub(super) lists: Lists,
}

/// Members of lists, with what tells how long they may be kept.
pub(super) struct Lists {
    pub(super) tools: String,
    pub(super) tool_pages: Vec<String>,
    pub(super) resource_pages: Vec<String>,
    pub(super) templates: String,
}

impl Path {
    pub(super) fn of(path: &str) -> Option<Self> {
        match path {
            "/mcp" => Some(Self::Sample),
            "/catalog/mcp" => Some(Self::Catalog),
            _ => None,
        }
    }

    /// What `initialize` and `server/discover` tell, as JSON.
    pub(super) fn capabilities(self) -> &'static str {
        match self {
            Self::Sample => r#"{"tools":{},"resources":{"subscribe":true}}"#,
            Self::Catalog => r#"{"tools":{}}"#,
        }
    }

    /// What a model is told about the server.
    pub(super) fn instructions(self) -> &'static str {
        match self {
            Self::Sample => {
                "The sample server of `weir demo`. Call echo to see that calls arrive, slow for progress, ask to be \
                 asked something."
            }
            Self::Catalog => "A sample server with 200 tools, one for each entry of a catalog.",
        }
    }
}

impl Site {
    /// A server that keeps its notes in `directory`.
    pub(super) fn open(directory: &FilePath) -> io::Result<Self> {
        let ring = KeyRing::parse(&KeyRing::generate_text()).expect("what it generates it reads");
        Ok(Self {
            sessions: Sessions::default(),
            notes: Notes::open(directory)?,
            sealer: ring.sealer(Purpose::Session),
            stop: watch::Sender::new(false),
            lists: Lists::new(),
        })
    }
}

impl Lists {
    fn new() -> Self {
        let fresh = |members: String| format!("{FRESH}{members}");
        let template = r#""resourceTemplates":[{"uriTemplate":"demo://catalog/{number}","name":"catalog entry","description":"An entry of the catalog, by its number from 1 to 200","mimeType":"application/json"}]"#;
        Self {
            tools: fresh(tools::LIST.to_owned()),
            tool_pages: catalog::tool_pages().into_iter().map(fresh).collect(),
            resource_pages: catalog::resource_pages().into_iter().map(fresh).collect(),
            templates: fresh(template.to_owned()),
        }
    }
}
