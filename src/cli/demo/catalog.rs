//! A catalog of 200 entries: as a tool's answer, as resources in pages, and as tools in pages on a path of its own.

use super::reply::{Failure, content};
use crate::protocol::json::quoted;

/// How many entries there are, numbered from 1.
pub(super) const ENTRIES: usize = 200;
/// Entries of a page: some 9 KB of tools, which is what load is measured with.
pub(super) const PAGE: usize = 40;

const KINDS: [&str; 5] = ["valve", "gauge", "gate", "sluice", "spillway"];
const SIZES: [&str; 4] = ["small", "medium", "large", "huge"];
const PREFIX: &str = "demo://catalog/";

/// What the entry is called.
pub(super) fn title(number: usize) -> String {
    format!("{} {} no. {number}", SIZES[number % SIZES.len()], KINDS[number % KINDS.len()])
}

pub(super) fn uri(number: usize) -> String {
    format!("{PREFIX}{number}")
}

/// The entry that a URI names, written as [`uri`] writes it.
pub(super) fn of_uri(text: &str) -> Option<usize> {
    numbered(text.strip_prefix(PREFIX)?)
}

/// The entry that a tool of `/catalog/mcp` is for.
pub(super) fn of_tool(name: &str) -> Option<usize> {
    numbered(name.strip_prefix("entry_")?)
}

fn numbered(text: &str) -> Option<usize> {
    let number = text.parse().ok()?;
    ((1..=ENTRIES).contains(&number) && number.to_string() == text).then_some(number)
}

/// The entry as a JSON object.
pub(super) fn entry(number: usize) -> String {
    format!(
        r#"{{"number":{number},"name":{},"uri":"{}","price":{}}}"#,
        quoted(&title(number)),
        uri(number),
        100 + 7 * (number % 40)
    )
}

/// The members of the answer of the tool `catalog`: `count` entries from number `first` on.
pub(super) fn listing(first: usize, count: usize) -> String {
    let numbers = || first..(first + count).min(ENTRIES + 1);
    let lines: Vec<_> = numbers().map(|number| format!("{number}. {}", title(number))).collect();
    let entries: Vec<_> = numbers().map(entry).collect();
    let structured = format!(r#"{{"total":{ENTRIES},"entries":[{}]}}"#, entries.join(","));
    format!("{},\"structuredContent\":{structured}", content(&quoted(&lines.join("\n")), false))
}

/// Which page a cursor names; without one the first.
pub(super) fn page(cursor: Option<&str>) -> Result<usize, Failure> {
    let Some(cursor) = cursor else { return Ok(0) };
    let pages = ENTRIES / PAGE;
    let named = (1..pages).find(|page| cursor.strip_prefix("page-").is_some_and(|rest| rest == page.to_string()));
    named.ok_or_else(|| Failure::parameters("this cursor is none that the sample server gave"))
}

/// The members of every page of `resources/list`.
pub(super) fn resource_pages() -> Vec<String> {
    pages("resources", |number| {
        let name = quoted(&title(number));
        format!(r#"{{"uri":"{}","name":{name},"mimeType":"application/json"}}"#, uri(number))
    })
}

/// The members of every page of `tools/list` on the catalog's own path.
pub(super) fn tool_pages() -> Vec<String> {
    pages("tools", |number| {
        let about = quoted(&format!("Says what the catalog knows of the {}.", title(number)));
        format!(
            r#"{{"name":"entry_{number}","description":{about},"inputSchema":{{"type":"object","properties":{{}},"additionalProperties":false}},"annotations":{{"readOnlyHint":true,"openWorldHint":false}}}}"#
        )
    })
}

fn pages(member: &str, one: impl Fn(usize) -> String) -> Vec<String> {
    let page = |page: usize| {
        let all: Vec<_> = (page * PAGE + 1..=(page + 1) * PAGE).map(&one).collect();
        let next = page + 1;
        let cursor = if next * PAGE < ENTRIES { format!(r#","nextCursor":"page-{next}""#) } else { String::new() };
        format!(r#""{member}":[{}]{cursor}"#, all.join(","))
    };
    (0..ENTRIES / PAGE).map(page).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_name_in_each_place() {
        assert_eq!((of_uri("demo://catalog/200"), of_tool("entry_1")), (Some(200), Some(1)));
        for foreign in ["demo://catalog/0", "demo://catalog/201", "demo://catalog/01", "demo://catalog/+1", "x", ""] {
            assert_eq!(of_uri(foreign), None, "{foreign}");
        }
        assert_eq!(of_tool("entry_"), None);
    }

    #[test]
    fn pages_follow_one_another_and_no_other_cursor_is_known() {
        for (pages, key) in [(resource_pages(), "uri"), (tool_pages(), "name")] {
            let mut seen = std::collections::HashSet::new();
            let mut at = 0;
            loop {
                let text: serde_json::Value = serde_json::from_str(&format!("{{{}}}", pages[at])).unwrap();
                let list = text.as_object().unwrap().values().find_map(|value| value.as_array()).unwrap();
                seen.extend(list.iter().map(|entry| entry[key].as_str().unwrap().to_owned()));
                let Some(cursor) = text["nextCursor"].as_str() else { break };
                at = page(Some(cursor)).unwrap();
            }
            assert_eq!(seen.len(), ENTRIES);
        }
        assert_eq!(page(None).unwrap(), 0);
        for foreign in ["", "page-0", "page-5", "page-01", "1"] {
            assert_eq!(page(Some(foreign)).unwrap_err().code, -32602, "{foreign}");
        }
    }

    #[test]
    fn a_listing_ends_with_the_catalog() {
        let text: serde_json::Value = serde_json::from_str(&format!("{{{}}}", listing(196, 20))).unwrap();
        assert_eq!(text["structuredContent"]["entries"].as_array().unwrap().len(), 5);
        assert_eq!(text["structuredContent"]["total"], 200);
    }
}
