//! The closed list of metrics: there is no other name on `/metrics`, and `docs/METRICS.md` is printed from it.

use std::fmt;

/// A metric, as operators read of it.
#[derive(Debug)]
pub struct Metric {
    /// Its name, by the rules of Prometheus: base units, `_total` for what only grows.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it is measured in.
    pub unit: Unit,
    /// The labels of its series, in this order. Every value comes from a closed list, or from the configuration.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from the start of the process on.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations by bucket, with their sum and count.
    Histogram,
}

/// What a metric is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    Number,
    /// Bytes.
    Bytes,
    /// Seconds; of a point in time since 1970-01-01T00:00:00Z.
    Seconds,
    /// Days.
    Days,
}

macro_rules! metrics {
    ($($id:ident: $kind:ident $unit:ident, $name:literal [$($label:literal)*] $help:literal;)*) => {
        $(pub(super) const $id: &Metric = &Metric {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: &[$($label),*],
            help: $help,
        };)*

        /// All of them, in the order of the page.
        pub const METRICS: &[&Metric] = &[$($id),*];
    };
}

metrics! {
    REQUESTS: Counter Number, "weir_requests_total" ["route" "server" "method" "outcome" "reason"]
        "Requests that have ended. `method` is the one of MCP, `other`, or the kind of request; `reason` says why Weir refused or cut it. `route` and `server` are empty for what reached no route.";
    REQUEST_DURATION: Histogram Seconds, "weir_request_duration_seconds" ["route" "server"]
        "From a request's head to its end, streams included.";
    SERVER_DURATION: Histogram Seconds, "weir_server_duration_seconds" ["route" "server"]
        "What of it the server was waited for, until its answer or the head of its stream had come.";
    ADDED_DURATION: Histogram Seconds, "weir_added_duration_seconds" ["route"]
        "What Weir itself took from a request's head, once it was read, until the answer or the head of its stream was handed to the client's connection: neither waiting for the server nor for the client's body.";
    REQUEST_BYTES: Counter Bytes, "weir_request_bytes_total" ["route" "server"]
        "Bodies of requests that were read.";
    ANSWER_BYTES: Counter Bytes, "weir_answer_bytes_total" ["route" "server"]
        "Bodies of answers that were handed to clients' connections, as far as they passed.";
    STREAMS: Gauge Number, "weir_streams_open" ["route" "server"]
        "Streaming answers whose head has gone out and whose end has not.";
    STREAMS_OPENED: Counter Number, "weir_streams_total" ["route" "server"]
        "Streaming answers that have begun.";
    HIDDEN: Counter Number, "weir_hidden_messages_total" ["route" "server"]
        "Notifications of a server about resources or lists that the roles of their listener do not grant: they were dropped.";

    RULE_MATCHES: Counter Number, "weir_rule_matches_total" ["rule" "effect"]
        "Messages that a rule has matched: it `decided`, `changed` something, `led` to a group, or is a `shadow` and would have. Of a batch each message counts.";
    RULE_ERRORS: Counter Number, "weir_rule_errors_total" ["rule"]
        "Messages that were denied because the expression of a rule failed or took too long; of a shadow, that it failed for.";

    CONNECTIONS: Gauge Number, "weir_connections_open" ["core"]
        "Clients' connections.";
    CONNECTIONS_ACCEPTED: Counter Number, "weir_connections_accepted_total" ["core"]
        "Clients' connections that were taken in.";
    CONNECTIONS_HANDED_OVER: Counter Number, "weir_connections_handed_over_total" ["core"]
        "Clients' connections that the core accepted and gave to another, which had fewer.";
    CONNECTIONS_TURNED_AWAY: Counter Number, "weir_connections_turned_away_total" ["why"]
        "Clients' connections that were turned away: `memory` is `[http] refuse_memory`, `limit` is `[http] connections` or `connections_per_address`, `proxy` a PROXY header that was missing, malformed or a stranger's, `tls` a handshake that failed or took too long.";
    ACCEPT_QUEUE: Gauge Number, "weir_accept_queue_connections" ["core"]
        "Connections that the kernel has made and the core has not taken yet; `core` is `all` where a socket is shared.";

    SERVER_CONNECTIONS: Gauge Number, "weir_server_connections_open" ["server" "state"]
        "Connections to a server: `busy` with a call, `idle`, or `abandoned` (the client of a legacy call left, and it runs on).";
    SERVER_CONNECTIONS_OPENED: Counter Number, "weir_server_connections_opened_total" ["server"]
        "Connections to a server that were opened, TLS included.";
    SERVER_CONNECTIONS_REUSED: Counter Number, "weir_server_connections_reused_total" ["server"]
        "Times that a kept connection was taken for a request, instead of a new one.";
    SERVER_ATTEMPTS_FAILED: Counter Number, "weir_server_attempts_failed_total" ["server" "kind"]
        "Attempts at an endpoint that brought no head of an answer, those among them that were repeated in silence.";
    ABANDONED: Counter Number, "weir_abandoned_calls_total" ["server" "result"]
        "Legacy calls whose client left before their answer: `adopted` (they run on), or `cut` for want of room (`[http] abandoned`).";
    ARGUMENTS_REFUSED: Counter Number, "weir_arguments_refused_total" ["server"]
        "Calls that were refused because their arguments do not fit the tool's `inputSchema`, or could not be checked.";
    ANSWERS_UNFIT: Counter Number, "weir_answers_unfit_total" ["server"]
        "Answers to calls that do not fit the tool's `outputSchema`, or could not be checked; refused where the route says so.";
    SCHEMAS_UNUSABLE: Counter Number, "weir_schemas_unusable_total" ["server"]
        "Schemas of a server's tools that nothing can be checked against, each once; the log names the tool and says why.";
    LOOKUPS: Counter Number, "weir_tool_lookups_total" ["server"]
        "Times that a server was asked for its tools on behalf of a call, because the definition that its arguments are checked against, or that a rule asks for, was not known or may have changed.";
    MIRRORED: Counter Number, "weir_mirrored_calls_total" ["server" "result"]
        "Calls that a rule copies to this server: it `sent` an answer, which was dropped, or the copy `failed`; it was `dropped` for want of room, or `unfit`: of a session or a batch, or going on with what its own server gave.";

    LIMIT_DECISIONS: Counter Number, "weir_limit_decisions_total" ["limit" "decision"]
        "What a limit was asked for, once for each key and place: `admitted`, `refused` (429 `rate_limited`), or `failed`: its `key_expression` has failed, and the message was refused (403 `policy_denied`).";

    LEASES_UP: Gauge Number, "weir_limit_leases_up" []
        "1 while what this node has leased of limits with `scope = \"cluster\"` is in force, 0 while it goes on with its own part, since the store does not answer. Absent where no limit is shared.";
    LEASES_NODES: Gauge Number, "weir_limit_nodes" []
        "Among how many nodes the part that each has without the store is cut; 0 while this node has none.";
    LEASES_KEYS: Gauge Number, "weir_limit_leased_keys" []
        "Keys of limits with `scope = \"cluster\"` that this node asks the store for, a window of a quota counted as one.";
    LEASES_TURNS: Counter Number, "weir_limit_turns_total" ["result"]
        "Turns at which this node told the store what it uses and was told what it may: `settled`, or `failed` (the store was away or late, or takes no changes).";

    SERVER_PROCESSES: Gauge Number, "weir_server_processes_running" ["server"]
        "Processes of a server that is a command, with those that are about to begin or to end.";
    SERVER_PROCESSES_STARTED: Counter Number, "weir_server_processes_started_total" ["server"]
        "Processes of a command that were started, those included that could not be.";
    SERVER_PROCESSES_ENDED: Counter Number, "weir_server_processes_ended_total" ["server"]
        "Processes of a command that have ended, however that came; the log says how.";
    SERVER_BAD_LINES: Counter Number, "weir_server_bad_lines_total" ["server"]
        "Lines on a command's standard output that were no messages, or longer than `[http] event`.";

    ISSUER_KEYS: Gauge Number, "weir_issuer_keys" ["issuer"]
        "Keys of an issuer's key set at a URL that tokens are verified with. 0: there is none, or none is kept; its tokens are refused.";
    KEY_SET_FETCHES: Counter Number, "weir_key_set_fetches_total" ["issuer" "outcome"]
        "Fetches of an issuer's key set: `changed`, `unchanged`, or why there was none: `unreachable`, `slow`, `bad_answer`, `refused` (where it leads is not asked).";
    INTROSPECTIONS: Counter Number, "weir_introspections_total" ["issuer" "outcome"]
        "Questions to an issuer about an opaque token: `answered`, or why not: `unreachable`, `slow`, `bad_answer`, `refused`, `overloaded` (64 were under way).";

    UNTAKEN_KEYS: Counter Number, "weir_api_keys_refused_total" ["why"]
        "API keys of callers that were not taken: `mistyped` (the checksum is another one), `unknown`, `expired`, `rotated` (the secret of before), `revoked`. Callers are not told which.";

    STORE_UP: Gauge Number, "weir_store_up" []
        "1 while the database that has the store ([store] postgres) answers, 0 while it is away. Absent with the embedded store.";
    STORE_ASKED: Counter Number, "weir_store_requests_total" []
        "Reads and changes that the database of the store was asked for.";
    STORE_FAILED: Counter Number, "weir_store_failures_total" []
        "Those of them that it did not do: it was away or late, takes no changes, or said no. The log says why.";
    STORE_CONNECTIONS: Gauge Number, "weir_store_connections" ["state"]
        "Connections to the database of the store, `used` or `idle`; one more listens for changes.";
    STORE_WAITING: Gauge Number, "weir_store_waiting" []
        "How many wait for one of `pool` connections to the database of the store.";

    CORE_LAG: Histogram Seconds, "weir_core_lag_seconds" ["core"]
        "How late a timer of 250 ms fires on a core: how long a request waits for its turn. Up to 1 ms is the timer's own.";
    CORE_CPU: Counter Seconds, "weir_core_cpu_seconds_total" ["core"]
        "CPU time of a core's thread. A core that takes a whole second each second is full.";

    MEMORY_LIMIT: Gauge Bytes, "weir_memory_limit_bytes" []
        "What the process may have: the limit of its control group, at most what the machine has.";
    MEMORY_PRESSURE: Gauge Number, "weir_memory_pressure" []
        "0: all is taken. 1: new requests are refused (`[http] shed_memory`). 2: new connections too (`[http] refuse_memory`).";

    GENERATION: Gauge Number, "weir_config_generation" []
        "The configuration in force, counted from 1, the one of the start.";
    RELOADS: Counter Number, "weir_config_reloads_total" ["result"]
        "Reloads: `applied`, or `refused` (the configuration before stays in force; the log says why).";
    RELOADED: Gauge Seconds, "weir_config_last_reload_success_timestamp_seconds" []
        "When the configuration in force came into force.";
    STORED_RULES: Gauge Number, "weir_stored_rules_version" []
        "The version of the stored rules in force on this node; 0 before the first.";
    STORED_RULES_BEHIND: Gauge Number, "weir_stored_rules_behind" []
        "1 while the rules in the store are not those in force here: they do not fit this node's configuration, or cannot be read. The log says why.";
    CERTIFICATE_DAYS: Gauge Days, "weir_certificate_days" ["file"]
        "Days until the first certificate in a file of the configuration runs out; negative where it has.";

    OPERATORS_REFUSED: Counter Number, "weir_admin_refusals_total" ["reason"]
        "Requests of the operators' side that were refused: `unauthenticated`, `policy_denied` (a permission is missing), `rate_limited`, `identity_unavailable`, `host_not_allowed`, `origin_not_allowed`.";

    READY: Gauge Number, "weir_ready" []
        "1 while `/readyz` says that traffic may come.";
    DRAINING: Gauge Number, "weir_draining" []
        "1 from the first signal to stop on.";
    LOG_LINES_LOST: Counter Number, "weir_log_lines_lost_total" []
        "Log lines that were lost, because standard error took them too slowly, or not at all.";
    BUILD: Gauge Number, "weir_build_info" ["version"]
        "Always 1; the version is in its label.";

    PROCESS_CPU: Counter Seconds, "process_cpu_seconds_total" []
        "CPU time of the process, user and system.";
    PROCESS_RESIDENT: Gauge Bytes, "process_resident_memory_bytes" []
        "Memory of the process that is in RAM.";
    PROCESS_VIRTUAL: Gauge Bytes, "process_virtual_memory_bytes" []
        "Address space of the process.";
    PROCESS_OPEN_FILES: Gauge Number, "process_open_fds" []
        "Open file descriptors.";
    PROCESS_MAX_FILES: Gauge Number, "process_max_fds" []
        "The limit of open file descriptors.";
    PROCESS_STARTED: Gauge Seconds, "process_start_time_seconds" []
        "When the process began.";
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "",
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Days => "days",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        let mut names = std::collections::HashSet::new();
        for metric in METRICS {
            let name = metric.name;
            assert!(names.insert(name), "{name} is there twice");
            assert!(name.starts_with("weir_") || name.starts_with("process_"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            let unit = metric.unit.to_string();
            assert!(name.trim_end_matches("_total").ends_with(&unit), "{name} is in {unit}");
            assert!(metric.labels.iter().all(|label| !["le", "quantile", "job", "instance"].contains(label)), "{name}");
            assert!(metric.help.ends_with('.') && !metric.help.contains(['\n', '|', '\\']), "{name}: {}", metric.help);
        }
    }
}
