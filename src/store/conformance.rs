//! What every back end does alike. A back end's own tests call [`key_book`] and [`rule_book`] with a store that is empty.

use crate::model::ApiKey;
use crate::model::stored::{Author, Edition, RuleChange, StoredRule, StoredRules};

use super::rules::{KEPT_VERSIONS, MOST_NAME, MOST_RULES, MOST_TEXT, MOST_TEXTS};
use super::{Key, KeyBook, Rotation, RuleBook, StoreError};

/// A key that differs from those of other numbers.
pub(super) fn key(number: u8) -> Key {
    let facts = ApiKey {
        id: format!("key-{number}").into(),
        owner: "ann".into(),
        roles: ["user".into(), "on call".into()].into(),
        scopes: ["mcp:tools".into()].into(),
        created: 1_000 + u64::from(number),
        expires: Some(u64::MAX >> 1),
        used: None,
        revoked: None,
        rotated: None,
    };
    Key { facts, digest: [number; 32], before: None }
}

/// The whole suite of keys, on an empty store.
pub(super) async fn key_book(book: &impl KeyBook) {
    assert_eq!(book.all().await, Ok(vec![]));
    let mut changes = book.key_changes();
    kept_as_they_came(book).await;
    changes.changed().await.unwrap();
    revoked_once(book).await;
    changes.changed().await.unwrap();
    rotated(book).await;
    changes.changed().await.unwrap();
    used(book).await;
    at_once(book).await;
}

async fn kept_as_they_came(book: &impl KeyBook) {
    let mut plain = key(2);
    (plain.facts.roles, plain.facts.scopes, plain.facts.expires) = (Box::default(), Box::default(), None);
    let odd = |text: &str| Box::<str>::from(text);
    let mut strange = key(3);
    strange.facts.owner = odd("Zoë 'Robert'); DROP TABLE keys; --");
    (strange.before, strange.facts.rotated, strange.facts.used) = (Some([33; 32]), Some((5, 9)), Some(7));
    for key in [plain.clone(), key(1), strange.clone()] {
        assert_eq!(book.add(key).await, Ok(()));
    }
    assert_eq!(book.all().await, Ok(vec![key(1), plain, strange]), "the oldest first");
    let mut same = key(4);
    same.facts.id = "key-1".into();
    assert!(book.add(same).await.is_err(), "an id is there once");
    let mut same = key(4);
    same.digest = [1; 32];
    assert!(book.add(same).await.is_err(), "a secret is there once");
    assert_eq!(book.all().await.map(|all| all.len()), Ok(3));
}

async fn revoked_once(book: &impl KeyBook) {
    let gone = |name: &str| Err(StoreError::NoSuchKey(name.to_owned()));
    assert_eq!(book.revoke("nobody", 5).await, gone("nobody"));
    let revoked = book.revoke("key-2", 50).await.unwrap();
    assert_eq!(revoked.facts.revoked, Some(50));
    assert_eq!(book.revoke("key-2", 60).await, Ok(revoked), "it keeps its time");
    let rotation = Rotation { digest: [99; 32], at: 60, until: 70 };
    assert_eq!(book.rotate("key-2", rotation).await, Err(StoreError::Revoked("key-2".to_owned())));
    assert_eq!(book.rotate("nobody", rotation).await, gone("nobody"));
}

async fn rotated(book: &impl KeyBook) {
    let mut expected = key(1);
    for (digest, at) in [([41; 32], 100), ([42; 32], 200)] {
        (expected.before, expected.digest) = (Some(expected.digest), digest);
        expected.facts.rotated = Some((at, at + 10));
        let rotation = Rotation { digest, at, until: at + 10 };
        assert_eq!(book.rotate("key-1", rotation).await.as_ref(), Ok(&expected));
    }
    assert_eq!(book.all().await.unwrap()[0], expected, "the first secret is forgotten");
    let late = Rotation { digest: [43; 32], at: u64::MAX >> 1, until: u64::MAX >> 1 };
    assert_eq!(book.rotate("key-1", late).await, Err(StoreError::Expired("key-1".to_owned())));
    let taken = Rotation { digest: [3; 32], at: 300, until: 300 };
    assert!(book.rotate("key-1", taken).await.is_err(), "another key's secret");
    assert_eq!(book.all().await.unwrap()[0], expected, "what fails changes nothing");
}

