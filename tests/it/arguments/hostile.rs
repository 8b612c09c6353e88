//! Schemas and arguments that are made to burn what checks them: each ends in a bounded refusal, and the core goes on.

use super::{checking, offering, reached, told, until_counted};
use crate::support::{call, only_through_weir};

/// Definitions that nothing can be checked against, and what is said of each.
const UNUSABLE: &[(&str, &str)] = &[
    ("remote", r#"{"$ref":"https://example.com/schema.json"}"#),
    ("circle", r##"{"$ref":"#"}"##),
    ("meta", r#"{"$ref":"https://json-schema.org/draft/2020-12/schema"}"#),
    ("bomb", r#"{"properties":{"a":{"pattern":"((((a{100}){100}){100}){100})"}}}"#),
    ("lookahead", r#"{"properties":{"a":{"pattern":"(?=a)b"}}}"#),
    ("nonsense", r#"{"type":"nonsense"}"#),
    ("number", r#"{"properties":{"a":{"const":1e400}}}"#),
];

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[tokio::test]
async fn a_schema_that_cannot_be_used_refuses_its_tool_and_no_other() {
    only_through_weir!();
    let tool = |(name, schema): &(&str, &str)| format!(r#"{{"name":"{name}","inputSchema":{schema}}}"#);
    let wide = format!(r#"{{"anyOf":[{}{{}}]}}"#, r#"{"type":"null"},"#.repeat(3000));
    let deep = format!("{}{{}}{}", r#"{"not":"#.repeat(50), "}".repeat(50));
    let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(70_000));
    let mut all: Vec<_> = UNUSABLE.iter().map(tool).collect();
    all.extend(
        [("wide", &*wide), ("deep", &*deep), ("long", &*long), ("sound", r#"{"required":["a"]}"#)].iter().map(tool),
    );
    let server = offering(leak(all.join(","))).await;
    let weir = checking(&server.url()).await;
    let mut client = weir.client().await;
    let names = UNUSABLE.iter().map(|(name, _)| *name).chain(["wide", "deep", "long"]);
    for name in names.clone() {
        for _ in 0..2 {
            let answer = client.ask(&call("1", name, "{}")).await;
            let (code, reason, accepted) = answer.refusal();
            assert_eq!((answer.status(), code, &*reason, &*accepted), (502, 50201, "unusable_schema", "no"), "{name}");
            assert!(answer.text().contains(&format!("\\\"{name}\\\"")) && answer.text().len() < 2000, "{answer:?}");
        }
    }
    assert!(told(&client.ask(&call("1", "sound", "{}")).await).contains("\"a\""));
    assert_eq!(client.ask(&call("1", "sound", r#"{"a":1}"#)).await.status(), 200);
    assert_eq!(reached(&server), ["tools/list", "tools/call"]);
    until_counted(&weir, "weir_schemas_unusable_total", names.clone().count() as f64).await;
    let log = weir.log().await;
    for name in names {
        let lines =
            log.lines().filter(|line| line.contains("schema cannot be used") && line.contains(&format!("tool={name}")));
        assert_eq!(lines.count(), 1, "{name} is told of once:\n{log}");
    }
}

#[tokio::test]
async fn arguments_that_take_too_many_steps_are_refused_and_honest_ones_pass_beside_them() {
    only_through_weir!();
    let level = |n: usize| {
        let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, n + 1);
        format!(r#""d{n}":{{"anyOf":[{next},{next},{next},{next}]}}"#)
    };
    let levels: Vec<_> = (0..12).map(level).collect();
    let doubling = format!(r##"{{"$defs":{{{},"d12":{{"required":["x"]}}}},"$ref":"#/$defs/d0"}}"##, levels.join(","));
    let pattern = r#"{"properties":{"a":{"items":{"pattern":"(x|y)*x(x|y){200}$"}}}}"#;
    let branches = r#"{"properties":{"a":{}}},"#.repeat(40);
    let unevaluated =
        format!(r#"{{"anyOf":[{branches}{{"patternProperties":{{"^b":{{}}}}}}],"unevaluatedProperties":false}}"#);
    let tools = [("doubling", &*doubling), ("pattern", pattern), ("unevaluated", &*unevaluated)];
    let tools = tools.map(|(name, schema)| format!(r#"{{"name":"{name}","inputSchema":{schema}}}"#));
    let server = offering(leak(tools.join(","))).await;
    let weir = checking(&server.url()).await;
    let mut client = weir.client().await;
    let texts = format!(r#"{{"a":[{}"x"]}}"#, format!(r#""{}","#, "x".repeat(300)).repeat(500));
    let keys: Vec<_> = (0..2000).map(|n| format!(r#""b{n}":{n}"#)).collect();
    let keys = format!("{{{}}}", keys.join(","));
    for (name, hostile, honest) in
        [("doubling", "{}", r#"{"x":1}"#), ("pattern", &*texts, r#"{"a":[]}"#), ("unevaluated", &*keys, r#"{"b":1}"#)]
    {
        let answer = client.ask(&call("1", name, hostile)).await;
        let text = answer.text();
        // What is found wrong within the steps is told; what is not found out is refused.
        let refused = answer.json()["error"]["data"]["reason"] == "invalid_params" && text.contains("steps");
        assert!(refused || answer.json()["result"]["isError"] == true, "{name}: {text}");
        assert!(text.len() < 20_000);
        let passed = client.ask(&call("1", name, honest)).await;
        assert_eq!(passed.json()["result"]["content"][0]["text"], "done", "{name}: {passed:?}");
    }
    assert_eq!(reached(&server).len(), 4, "one list, three honest calls");
    weir.stop().await;
}
