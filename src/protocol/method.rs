//! The methods of MCP, as far as the gateway treats them differently.

/// A method by what it means to a gateway. Names compare exactly (JSON-RPC 2.0, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `initialize`: opens a conversation of the legacy era; its answer names the revision.
    Initialize,
    /// `server/discover`: what a server of the modern era serves.
    Discover,
    /// `tools/list`: the definitions that the catalog learns from.
    ToolsList,
    /// `subscriptions/listen`: an answer without an end of its own.
    Listen,
    /// Methods that only read, so that they may be repeated.
    Reading,
    /// Everything else, known or not; it may change something.
    Other,
}

/// Reads that the specification defines to have no effect.
const READING: [&str; 9] = [
    "ping",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "completion/complete",
    "tasks/get",
    "tasks/list",
];

impl Method {
    /// Classifies an unescaped name.
    pub fn of(name: &str) -> Self {
        match name {
            "initialize" => Method::Initialize,
            "server/discover" => Method::Discover,
            "tools/list" => Method::ToolsList,
            "subscriptions/listen" => Method::Listen,
            name if READING.contains(&name) => Method::Reading,
            _ => Method::Other,
        }
    }

    /// Whether making the call twice can do no harm. `initialize` may open a session twice, so it is not among them.
    pub fn only_reads(self) -> bool {
        matches!(self, Method::Discover | Method::ToolsList | Method::Reading)
    }

    /// Whether the gateway has to read the whole answer before any of it passes, however long it is.
    pub fn answer_is_read(self) -> bool {
        matches!(self, Method::Initialize | Method::Discover | Method::ToolsList)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_a_tool_is_never_repeated_and_names_compare_exactly() {
        assert!(!Method::of("tools/call").only_reads());
        assert!(!Method::of("initialize").only_reads());
        assert!(Method::of("resources/read").only_reads());
        assert_eq!(Method::of("Tools/list"), Method::Other);
        assert_eq!(Method::of("tools/list "), Method::Other);
    }
}
