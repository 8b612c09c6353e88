//! The catalog from an answer that passes to a call that is checked.

use std::sync::Arc;

use http::HeaderMap;
use tokio::sync::mpsc::{Receiver, channel};

use super::{Catalog, Observer, Sighting, publisher};
use crate::protocol::{
    headers::InvalidReason,
    message::{Body, KnownResult, Limits, Message, read_server},
    revision::Revision,
};

/// A catalog of two servers, a core's observer and the other end of its channel.
struct Desk {
    catalog: Arc<Catalog>,
    observer: Observer,
    sightings: Receiver<Sighting>,
}

impl Desk {
    fn new(room: usize) -> Self {
        let catalog = Arc::new(Catalog::new(2));
        let (sender, sightings) = channel(room);
        Self { observer: Observer::new(catalog.clone(), sender), catalog, sightings }
    }

    fn passes(&self, answer: &str, first_page: bool) {
        self.observer.saw_tools(0, answer.as_bytes(), &read(answer), first_page);
    }

    /// Publishes what has been sent, and says how much that was.
    fn publish(&mut self) -> usize {
        let mut count = 0;
        while let Ok(sighting) = self.sightings.try_recv() {
            publisher::take(sighting);
            count += 1;
        }
        count
    }

    /// A whole list passes and is published.
    fn list(&mut self, answer: &str) -> usize {
        self.passes(answer, true);
        self.publish()
    }

    fn knows(&self, name: &str) -> bool {
        self.catalog.tool(0, name).is_some()
    }

    /// The header that the tool's only mirrored argument goes to.
    fn header(&self, name: &str) -> String {
        let tool = self.catalog.tool(0, name).unwrap();
        tool.params.as_ref().unwrap().names().next().unwrap().to_string()
    }
}

fn read(answer: &str) -> Message {
    let Ok(Body::One(message)) = read_server(answer.as_bytes(), &Limits::default()) else { panic!("{answer}") };
    message
}

fn tool(name: &str, header: &str) -> String {
    let schema = format!(r#"{{"type":"object","properties":{{"a":{{"type":"string","x-mcp-header":"{header}"}}}}}}"#);
    format!(r#"{{"name":"{name}","inputSchema":{schema}}}"#)
}

fn page(tools: &[String], rest: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"tools":[{}]{rest}}}}}"#, tools.join(","))
}

#[test]
fn a_tool_is_unknown_until_its_list_has_passed() {
    let mut desk = Desk::new(4);
    assert!(!desk.knows("a"));
    desk.passes(&page(&[tool("a", "A")], ""), true);
    assert!(!desk.knows("a"));
    assert_eq!(desk.publish(), 1);
    assert_eq!(desk.header("a"), "mcp-param-a");
    assert!(!desk.knows("b"));
    assert!(desk.catalog.tool(1, "a").is_none());
    assert!(desk.catalog.tool(2, "a").is_none());
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"a":"x"}}}"#;
    let found = desk.catalog.tool(0, "a").unwrap();
    let params = found.params.as_ref().unwrap();
    assert!(params.check(&HeaderMap::new(), read(call).fields.arguments, call.as_bytes()).is_err());
}

