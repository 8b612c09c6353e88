//! The methods of MCP: their names, and what they mean to a gateway.

macro_rules! methods {
    ($($name:ident = $text:literal,)*) => {
        /// A method that a client may send, of any revision. Names compare exactly (JSON-RPC 2.0, 4).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is what its name says; the specification defines it")]
        pub enum Method {
            $($name,)*
            /// Every other name. It may change something.
            Other,
        }

        impl Method {
            /// All of them, `Other` last.
            pub const ALL: &[Method] = &[$(Method::$name,)* Method::Other];

            /// Finds an unescaped name.
            pub fn of(name: &str) -> Self {
                match name {
                    $($text => Method::$name,)*
                    _ => Method::Other,
                }
            }

            /// Its name; `other` for one that is not known.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Method::$name => $text,)*
                    Method::Other => "other",
                }
            }
        }
    };
}

methods! {
    Initialize = "initialize",
    Discover = "server/discover",
    Ping = "ping",
    ToolsList = "tools/list",
    ToolsCall = "tools/call",
    PromptsList = "prompts/list",
    PromptsGet = "prompts/get",
    ResourcesList = "resources/list",
    TemplatesList = "resources/templates/list",
    ResourcesRead = "resources/read",
    ResourcesSubscribe = "resources/subscribe",
    ResourcesUnsubscribe = "resources/unsubscribe",
    Listen = "subscriptions/listen",
    Complete = "completion/complete",
    SetLevel = "logging/setLevel",
    TasksList = "tasks/list",
    TasksGet = "tasks/get",
    TasksResult = "tasks/result",
    TasksUpdate = "tasks/update",
    TasksCancel = "tasks/cancel",
    Initialized = "notifications/initialized",
    Cancelled = "notifications/cancelled",
    Progress = "notifications/progress",
    RootsChanged = "notifications/roots/list_changed",
}

impl Method {
    /// Whether making the call twice can do no harm: the specification defines it to have no effect. `initialize` may
    /// open a session twice, so it is not among them.
    pub fn only_reads(self) -> bool {
        use Method::{Complete, Discover, Ping, PromptsGet, ResourcesRead, TasksGet};
        self.lists() || matches!(self, Discover | Ping | PromptsGet | ResourcesRead | Complete | TasksGet)
    }

    /// Whether the gateway has to read the whole answer before any of it passes, however long it is.
    pub fn answer_is_read(self) -> bool {
        matches!(self, Method::Initialize | Method::Discover | Method::ToolsList)
    }

    /// Whether the answer may come in a coding that the client asked for, since nothing here has to read it: no list
    /// or completion (it is filtered for its caller), nothing that is learnt from, no stream that is listened to.
    pub fn may_be_encoded(self) -> bool {
        !self.lists() && !matches!(self, Method::Initialize | Method::Discover | Method::Listen | Method::Complete)
    }

    /// A list, and what it lists may depend on who asks.
    pub fn lists(self) -> bool {
        use Method::{PromptsList, ResourcesList, TasksList, TemplatesList, ToolsList};
        matches!(self, ToolsList | PromptsList | ResourcesList | TemplatesList | TasksList)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_a_tool_is_never_repeated_and_names_compare_exactly() {
        assert!(!Method::of("tools/call").only_reads());
        assert!(!Method::of("initialize").only_reads());
        assert!(!Method::Other.only_reads());
        assert!(Method::of("resources/read").only_reads());
        assert_eq!(Method::of("Tools/list"), Method::Other);
        assert_eq!(Method::of("tools/list "), Method::Other);
        assert!(Method::ALL.iter().all(|method| Method::of(method.as_str()) == *method));
    }

    #[test]
    fn what_has_to_be_read_does_not_come_encoded() {
        for read in [
            "initialize",
            "server/discover",
            "tools/list",
            "prompts/list",
            "subscriptions/listen",
            "completion/complete",
        ] {
            assert!(!Method::of(read).may_be_encoded(), "{read}");
        }
        assert!(Method::of("tools/call").may_be_encoded() && Method::of("resources/read").may_be_encoded());
    }
}
