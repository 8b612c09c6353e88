//! Public servers as commands, with every SDK's client: what it gets through Weir is what it gets when it starts the same
//! server itself and speaks to it over stdio.
//!
//! Each client does the same with each server three times: directly, through Weir with a process for its session, and
//! through Weir with a process that it shares with whoever opened with the same revision, other SDKs' clients among them.
//! The gate leaves out what a generation's client can be set to do beside what it does by itself; `WEIR_LONG=1` does not.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use serde_json::json;

use super::{
    clients::{CLIENTS, Client, Mode, Place, Program, Run, Story, command, ends},
    servers::Era,
    steps::{End, Step, scenario},
    transcript::Pair,
};
use crate::support::{Gateway, node, only_through_weir, python};

const PUBLIC: [&str; 5] = ["filesystem", "memory", "everything", "python-1", "python-2"];
/// How Weir is told to share processes.
const PER: [&str; 2] = ["session", "shared"];
const DIRECT: &str = "direct";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sdks_client_gets_from_a_command_what_it_gets_on_its_own_pipe() {
    only_through_weir!();
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let folder = folder.path().canonicalize().expect("it is there");
    std::fs::write(folder.join("pixel.png"), b"\x89PNG\r\n\x1a\n").expect("it can be written");
    let cases = cases(&folder);
    let sections: BTreeMap<_, _> = cases.iter().flat_map(|case| PER.map(|per| case.section(per))).collect();
    let weir = Gateway::config(&sections.into_values().collect::<String>()).start().await;
    let mut runs = Vec::new();
    for case in &cases {
        runs.push(case.run(DIRECT, Place::Command(Arc::new(case.command(DIRECT)))));
        for per in PER {
            runs.push(case.run(per, Place::Url(format!("http://{}/{}/mcp", weir.address(), case.entry(per)))));
        }
    }
    let told = ends(runs).await;
    let mut faults = Vec::new();
    for (case, per) in cases.iter().flat_map(|case| PER.map(|per| (case, per))) {
        let (direct, weir) = (told.of(&case.name(DIRECT)), told.of(&case.name(per)));
        let shares = per == "shared" && !case.is_modern();
        let (name, meets) = (case.name(per), case.client.meets(case.era()));
        faults.extend(Pair { name, meets, steps: case.steps(), shares, direct, weir }.faults());
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    weir.stop().await;
}

/// One client with one server.
struct Case {
    client: &'static Client,
    server: &'static str,
    folder: PathBuf,
}

fn cases(folder: &Path) -> Vec<Case> {
    let clients = CLIENTS.iter().filter(|client| client.program != Program::Inspector);
    let all = clients.flat_map(|client| PUBLIC.map(|server| Case { client, server, folder: folder.into() }));
    let all = all.filter(|case| !case.is_a_matter_of_time());
    all.filter(|case| case.is_of_the_gate() || std::env::var_os("WEIR_LONG").is_some()).collect()
}

impl Case {
    fn is_of_the_gate(&self) -> bool {
        let like = |other: &&Client| (other.program, other.kind) == (self.client.program, self.client.kind);
        let by_itself = self.client.mode == Mode::Auto || CLIENTS.iter().filter(like).count() == 1;
        by_itself || self.era() == Era::Both
    }

    /// Who finds the era by itself takes a server that is slow to start for one of the session era.
    fn is_a_matter_of_time(&self) -> bool {
        self.client.mode == Mode::Auto && self.era() == Era::Both
    }

    fn era(&self) -> Era {
        if self.server == "python-2" { Era::Both } else { Era::Legacy }
    }

    fn is_modern(&self) -> bool {
        self.era() == Era::Both && self.client.mode != Mode::Legacy
    }

    fn name(&self, way: &str) -> String {
        format!("{} -> {} ({way})", self.client.name, self.server)
    }

    /// The name of the server in the configuration. What `server-memory` keeps is its client's own: it does not lock it.
    fn entry(&self, per: &str) -> String {
        match self.server {
            "memory" => format!("memory-{per}-{}", self.client.name),
            other => format!("{other}-{per}"),
        }
    }

    fn command(&self, way: &str) -> Command {
        let public = |name: &str| node(&format!("node_modules/@modelcontextprotocol/server-{name}/dist/index.js"));
        let mut command = match self.server {
            "python-1" => python("before", "stdio_server.py"),
            "python-2" => python("present", "stdio_server.py"),
            name => public(name),
        };
        match self.server {
            "filesystem" => command.arg(&self.folder),
            "memory" => {
                let file = self.folder.join(format!("{}-{way}.jsonl", self.client.name));
                command.env("MEMORY_FILE_PATH", file)
            }
            _ => &mut command,
        };
        command
    }

    /// Its section of the configuration, by the name in it.
    fn section(&self, per: &str) -> (String, String) {
        let told = command(&self.command(per));
        let environment = told["environment"].as_object().expect("a table").iter();
        let environment: Vec<_> = environment.map(|(name, value)| format!("{name} = {value}")).collect();
        let section = format!(
            "[[servers]]\nname = \"{}\"\ncommand = {}\ndirectory = {}\nenvironment = {{ {} }}\n\
             processes = {{ per = \"{per}\" }}\n",
            self.entry(per),
            told["words"],
            told["directory"],
            environment.join(", ")
        );
        (self.entry(per), section)
    }

    fn run(&self, way: &str, place: Place) -> Run {
        Run { client: self.client, name: self.name(way), place, story: Story::Steps(self.steps().into()) }
    }

    fn steps(&self) -> Vec<Step> {
        match self.server {
            "filesystem" => filesystem(&self.folder, self.client.name),
            "memory" => memory(),
            "everything" => everything(),
            _ => scenario(),
        }
    }
}

fn filesystem(root: &Path, client: &str) -> Vec<Step> {
    let (folder, file) = (root.join(client), root.join(client).join("a.txt"));
    let at = |path: &Path| json!({ "path": path });
    let write = json!({ "path": file, "content": format!("zürich\nbern\n{}", "x".repeat(100_000)) });
    let edit = json!({ "path": file, "edits": [{ "oldText": "bern", "newText": "basel" }] });
    vec![
        Step::tools("\"read_text_file\""),
        Step::call("folder", "create_directory", at(&folder), "Successfully"),
        Step::call("write", "write_file", write, "Successfully"),
        Step::call("edit", "edit_file", edit, "+basel"),
        Step::call("read", "read_text_file", at(&file), "zürich\\nbasel"),
        Step::call("list", "list_directory", at(&folder), "[FILE] a.txt"),
        Step::call("tree", "directory_tree", at(&folder), "a.txt"),
        Step::call("search", "search_files", json!({ "path": folder, "pattern": "*.txt" }), "a.txt"),
        Step::call("several", "read_multiple_files", json!({ "paths": [file, folder.join("none")] }), "ENOENT"),
        Step::call("media", "read_media_file", at(&root.join("pixel.png")), "image/png"),
        Step::call("outside", "read_text_file", at(Path::new("/etc/passwd")), "").failing(),
        Step::unknown(),
        Step::call("still there", "list_directory", at(&folder), "[FILE] a.txt"),
    ]
}

fn memory() -> Vec<Step> {
    let entity = |name: &str| json!({ "name": name, "entityType": "daemon", "observations": ["grüße"] });
    let relation = json!({ "from": "weir", "to": "client", "relationType": "serves" });
    let observation = json!({ "entityName": "weir", "contents": ["it holds water"] });
    vec![
        Step::tools("\"create_entities\""),
        Step::call("make", "create_entities", json!({ "entities": [entity("weir"), entity("client")] }), "grüße"),
        Step::call("relate", "create_relations", json!({ "relations": [relation] }), "serves"),
        Step::call("observe", "add_observations", json!({ "observations": [observation] }), "it holds water"),
        Step::call("search", "search_nodes", json!({ "query": "water" }), "weir"),
        Step::call("open", "open_nodes", json!({ "names": ["client"] }), "serves"),
        Step::read("memory://knowledge-graph", "it holds water"),
        Step::call(
            "nobody",
            "add_observations",
            json!({ "observations": [{ "entityName": "x", "contents": [] }] }),
            "",
        )
        .failing(),
        Step::call("delete", "delete_entities", json!({ "entityNames": ["weir"] }), "deleted"),
        Step::call("graph", "read_graph", json!({}), "client"),
        Step::unknown(),
    ]
}

fn everything() -> Vec<Step> {
    let sampling = json!({ "prompt": "hi", "maxTokens": 10 });
    let long = json!({ "duration": 0.2, "steps": 4 });
    vec![
        // What asks a client is offered to those alone who can be asked.
        Step::tools("\"trigger-sampling-request\"").shared(End::Without("\"trigger-sampling-request\"")),
        Step::call("echo", "echo", json!({ "message": "grüße" }), "Echo: grüße"),
        Step::call("structured", "get-structured-content", json!({ "location": "New York" }), "temperature"),
        Step::call("image", "get-tiny-image", json!({}), "image/png"),
        Step::progress("trigger-long-running-operation", long, 4, "[4"),
        Step::call("sampling", "trigger-sampling-request", sampling, "echo: ").shared(End::Failing),
        Step::call("elicitation", "trigger-elicitation-request", json!({}), "Name: Ada").shared(End::Failing),
        Step::call("roots", "get-roots-list", json!({}), "file:///srv/project").shared(End::Failing),
        Step::read("demo://resource/static/document/architecture.md", "Everything Server"),
        Step::prompt("args-prompt", json!({ "city": "Paris" }), "Paris"),
        Step::unknown(),
        Step::call("still there", "echo", json!({ "message": "still" }), "Echo: still"),
    ]
}