#[test]
fn what_is_known_is_not_sent_again_whatever_the_ids() {
    let mut desk = Desk::new(4);
    let list = page(&[tool("a", "A")], "");
    assert_eq!(desk.list(&list), 1);
    assert_eq!(desk.list(&list), 0);
    assert_eq!(desk.list(&list.replace(r#""id":7"#, r#""id":"another""#)), 0);
}

#[test]
fn a_list_that_is_known_is_compared_and_found_to_say_the_same() {
    for cursor in
        ["", r#","nextCursor":"c\n""#, r#","next\u0043ursor" : "c""#, r#","nextCursor":null"#, r#","nextCursor":{}"#]
    {
        let mut desk = Desk::new(4);
        let meta = r#","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}}"#;
        let list = page(&[tool("a", "A")], &format!("{cursor}{meta}"));
        let result = &list[r#"{"jsonrpc":"2.0","id":7,"result":"#.len()..list.len() - 1];
        let known = |desk: &Desk, first_page| {
            desk.catalog.slot(0).unwrap().load().page_at(format!("{result}}}").as_bytes(), first_page)
        };
        assert_eq!(known(&desk, true), None);
        assert_eq!(desk.list(&list), 1);
        assert!(known(&desk, true).is_some());
        assert_eq!((known(&desk, true), known(&desk, false)), (KnownResult::of(result.as_bytes()), None));

        let spaced = format!(" {}", list.replace("{\"jsonrpc\"", "{ \"jsonrpc\""));
        let others =
            [list.replace(r#""id":7"#, r#""id":"x""#), list.replace("tools", "tool"), list.replace("]}}", "]}")];
        for text in others.into_iter().chain([spaced, format!("[{list}]"), format!("{list}}}"), list]) {
            for depth in [5, 64] {
                let limits = Limits { depth, ..Limits::default() };
                let found = desk.observer.read_tools(0, text.as_bytes(), &limits, true);
                assert_eq!(found, read_server(text.as_bytes(), &limits), "depth {depth}: {text}");
            }
        }
    }
}

#[test]
fn a_list_with_more_to_keep_than_a_cursor_is_read_each_time() {
    for member in ["requestState", "taskId", r"t\u0061sk"] {
        let mut desk = Desk::new(4);
        let list = page(&[tool("a", "A")], &format!(r#","{member}":"x","nextCursor":"c""#));
        assert_eq!((desk.list(&list), desk.list(&list)), (1, 0));
        let found = desk.observer.read_tools(0, list.as_bytes(), &Limits::default(), true);
        assert_eq!(found, read_server(list.as_bytes(), &Limits::default()));
        assert!(
            desk.catalog
                .slot(0)
                .unwrap()
                .load()
                .page_at(&list.as_bytes()[r#"{"jsonrpc":"2.0","id":7,"result":"#.len()..], true)
                .is_none()
        );
    }
}

#[test]
fn a_list_whose_meta_is_of_use_is_read_each_time() {
    for key in ["progressToken", r"progress\u0054oken"] {
        let mut desk = Desk::new(4);
        let list = page(&[tool("a", "A")], &format!(r#","_meta":{{"{key}":1}}"#));
        assert_eq!((desk.list(&list), desk.list(&list)), (1, 0));
        let found = desk.observer.read_tools(0, list.as_bytes(), &Limits::default(), true);
        let Ok(Body::One(message)) = found else { panic!("{found:?}") };
        assert!(message.meta.progress_token.is_some());
    }
}

#[test]
fn what_is_on_its_way_is_sent_once() {
    let mut desk = Desk::new(4);
    let list = page(&[tool("a", "A")], "");
    desk.passes(&list, true);
    desk.passes(&list, true);
    assert_eq!(desk.publish(), 1);
}

#[test]
fn a_definition_that_changes_there_and_back_is_followed() {
    let mut desk = Desk::new(4);
    let (one, other) = (page(&[tool("a", "One")], ""), page(&[tool("a", "Other")], ""));
    for (list, header) in [(&one, "mcp-param-one"), (&other, "mcp-param-other"), (&one, "mcp-param-one")] {
        assert_eq!(desk.list(list), 1);
        assert_eq!(desk.header("a"), header);
    }
}

#[test]
fn a_whole_list_replaces_and_pages_merge() {
    let mut desk = Desk::new(4);
    desk.list(&page(&[tool("a", "A"), tool("b", "B")], ""));
    let (first, second) = (page(&[tool("b", "B2")], r#","nextCursor":"2""#), page(&[tool("c", "C")], ""));
    desk.passes(&first, true);
    desk.passes(&second, false);
    assert_eq!(desk.publish(), 2);
    assert!(desk.knows("a") && desk.knows("c"));
    assert_eq!(desk.header("b"), "mcp-param-b2");
    // Both pages are known now, and the list before them is not any more.
    desk.passes(&first, true);
    desk.passes(&second, false);
    assert_eq!(desk.publish(), 0);
    // The second page as a whole list is something else.
    assert_eq!(desk.list(&second), 1);
    assert!(desk.knows("c") && !desk.knows("a") && !desk.knows("b"));
}

#[test]
fn a_page_that_changes_there_and_back_is_followed() {
    let mut desk = Desk::new(4);
    let more = r#","nextCursor":"2""#;
    let (one, other) = (page(&[tool("a", "One"), tool("b", "B")], more), page(&[tool("a", "Other")], more));
    for (list, header) in [(&one, "mcp-param-one"), (&other, "mcp-param-other"), (&one, "mcp-param-one")] {
        assert_eq!(desk.list(list), 1);
        assert_eq!(desk.header("a"), header);
        assert!(desk.knows("b"));
    }
}

#[test]
fn a_full_channel_drops_and_the_next_answer_brings_it_again() {
    let mut desk = Desk::new(1);
    let list = page(&[tool("a", "A")], "");
    desk.passes(&page(&[], ""), true);
    desk.passes(&list, true);
    assert_eq!(desk.publish(), 1);
    assert!(!desk.knows("a"));
    assert_eq!(desk.list(&list), 1);
    assert!(desk.knows("a"));
}

#[test]
fn a_list_that_repeats_a_key_is_not_learnt_and_not_sent_twice() {
    let mut desk = Desk::new(4);
    let list = page(&[r#"{"name":"a","name":"b","inputSchema":{}}"#.into(), tool("c", "C")], "");
    assert_eq!(desk.list(&list), 1);
    assert!(!desk.knows("a") && !desk.knows("b") && !desk.knows("c"));
    assert_eq!(desk.list(&list), 0);
}

#[test]
fn what_is_ambiguous_or_too_long_stays_unknown() {
    let mut desk = Desk::new(4);
    let (long, longest) = ("x".repeat(257), "x".repeat(256));
    let nameless = [r#"{"inputSchema":{}}"#.into(), "7".into(), r#"{"name":"bare"}"#.into()];
    let mut tools = vec![tool("a", "A"), tool("a", "A2"), tool("b", "B"), tool(&long, "C"), tool(&longest, "D")];
    tools.extend(nameless);
    desk.list(&page(&tools, ""));
    assert!(!desk.knows("a") && !desk.knows(&long) && !desk.knows("bare"));
    assert!(desk.knows("b") && desk.knows(&longest));
    // Escapes count as what they stand for.
    desk.list(&page(&[tool(r"\u0061", "A")], ""));
    assert!(desk.knows("a"));
}

#[test]
fn an_invalid_definition_is_known_as_such() {
    let mut desk = Desk::new(4);
    desk.list(&page(&[tool("a", "not a token"), tool("b", "B")], ""));
    let reason = desk.catalog.tool(0, "a").unwrap().params.as_ref().unwrap_err().reason;
    assert_eq!(reason, InvalidReason::Name);
    assert!(desk.catalog.tool(0, "b").unwrap().params.is_ok());
}

#[test]
fn tools_are_bounded_in_number_and_a_page_in_size() {
    let mut desk = Desk::new(4);
    for page_number in 0..6 {
        let small = |n| format!(r#"{{"name":"t{page_number}-{n}","inputSchema":{{}}}}"#);
        let tools: Vec<_> = (0..2000).map(small).collect();
        desk.passes(&page(&tools, r#","nextCursor":"x""#), page_number == 0);
        desk.publish();
    }
    assert!(desk.knows("t4-1999") && !desk.knows("t5-0"));
    let filler = format!(r#","_meta":{{"x":"{}"}}"#, "y".repeat(256 * 1024));
    assert_eq!(desk.list(&page(&[tool("a", "A")], &filler)), 0);
}

#[test]
fn the_modern_revisions_of_a_server_are_cut_to_ours() {
    let mut desk = Desk::new(4);
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28","2025-11-25","2030-01-01"]}}"#;
    assert_eq!(desk.catalog.supported(0), None);
    for expected in [1, 0] {
        desk.observer.saw_supported(0, answer.as_bytes(), &read(answer));
        assert_eq!(desk.publish(), expected);
    }
    // What is learnt about tools leaves it alone, and the other way round.
    desk.list(&page(&[tool("a", "A")], ""));
    let supported = desk.catalog.supported(0).unwrap();
    assert_eq!(supported.iter().collect::<Vec<_>>(), [Revision::V2026_07_28]);
    let none = r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2030-01-01"]}}"#;
    desk.observer.saw_supported(0, none.as_bytes(), &read(none));
    desk.publish();
    assert!(desk.catalog.supported(0).unwrap().is_empty());
    assert!(desk.knows("a"));
}

#[test]
fn errors_and_foreign_results_teach_nothing() {
    let mut desk = Desk::new(4);
    desk.passes(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#, true);
    assert_eq!(desk.publish(), 0);
    desk.list(&page(&[tool("a", "A")], ""));
    for result in ["7", r#"{"tools":7}"#, r#"{"content":[]}"#] {
        desk.list(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#));
        assert!(desk.knows("a"));
    }
}

#[tokio::test]
async fn the_publisher_ends_with_the_last_observer() {
    let catalog = Arc::new(Catalog::new(1));
    let (sender, sightings) = channel(4);
    let observer = Observer::new(catalog.clone(), sender);
    let list = page(&[tool("a", "A")], "");
    observer.saw_tools(0, list.as_bytes(), &read(&list), true);
    drop(observer);
    super::publish(sightings).await;
    assert!(catalog.tool(0, "a").is_some());
}