async fn used(book: &impl KeyBook) {
    let uses = |uses: &[(&str, u64)]| uses.iter().map(|(id, at)| ((*id).into(), *at)).collect();
    assert_eq!(book.used(uses(&[("key-1", 500), ("nobody", 1), ("key-3", 6)])).await, Ok(()));
    assert_eq!(book.used(uses(&[("key-1", 400)])).await, Ok(()));
    assert_eq!(book.used(Vec::new()).await, Ok(()));
    let times: Vec<_> = book.all().await.unwrap().into_iter().map(|key| key.facts.used).collect();
    assert_eq!(times, [Some(500), None, Some(7)], "the latest stays");
}

/// Of several at once, in one transaction or in several, one that fails takes none of the others with it.
async fn at_once(book: &impl KeyBook) {
    let mut double = key(12);
    double.digest = [11; 32];
    let (one, other, last) = tokio::join!(book.add(key(11)), book.add(double), book.add(key(13)));
    // Which of the two comes first is the store's affair.
    assert!(one.is_ok() != other.is_ok() && last.is_ok(), "{one:?} {other:?} {last:?}");
    let kept = if one.is_ok() { "key-11" } else { "key-12" };
    let ids: Vec<_> = book.all().await.unwrap().into_iter().map(|key| key.facts.id).collect();
    assert_eq!(ids, ["key-1", "key-2", "key-3", kept, "key-13"].map(Box::from));
}

/// A rule of that id.
pub(super) fn rule(id: &str) -> StoredRule {
    StoredRule { id: id.into(), text: format!("name = '{id}'; DROP TABLE rule_texts; --\nthen = \"refuse\"\n").into() }
}

fn ann() -> Author {
    Author { by: "ann".into(), at: 1_000 }
}

/// The whole suite of rules, on an empty store.
pub(super) async fn rule_book(book: &impl RuleBook) {
    assert_eq!((book.rules().await, book.history(None, 9).await), (Ok(StoredRules::default()), Ok(vec![])));
    assert_eq!(book.rules_at(0).await, Err(StoreError::NoSuchVersion(0)), "nobody has made it");
    let mut changes = book.rule_changes();
    in_their_order(book).await;
    changes.changed().await.unwrap();
    compared(book).await;
    had_again(book).await;
    bounded(book).await;
    forgotten(book).await;
}

async fn order(book: &impl RuleBook) -> Vec<String> {
    book.rules().await.unwrap().rules.into_iter().map(|rule| rule.id.into()).collect()
}

async fn in_their_order(book: &impl RuleBook) {
    for (on, (id, at)) in (0..).zip([("b", None), ("a", Some(0)), ("d", Some(99)), ("c", Some(2))]) {
        let changed = book.change(on, RuleChange::Add(rule(id), at), ann()).await.unwrap();
        assert_eq!((changed.version, book.rules().await), (on + 1, Ok(changed.clone())));
        assert!(changed.rules.contains(&rule(id)), "as it came");
    }
    assert_eq!(order(book).await, ["a", "b", "c", "d"]);
    let turned = ["d", "c", "b", "a"].map(Box::from).to_vec();
    book.change(4, RuleChange::Reorder(turned), ann()).await.unwrap();
    book.change(5, RuleChange::Remove("c".into()), ann()).await.unwrap();
    // The same text twice is two rules.
    let same = StoredRule { id: "b".into(), ..rule("a") };
    let changed = book.change(6, RuleChange::Change(same.clone()), ann()).await.unwrap();
    assert_eq!(changed.rules, [rule("d"), same, rule("a")]);
}

/// Who works on another version than the one in force, or on what is not there, changes nothing.
async fn compared(book: &impl RuleBook) {
    let before = book.rules().await.unwrap();
    let gone = || Err(StoreError::NoSuchRule("z".to_owned()));
    for on in [0, 6, 8] {
        let changed = book.change(on, RuleChange::Remove("a".into()), ann()).await;
        assert_eq!(changed, Err(StoreError::Moved { on, found: 7 }));
    }
    assert_eq!(book.change(7, RuleChange::Remove("z".into()), ann()).await, gone());
    assert_eq!(book.change(7, RuleChange::Change(rule("z")), ann()).await, gone());
    let unknown = ["d", "b", "z"].map(Box::from).to_vec();
    assert_eq!(book.change(7, RuleChange::Reorder(unknown), ann()).await, gone());
    for ids in [&["d", "b"][..], &["d", "b", "b"], &["d", "b", "a", "a"], &[]] {
        let order = RuleChange::Reorder(ids.iter().map(|&id| id.into()).collect());
        assert!(matches!(book.change(7, order, ann()).await, Err(StoreError::Unfit(_))), "{ids:?}");
    }
    let twice = book.change(7, RuleChange::Add(rule("a"), None), ann()).await;
    assert!(matches!(twice, Err(StoreError::Unfit(_))), "{twice:?}");
    assert_eq!(book.rules().await, Ok(before));
}

