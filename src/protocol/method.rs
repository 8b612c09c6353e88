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
    /// The other lists: they only read, and what they list may depend on who asks.
    List,
    /// Methods that only read, so that they may be repeated.
    Reading,
    /// Everything else, known or not; it may change something.
    Other,
}

/// Reads that the specification defines to have no effect.
const READING: [&str; 5] = ["ping", "prompts/get", "resources/read", "completion/complete", "tasks/get"];

impl Method {
    /// Classifies an unescaped name.
    pub fn of(name: &str) -> Self {
        match name {
            "initialize" => Method::Initialize,
            "server/discover" => Method::Discover,
            "tools/list" => Method::ToolsList,
            "subscriptions/listen" => Method::Listen,
            "prompts/list" | "resources/list" | "resources/templates/list" | "tasks/list" => Method::List,
            name if READING.contains(&name) => Method::Reading,
            _ => Method::Other,
        }
    }

    /// Whether making the call twice can do no harm. `initialize` may open a session twice, so it is not among them.
    pub fn only_reads(self) -> bool {
        matches!(self, Method::Discover | Method::ToolsList | Method::List | Method::Reading)
    }

    /// Whether the gateway has to read the whole answer before any of it passes, however long it is.
    pub fn answer_is_read(self) -> bool {
        matches!(self, Method::Initialize | Method::Discover | Method::ToolsList)
    }

    /// Whether the answer may come in a coding that the client asked for, since nothing here has to read it: no list
    /// (it is filtered for its caller, sooner or later), nothing that is learnt from, no stream that is listened to.
    pub fn may_be_encoded(self) -> bool {
        matches!(self, Method::Reading | Method::Other)
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

    #[test]
    fn what_has_to_be_read_does_not_come_encoded() {
        for read in ["initialize", "server/discover", "tools/list", "prompts/list", "subscriptions/listen"] {
            assert!(!Method::of(read).may_be_encoded(), "{read}");
        }
        assert!(Method::of("tools/call").may_be_encoded() && Method::of("resources/read").may_be_encoded());
    }
}
