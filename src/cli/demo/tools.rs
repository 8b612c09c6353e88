//! The tools as `tools/list` names them.

/// The members of the answer to `tools/list`: every tool, on one page.
pub(super) const LIST: &str = concat!(r#""tools":["#, include_str!("tools.json"), "]");

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_tool_says_what_it_is_and_takes() {
        let list: Value = serde_json::from_str(&format!("{{{LIST}}}")).unwrap();
        let names: Vec<_> =
            list["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["echo", "slow", "stream", "fail", "ask", "note", "catalog"]);
        for tool in list["tools"].as_array().unwrap() {
            let name = &tool["name"];
            assert!(tool["title"].is_string() && tool["description"].as_str().unwrap().len() > 40, "{name}");
            assert_eq!(tool["inputSchema"]["type"], "object", "{name}");
            assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{name}");
            for property in tool["inputSchema"]["properties"].as_object().unwrap().values() {
                assert!(property["description"].is_string(), "{name}");
            }
            for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
                assert!(tool["annotations"][hint].is_boolean(), "{name}: {hint}");
            }
        }
    }
}
