//! What every back end does alike. A back end's own tests call [`key_book`] with a store that is empty.

use crate::model::ApiKey;

use super::{Key, KeyBook, Rotation, StoreError};

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

/// The whole suite, on an empty store.
pub(super) async fn key_book(book: &impl KeyBook) {
    assert_eq!(book.all().await, Ok(vec![]));
    kept_as_they_came(book).await;
    revoked_once(book).await;
    rotated(book).await;
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

/// Of several in one transaction one that fails takes none of the others with it.
async fn at_once(book: &impl KeyBook) {
    let mut double = key(12);
    double.digest = [11; 32];
    let (first, failed, last) = tokio::join!(book.add(key(11)), book.add(double), book.add(key(13)));
    assert!(first.is_ok() && failed.is_err() && last.is_ok(), "{first:?} {failed:?} {last:?}");
    let ids: Vec<_> = book.all().await.unwrap().into_iter().map(|key| key.facts.id).collect();
    assert_eq!(ids, ["key-1", "key-2", "key-3", "key-11", "key-13"].map(Box::from));
}
