//! Schemas and values that are made to burn what they are checked on, and what is told of honest ones.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Checked, Definition, Fault, Schema, Unheld, Unusable, meter};

fn compile(schema: &Value) -> Result<Schema, Unusable> {
    Schema::compile(schema.to_string().as_bytes())
}

fn check(schema: &Value, value: &Value) -> Checked {
    compile(schema).unwrap().check(value.to_string().as_bytes())
}

fn faults(schema: &Value, value: &Value) -> Vec<(String, String)> {
    match check(schema, value) {
        Checked::Faulty(faults) => faults.told.into_iter().map(|Fault { at, what }| (at, what)).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_fault_is_told_with_its_place_and_no_value_is() {
    let schema = json!({
        "type": "object",
        "properties": {
            "city": { "type": "string", "pattern": "^[A-Z]" },
            "days": { "type": "array", "items": { "type": "integer", "maximum": 7 } },
            "a/b": { "enum": ["x", "y"] },
        },
        "required": ["city", "unit"],
        "additionalProperties": false,
    });
    let value = json!({ "city": "s3cret", "days": [1, 98765], "a/b": "s3cret", "extra": "s3cret" });
    let told = faults(&schema, &value);
    let mut places: Vec<_> = told.iter().map(|(at, _)| at.as_str()).collect();
    places.sort_unstable();
    assert_eq!(places, ["", "", "/a~1b", "/city", "/days/1"], "{told:?}");
    let text = format!("{told:?}");
    assert!(!text.contains("s3cret") && !text.contains("98765"), "{text}");
    assert!(text.contains("unit") && text.contains("extra") && text.contains("^[A-Z]"), "{text}");
    assert_eq!(
        check(&schema, &json!({ "city": "Bern", "unit": 1 })),
        Checked::Faulty(super::Faults {
            told: vec![Fault { at: String::new(), what: told_of(&told, "unexpected").replace("extra", "unit") }],
            more: false,
        })
    );
    assert_eq!(check(&json!({ "required": ["city"] }), &json!({ "city": 1 })), Checked::Fits);
}

fn told_of(told: &[(String, String)], word: &str) -> String {
    told.iter().find(|(_, what)| what.contains(word)).unwrap().1.clone()
}

#[test]
fn faults_are_bounded_in_number_and_length() {
    let many = faults(&json!({ "items": { "type": "string" } }), &json!(vec![1; 500]));
    assert_eq!(many.len(), 20);
    let names: serde_json::Map<_, _> =
        (0..2000).map(|n| (format!("{n}{}", "\u{e9}".repeat(100)), Value::Null)).collect();
    let told = faults(&json!({ "properties": { "a": {} }, "additionalProperties": false }), &Value::Object(names));
    assert!(told.iter().all(|(_, what)| what.len() <= 203 && what.ends_with("...")), "{told:?}");
    let deep = json!({ "x".repeat(5000): 1 });
    let told = faults(&json!({ "additionalProperties": { "type": "string" } }), &deep);
    assert_eq!(told[0].0.len(), 203);
    // More wrong than all of it may be looked for: the first is told.
    let one = check(&json!({ "items": { "type": "string" } }), &json!(vec![1; 5000]));
    let Checked::Faulty(one) = one else { panic!("{one:?}") };
    assert_eq!((one.told[0].at.as_str(), one.told.len(), one.more), ("/0", 1, true));
}

/// Each level leads twice to the next.
fn doubling(levels: usize, by: &str) -> Value {
    let next = |level: usize| json!({ "$ref": format!("#/$defs/{level}") });
    let mut defs: serde_json::Map<_, _> =
        (0..levels).map(|level| (level.to_string(), json!({ by: [next(level + 1), next(level + 1)] }))).collect();
    defs.insert(levels.to_string(), json!({ "type": "object" }));
    json!({ "$defs": defs, "$ref": "#/$defs/0" })
}

#[test]
fn what_doubles_at_every_level_ends_when_its_steps_are_spent() {
    for by in ["allOf", "anyOf", "oneOf"] {
        for value in [json!({}), json!(7)] {
            let checked = check(&doubling(15, by), &value);
            // Where the first branch decides it is found out, but not all that is wrong.
            let found = matches!(&checked, Checked::Faulty(faults) if faults.more && faults.told.len() == 1);
            let fits_early = by == "anyOf" && value == json!({}) && checked == Checked::Fits;
            assert!(checked == Checked::Unheld(Unheld::Steps) || found || fits_early, "{by} {value}: {checked:?}");
        }
        // Few levels are honest.
        assert_ne!(check(&doubling(4, by), &json!({})), Checked::Unheld(Unheld::Steps));
    }
    // By the nesting of the value.
    let twice = json!({ "allOf": [{ "items": { "$ref": "#" } }, { "items": { "$ref": "#" } }] });
    let nested = |levels: usize| (0..levels).fold(json!([]), |inside, _| json!([inside]));
    let deep = check(&twice, &nested(40));
    assert!(matches!(deep, Checked::Fits | Checked::Unheld(Unheld::Steps)), "{deep:?}");
    assert_eq!(check(&twice, &nested(5)), Checked::Fits);
}

#[test]
fn a_check_takes_no_more_steps_than_it_has_whatever_the_schema() {
    let branches = vec![json!({ "properties": { "a": {} } }); 30];
    let unevaluated = json!({ "allOf": branches, "patternProperties": { "^b": {} }, "unevaluatedProperties": false });
    let object = |count: usize| Value::Object((0..count).map(|n| (format!("b{n}"), json!(n))).collect());
    let strings = |count: usize| (0..count).map(|n| json!(n.to_string() + &"x".repeat(300))).collect::<Vec<_>>();
    let options: Vec<_> = (0..3000).collect();
    let deep_options: Vec<_> = (0..300).map(|n| json!([n])).collect();
    let cases = [
        (unevaluated, object(2000), "unevaluated"),
        (json!({ "items": { "enum": options } }), json!(vec![2999; 9000]), "enum"),
        (json!({ "enum": deep_options }), json!(vec![1; 9000]), "enum of lists"),
        (json!({ "items": { "uniqueItems": true } }), json!(vec![vec![vec![1; 600]; 15]]), "uniqueItems"),
        (json!({ "items": { "pattern": "(x|y)*x(x|y){200}$" } }), json!(strings(300)), "pattern"),
        (json!({ "patternProperties": { "(b|1)*b(b|1){200}$": true } }), object(2000), "patternProperties"),
        (json!({ "items": { "multipleOf": 0.0001 } }), json!(vec![1e300; 9000]), "multipleOf"),
        (json!({ "items": { "multipleOf": 1e-300 } }), json!(vec![1.5; 9000]), "multipleOf"),
        (json!({ "pattern": "^(a|b|ab)*c$" }), json!("ab".repeat(400_000)), "a long text"),
    ];
    for (schema, value, what) in cases {
        let checked = check(&schema, &value);
        let spent = checked == Checked::Unheld(Unheld::Steps);
        // Either it was found out within the steps, or it ended.
        assert!(spent || what == "uniqueItems", "{what}: {checked:?}");
    }
}

#[test]
fn the_meter_counts_every_subschema_that_is_entered() {
    let schema = compile(&json!({ "items": { "type": "integer" } })).unwrap();
    let steps = |value: &Value| {
        assert_eq!(schema.check(value.to_string().as_bytes()), Checked::Fits);
        50_000 - meter::left()
    };
    let (none, ten, hundred) = (steps(&json!([])), steps(&json!(vec![1; 10])), steps(&json!(vec![1; 100])));
    assert_eq!((none, ten - none, hundred - none), (1, 20, 200));
    // Where it does not fit as well: what fails is looked for again elsewhere.
    let none_of_them = compile(&json!({ "items": { "not": { "enum": [0, 1] } } })).unwrap();
    assert_eq!(none_of_them.check(json!(vec![7; 100]).to_string().as_bytes()), Checked::Fits);
    assert_eq!(50_000 - meter::left(), 1 + 100 + 100 * 2);
}

#[test]
fn what_is_unheld_does_not_fit() {
    let any = json!({});
    assert_eq!(compile(&any).unwrap().check(b"1e400"), Checked::Unheld(Unheld::Number));
    assert_eq!(check(&any, &json!(vec![1; 20_000])), Checked::Unheld(Unheld::Values));
    assert_eq!(compile(&any).unwrap().check(b"{"), Checked::Unheld(Unheld::Unreadable));
    let chain = (0..20).fold(json!({ "items": { "$ref": "#" } }), |inside, _| json!({ "allOf": [inside] }));
    let nested = (0..60).fold(json!([]), |inside, _| json!([inside]));
    assert_eq!(check(&chain, &nested), Checked::Unheld(Unheld::Depth));
}

/// A data core's thread has 2 MiB.
#[test]
fn the_deepest_check_and_the_longest_chain_fit_into_half_of_a_threads_stack() {
    let deepest = || {
        for nested in [1, 3, 10, 28] {
            let leaf = json!({ "items": { "$ref": "#" }, "type": ["array", "integer"] });
            let schema = (0..nested).fold(leaf, |inside, _| json!({ "allOf": [inside] }));
            let depth = 256 / (nested + 2) - 1;
            let value = |innermost| (1..depth).fold(innermost, |inside, _| json!([inside]));
            let checks = [json!([]), json!(["x"])].map(|innermost| check(&schema, &value(innermost)));
            let deep = depth > 99 && checks == [Checked::Unheld(Unheld::Depth), Checked::Unheld(Unheld::Depth)];
            assert!(deep || checks[0] == Checked::Fits && matches!(checks[1], Checked::Faulty(_)), "{checks:?}");
        }
        let link = |n: usize| json!({ "properties": { "x": { "$ref": format!("#/$defs/{}", n + 1) } } });
        let mut links: serde_json::Map<_, _> = (0..900).map(|n| (n.to_string(), link(n))).collect();
        links.insert("900".to_owned(), json!({}));
        assert!(compile(&json!({ "$defs": links, "$ref": "#/$defs/0" })).is_ok());
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(deepest).unwrap().join().unwrap();
}

#[test]
fn hostile_schemas_are_not_used() {
    let deep = (0..40).fold(json!({}), |inside, _| json!({ "properties": { "a": inside } }));
    let wide = json!({ "anyOf": vec![json!({}); 2500] });
    let chained = (0..40).fold(json!({}), |inside, _| json!({ "not": inside }));
    let patterns: serde_json::Map<_, _> = (0..100).map(|n| (format!("^{n}"), json!({}))).collect();
    assert_eq!(compile(&deep).err(), Some(Unusable::Deep));
    assert_eq!(compile(&wide).err(), Some(Unusable::Large));
    assert_eq!(compile(&chained).err(), Some(Unusable::Chain));
    assert_eq!(compile(&json!({ "patternProperties": patterns })).err(), Some(Unusable::Large));
    assert_eq!(compile(&json!({ "pattern": "x".repeat(2000) })).err(), Some(Unusable::Large));
    assert_eq!(compile(&json!({ "description": "x".repeat(70_000) })).err(), Some(Unusable::Long));
    for circle in [
        json!({ "$ref": "#" }),
        json!({ "allOf": [{ "$ref": "#" }] }),
        json!({ "$defs": { "a": { "not": { "$ref": "#/$defs/b" } }, "b": { "if": { "$ref": "#/$defs/a" } } } }),
    ] {
        assert_eq!(compile(&circle).err(), Some(Unusable::Chain), "{circle}");
    }
    for pattern in ["(((((a{100}){100}){100}){100}){100})", r"(?=x)", r"(a)\1", "(", r"\p{L}{900}"] {
        let error = compile(&json!({ "pattern": pattern })).err();
        assert!(matches!(error, Some(Unusable::Malformed(_))), "{pattern}: {error:?}");
    }
    for wrong in ["7", "[]", "{\"type\":7}", "{\"enum\":1e400}", "nonsense", "{\"$schema\":\"https://x.example/\"}"] {
        let error = Schema::compile(wrong.as_bytes()).err();
        assert!(matches!(error, Some(Unusable::Malformed(_))), "{wrong}: {error:?}");
    }
}

#[test]
fn nothing_is_referred_to_that_is_not_part_of_the_text() {
    for reference in [
        "https://x.example/s.json",
        "file:///etc/passwd",
        "other.json",
        "#missing",
        "#/$defs/a/enum/0",
        "#/components/a",
        "https://json-schema.org/draft/2020-12/schema",
        "http://json-schema.org/draft-07/schema#",
    ] {
        let schema = json!({ "properties": { "p": { "$ref": reference } }, "components": { "a": {} } });
        assert!(matches!(compile(&schema).err(), Some(Unusable::Reference(_))), "{reference}");
    }
    // Nor by a name for it.
    let alias = json!({ "$id": "https://json-schema.org/draft/2020-12/x", "items": { "$ref": "schema" } });
    assert!(matches!(compile(&alias).err(), Some(Unusable::Reference(_))));
    let taken = json!({ "$id": "https://json-schema.org/draft/2020-12/schema", "items": { "$ref": "#" } });
    assert!(matches!(compile(&taken).err(), Some(Unusable::Reference(_))));
    for reference in ["#", "#/$defs/a", "#/%24defs/a", "#a", "https://x.example/a", "#/$defs/l/prefixItems/1"] {
        let a = json!({ "$anchor": "a", "type": "string" });
        let list = json!({ "prefixItems": [{}, { "type": "string" }] });
        let by_id = json!({ "$id": "https://x.example/a", "type": "string" });
        let schema =
            json!({ "properties": { "p": { "$ref": reference } }, "$defs": { "a": a, "l": list, "i": by_id } });
        assert_ne!(check(&schema, &json!({ "p": 7 })) == Checked::Fits, reference != "#", "{reference}");
    }
}

#[test]
fn a_schema_cannot_bring_a_meter_of_its_own() {
    let schema = json!({ "weir:step": [0, 0, 0, 0, 0, 0, 0], "items": { "weir:step": "x", "type": "string" } });
    assert_eq!(check(&schema, &json!(["a"])), Checked::Fits);
    assert_ne!(check(&schema, &json!([1])), Checked::Fits);
    // Where it is a name it is one.
    let named = json!({ "properties": { "weir:step": { "type": "string" } }, "required": ["weir:step"] });
    assert_eq!(check(&named, &json!({ "weir:step": "a" })), Checked::Fits);
    assert_ne!(check(&named, &json!({ "weir:step": 1 })), Checked::Fits);
}

#[test]
fn earlier_drafts_are_what_they_say() {
    let draft7 = |schema: Value| {
        let mut schema = schema;
        schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
        schema
    };
    let tuple = draft7(json!({ "items": [{ "type": "string" }], "additionalItems": false }));
    assert_eq!(check(&tuple, &json!(["a"])), Checked::Fits);
    assert_ne!(check(&tuple, &json!(["a", "b"])), Checked::Fits);
    let content = draft7(json!({ "contentMediaType": "application/json", "contentEncoding": "base64" }));
    assert_eq!(check(&content, &json!("!")), Checked::Fits);
    let email = json!({ "format": "email" });
    assert_eq!(check(&draft7(email.clone()), &json!("no")), Checked::Fits);
    assert_eq!(check(&email, &json!("no")), Checked::Fits);
}

#[test]
fn a_definition_is_compiled_once() {
    let definition = Definition::new(br#"{"type":"object"}"#);
    assert!(definition.compiled().is_none());
    let first = Arc::clone(definition.compile().unwrap());
    assert!(Arc::ptr_eq(&first, definition.compile().unwrap()));
    assert!(Arc::ptr_eq(&first, definition.compiled().unwrap().unwrap()));
    let long = Definition::new("x".repeat(70_000).as_bytes());
    assert_eq!(long.compile().err(), Some(&Unusable::Long));
}
