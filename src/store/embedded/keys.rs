//! API keys in SQL.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use tokio::sync::watch;

use crate::model::ApiKey;
use crate::seal::KeyDigest;

use super::super::{Key, KeyBook, Rotation, StoreError};
use super::{Embedded, Trouble, moved};

const ALL: &str = "SELECT id, owner, roles, scopes, created, expires, used, revoked, digest, before, rotated, until \
                   FROM keys ORDER BY created, rowid";
const ONE: &str = "SELECT id, owner, roles, scopes, created, expires, used, revoked, digest, before, rotated, until \
                   FROM keys WHERE id = ?";
const ADD: &str = "INSERT INTO keys (id, owner, roles, scopes, created, expires, used, revoked, digest, before, rotated, \
                   until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const REVOKE: &str = "UPDATE keys SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL";
const ROTATE: &str = "UPDATE keys SET before = digest, digest = ?2, rotated = ?3, until = ?4 \
                      WHERE id = ?1 AND revoked IS NULL AND (expires IS NULL OR expires > ?3)";
const USED: &str = "UPDATE keys SET used = ?2 WHERE id = ?1 AND (used IS NULL OR used < ?2)";

impl KeyBook for Embedded {
    async fn all(&self) -> Result<Vec<Key>, StoreError> {
        self.ask(|connection| {
            let mut asked = connection.prepare(ALL)?;
            let keys = asked.query_map([], read)?.collect::<Result<_, _>>()?;
            Ok(keys)
        })
        .await
    }

    async fn add(&self, key: Key) -> Result<(), StoreError> {
        self.ask(move |connection| {
            let Key { facts, digest, before } = &key;
            let (rotated, until) = facts.rotated.unzip();
            let row = (
                &*facts.id,
                &*facts.owner,
                lines(&facts.roles),
                lines(&facts.scopes),
                facts.created.cast_signed(),
                facts.expires.map(u64::cast_signed),
                facts.used.map(u64::cast_signed),
                facts.revoked.map(u64::cast_signed),
                digest.as_slice(),
                before.as_ref().map(KeyDigest::as_slice),
                rotated.map(u64::cast_signed),
                until.map(u64::cast_signed),
            );
            connection.execute(ADD, row)?;
            Ok(())
        })
        .await
        .inspect(|()| moved(&self.keys))
    }

    async fn revoke(&self, id: &str, at: u64) -> Result<Key, StoreError> {
        let id = id.to_owned();
        self.ask(move |connection| {
            connection.execute(REVOKE, (&id, at.cast_signed()))?;
            one(connection, &id)
        })
        .await
        .inspect(|_| moved(&self.keys))
    }

    async fn rotate(&self, id: &str, Rotation { digest, at, until }: Rotation) -> Result<Key, StoreError> {
        let id = id.to_owned();
        self.ask(move |connection| {
            let row = (&id, digest.as_slice(), at.cast_signed(), until.cast_signed());
            let changed = connection.execute(ROTATE, row)?;
            let key = one(connection, &id)?;
            match (changed, key.facts.revoked) {
                (0, Some(_)) => Err(Trouble::Said(StoreError::Revoked(id))),
                (0, None) => Err(Trouble::Said(StoreError::Expired(id))),
                _ => Ok(key),
            }
        })
        .await
        .inspect(|_| moved(&self.keys))
    }

    async fn used(&self, uses: Vec<(Box<str>, u64)>) -> Result<(), StoreError> {
        self.ask(move |connection| {
            let mut update = connection.prepare(USED)?;
            for (id, at) in &uses {
                update.execute((&**id, at.cast_signed()))?;
            }
            Ok(())
        })
        .await
    }

    fn key_changes(&self) -> watch::Receiver<u64> {
        self.keys.subscribe()
    }
}

fn one(connection: &Connection, id: &str) -> Result<Key, Trouble> {
    let key = connection.query_row(ONE, [id], read).optional()?;
    key.ok_or_else(|| Trouble::Said(StoreError::NoSuchKey(id.to_owned())))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Key> {
    let time = |at: usize| row.get::<_, Option<i64>>(at).map(|time| time.map(i64::cast_unsigned));
    let digest = |at: usize| row.get::<_, Option<[u8; 32]>>(at);
    let missing = |at: usize| rusqlite::Error::InvalidColumnType(at, "NULL".to_owned(), Type::Null);
    let facts = ApiKey {
        id: row.get::<_, String>(0)?.into(),
        owner: row.get::<_, String>(1)?.into(),
        roles: names(&row.get::<_, String>(2)?),
        scopes: names(&row.get::<_, String>(3)?),
        created: time(4)?.ok_or_else(|| missing(4))?,
        expires: time(5)?,
        used: time(6)?,
        revoked: time(7)?,
        rotated: time(10)?.zip(time(11)?),
    };
    Ok(Key { facts, digest: digest(8)?.ok_or_else(|| missing(8))?, before: digest(9)? })
}

/// Names have no line ends in them.
fn lines(names: &[Box<str>]) -> String {
    names.join("\n")
}

fn names(lines: &str) -> Box<[Box<str>]> {
    lines.lines().map(Box::from).collect()
}