async fn had_again(book: &impl RuleBook) {
    let then = book.rules_at(4).await.unwrap();
    assert_eq!((then.version, then.rules.len()), (4, 4));
    let missing = |version| Err(StoreError::NoSuchVersion(version));
    assert_eq!(book.rules_at(8).await, missing(8));
    assert_eq!(book.change(7, RuleChange::RollBack(8), ann()).await, missing(8));
    let bob = Author { by: "bob".into(), at: 2_000 };
    let back = book.change(7, RuleChange::RollBack(4), bob).await.unwrap();
    assert_eq!((back.version, &back.rules), (8, &then.rules), "a version of its own");
    let what: Vec<_> = book.history(None, 3).await.unwrap().into_iter().map(|edition| edition.what).collect();
    assert_eq!(what, ["rolled back to 4", "changed b", "removed c"].map(Box::from));
    let newest = Edition { version: 8, at: 2_000, by: "bob".into(), what: "rolled back to 4".into() };
    assert_eq!(book.history(None, 1).await, Ok(vec![newest]));
    let all: Vec<_> = book.history(Some(8), 99).await.unwrap().into_iter().map(|edition| edition.version).collect();
    assert_eq!(all, [7, 6, 5, 4, 3, 2, 1]);
}

/// Nothing that is kept grows without end.
async fn bounded(book: &impl RuleBook) {
    let before = book.rules().await.unwrap();
    let saying = |id: &str, text: String| StoredRule { id: id.into(), text: text.into() };
    let large = "x".repeat(MOST_TEXT);
    for unfit in [
        saying("", String::new()),
        saying("a\u{1b}b", String::new()),
        saying(&"x".repeat(MOST_NAME + 1), String::new()),
        saying("large", large.clone() + "x"),
        saying("nul", "a\0b".to_owned()),
    ] {
        let changed = book.change(8, RuleChange::Add(unfit.clone(), None), ann()).await;
        assert!(matches!(changed, Err(StoreError::Unfit(_))), "{:?}", unfit.id);
    }
    let nobody = Author { by: "".into(), at: 0 };
    assert!(matches!(book.change(8, RuleChange::Remove("a".into()), nobody).await, Err(StoreError::Unfit(_))));
    assert_eq!(book.rules().await, Ok(before));
    let (mut on, mut added) = (8, 0);
    let full = loop {
        match book.change(on, RuleChange::Add(saying(&format!("l{added}"), large.clone()), None), ann()).await {
            Ok(_) => (on, added) = (on + 1, added + 1),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::Unfit(_)) && added == MOST_TEXTS / MOST_TEXT - 1, "{full:?} {added}");
    on = book.change(on, RuleChange::RollBack(8), ann()).await.unwrap().version;
    while order(book).await.len() < MOST_RULES {
        on = book.change(on, RuleChange::Add(rule(&format!("r{on}")), None), ann()).await.unwrap().version;
    }
    let full = book.change(on, RuleChange::Add(rule("more"), None), ann()).await;
    assert!(matches!(full, Err(StoreError::Unfit(_))), "{full:?}");
    book.change(on, RuleChange::RollBack(8), ann()).await.unwrap();
}

/// The oldest versions, once there are too many.
async fn forgotten(book: &impl RuleBook) {
    let now = book.rules().await.unwrap();
    for on in now.version..=KEPT_VERSIONS {
        book.change(on, RuleChange::Change(StoredRule { text: format!("{on}").into(), ..rule("a") }), ann())
            .await
            .unwrap();
    }
    assert_eq!(book.rules_at(1).await, Err(StoreError::NoSuchVersion(1)));
    assert_eq!(book.rules_at(2).await.map(|then| then.rules.len()), Ok(2));
    assert_eq!(book.history(Some(4), 9).await.unwrap().len(), 2);
}
