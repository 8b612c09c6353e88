//! The whole table: every reason, every addressee, both settings.

use std::time::Duration;

use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::{Challenge, RequestIds};
use crate::protocol::message::{Body, Limits, OwnedId, read_client};

const BY_RULE: Errors = Errors { legacy_by_table: false };
const BY_TABLE: Errors = Errors { legacy_by_table: true };

fn batch(ids: Vec<OwnedId>) -> Addressee {
    Addressee::Batch { ids, culprit: Culprit::All }
}

fn id(token: &str) -> OwnedId {
    let body = format!(r#"{{"jsonrpc":"2.0","id":{token},"method":"ping"}}"#);
    let Ok(Body::One(message)) = read_client(body.as_bytes(), &Limits::default()) else { panic!("{token} is no id") };
    OwnedId::of(&message.id.expect("it has one"), body.as_bytes())
}

fn request(era: Era, initialize: bool) -> Addressee {
    Addressee::Request { era, initialize, id: id("7") }
}

fn status(errors: Errors, reason: Reason, addressee: &Addressee) -> u16 {
    errors.status(reason, addressee).as_u16()
}

fn answer(refusal: &Refusal, addressee: &Addressee) -> (Response<()>, Value) {
    let response = BY_RULE.response(refusal, addressee, RequestIds::new().next());
    let (parts, body) = response.into_parts();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bytes = runtime.block_on(body.collect()).unwrap().to_bytes();
    (Response::from_parts(parts, ()), serde_json::from_slice(&bytes).expect("a refusal is JSON"))
}

#[test]
fn codes_keep_to_their_ranges_and_statuses_to_their_codes() {
    for reason in Reason::ALL {
        let Row { code, status } = row(*reason);
        let of_the_protocol = (-32768..=-32000).contains(&code);
        let in_use = [-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022];
        assert!(!of_the_protocol || in_use.contains(&code), "{reason:?}");
        assert!(of_the_protocol || code / 100 == i32::from(status) || code == 41501, "{reason:?}: {code} and {status}");
        // An unknown name, and arguments that do not fit, are no fault of the HTTP request: servers answer them so, too.
        let of_the_call = matches!(reason, Reason::UnknownName | Reason::UnknownValue | Reason::InvalidArguments);
        assert!((400..600).contains(&status) || of_the_call && status == 200);
    }
}

#[test]
fn the_tables_status_but_for_the_session_era() {
    let by_table = [
        Addressee::Nobody,
        Addressee::Unread(id("7")),
        Addressee::Notification { era: Era::Legacy, awaited: true },
        Addressee::Notification { era: Era::Modern, awaited: true },
        Addressee::Notification { era: Era::Modern, awaited: false },
        batch(vec![]),
        request(Era::Modern, false),
        request(Era::Modern, true),
        request(Era::Legacy, true),
    ];
    let by_rule = [
        (request(Era::Legacy, false), 200),
        (batch(vec![id("7")]), 200),
        (Addressee::Notification { era: Era::Legacy, awaited: false }, 202),
    ];
    for reason in Reason::ALL.iter().copied() {
        let table = row(reason).status;
        for addressee in &by_table {
            assert_eq!(status(BY_RULE, reason, addressee), table, "{reason:?} to {addressee:?}");
        }
        let session = matches!(reason, Reason::SessionNotFound | Reason::SessionRequired);
        // Without a challenge 403 says nothing that the error does not.
        let denied = reason == Reason::PolicyDenied;
        let kept = [401, 403].contains(&table) && !denied || session || reason == Reason::HeaderMismatch;
        for (addressee, rule) in &by_rule {
            let expected = if kept { table } else { *rule };
            assert_eq!(status(BY_RULE, reason, addressee), expected, "{reason:?} to {addressee:?}");
        }
        for addressee in by_table.iter().chain(by_rule.iter().map(|(addressee, _)| addressee)) {
            assert_eq!(status(BY_TABLE, reason, addressee), table, "{reason:?} to {addressee:?}");
        }
    }
}

#[test]
fn what_is_accepted_has_no_body() {
    let refusal = Refusal::new(Reason::Overloaded, "full").retryable(Duration::from_secs(1));
    let lost = Addressee::Notification { era: Era::Legacy, awaited: false };
    let response = BY_RULE.response(&refusal, &lost, RequestIds::new().next());
    assert_eq!((response.status(), response.headers().get(header::CONTENT_TYPE)), (StatusCode::ACCEPTED, None));
    assert_eq!(http_body::Body::size_hint(response.body()).exact(), Some(0));
    let response = BY_TABLE.response(&refusal, &lost, RequestIds::new().next());
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(http_body::Body::size_hint(response.body()).exact() > Some(0));
}

#[test]
fn an_error_says_all_that_the_client_needs() {
    let refusal = Refusal::new(Reason::Overloaded, "full").retryable(Duration::from_millis(1500));
    let (response, body) = answer(&refusal, &request(Era::Legacy, false));
    assert_eq!((response.status(), &response.headers()[header::RETRY_AFTER]), (StatusCode::OK, &HeaderValue::from(2)));
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    let request_id = body["error"]["data"]["requestId"].as_str().unwrap();
    assert!(request_id.len() == 32 && request_id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let data = json!({
        "reason": "overloaded", "retryable": true, "retryAfterMs": 1500, "requestId": request_id, "accepted": "no"
    });
    let error = json!({ "code": 50301, "message": "full", "data": data });
    assert_eq!(body, json!({ "jsonrpc": "2.0", "id": 7, "error": error }));
}

#[test]
fn what_was_sent_is_told_as_unknown_and_more_data_as_it_is() {
    let refusal = Refusal::new(Reason::UpstreamReset, "gone").after_sending(true);
    let (_, body) = answer(&refusal, &request(Era::Modern, false));
    let data = &body["error"]["data"];
    assert_eq!((&data["accepted"], &data["retryable"]), (&json!("unknown"), &json!(true)));
    let refusal =
        Refusal::new(Reason::UnsupportedVersion, "no").with_data(r#""supported":["a"],"requested":"b""#.into());
    let (_, body) = answer(&refusal, &request(Era::Modern, false));
    let data = &body["error"]["data"];
    assert_eq!((&data["supported"], &data["requested"]), (&json!(["a"]), &json!("b")));
}

#[test]
fn fields_that_a_status_asks_for() {
    let refusal = Refusal::new(Reason::MethodNotAllowed, "no").allowing("POST");
    assert_eq!(answer(&refusal, &Addressee::Nobody).0.headers()[header::ALLOW], "POST");
    let refusal = Refusal::new(Reason::Unauthenticated, "who");
    assert_eq!(answer(&refusal, &Addressee::Nobody).0.headers()[header::WWW_AUTHENTICATE], "Bearer");
    let refusal = refusal.challenging(Challenge { scope: "a b".into(), ..Challenge::default() });
    assert_eq!(answer(&refusal, &Addressee::Nobody).0.headers()[header::WWW_AUTHENTICATE], "Bearer scope=\"a b\"");
    for (wait, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (60_000, 60)] {
        assert_eq!(whole_seconds(Duration::from_millis(wait)), seconds);
    }
    assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
}

#[test]
fn a_batch_is_answered_one_by_one_and_who_has_no_id_without() {
    let refusal = Refusal::new(Reason::InvalidRequest, "no");
    let ids = ["1", r#""a\n\"\u00e9""#, "-3"];
    let (_, body) = answer(&refusal, &batch(ids.map(id).into()));
    let answered: Vec<_> = body.as_array().unwrap().iter().map(|error| error["id"].clone()).collect();
    assert_eq!(answered, [json!(1), json!("a\n\"é"), json!(-3)]);
    let posted = Addressee::Notification { era: Era::Legacy, awaited: true };
    for addressee in [Addressee::Nobody, posted, batch(vec![])] {
        assert!(answer(&refusal, &addressee).1.get("id").is_none());
    }
    assert_eq!(answer(&refusal, &Addressee::Unread(id("9"))).1["id"], 9);
}

#[test]
fn of_a_batch_the_one_that_is_refused_is_told_why() {
    let refusal = Refusal::new(Reason::UnknownName, "rm not found");
    let reasons = |culprit| {
        let (_, body) = answer(&refusal, &Addressee::Batch { ids: ["1", "2", "2"].map(id).into(), culprit });
        let reason = |error: &Value| error["error"]["data"]["reason"].as_str().unwrap().to_owned();
        body.as_array().unwrap().iter().map(reason).collect::<Vec<_>>()
    };
    assert_eq!(reasons(Culprit::All), ["unknown_name"; 3]);
    assert_eq!(reasons(Culprit::Request(Some(1))), ["policy_denied", "unknown_name", "policy_denied"]);
    assert_eq!(reasons(Culprit::Request(None)), ["policy_denied"; 3]);
}

proptest! {
    #[test]
    fn any_message_and_any_id_make_json_and_come_back(message in any::<String>(), text in "\\PC{0,40}") {
        let token = serde_json::to_string(&text).unwrap();
        let refusal = Refusal::new(Reason::Internal, message.clone());
        let body = error(&refusal, Some(id(&token).raw()), RequestIds::new().next());
        let read: Value = serde_json::from_str(&body).unwrap();
        prop_assert_eq!(&read["id"], &json!(text));
        prop_assert_eq!(&read["error"]["message"], &json!(message));
        prop_assert!(body.contains(&token), "to the byte");
    }
}
