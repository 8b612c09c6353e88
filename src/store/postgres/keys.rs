//! API keys in SQL.

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use deadpool_postgres::Client;
use tokio::sync::watch;

use crate::model::ApiKey;
use crate::seal::KeyDigest;

use super::super::{Key, KeyBook, Rotation, StoreError};
use super::{Postgres, Trouble};

const ALL: &str = "SELECT id, owner, roles, scopes, created, expires, used, revoked, digest, before, rotated, until \
                   FROM weir.keys ORDER BY created, number";
const ONE: &str = "SELECT id, owner, roles, scopes, created, expires, used, revoked, digest, before, rotated, until \
                   FROM weir.keys WHERE id = $1";
const ADD: &str = "INSERT INTO weir.keys (id, owner, roles, scopes, created, expires, used, revoked, digest, before, \
                   rotated, until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const REVOKE: &str = "UPDATE weir.keys SET revoked = $2 WHERE id = $1 AND revoked IS NULL";
const ROTATE: &str = "UPDATE weir.keys SET before = digest, digest = $2, rotated = $3, until = $4 \
                      WHERE id = $1 AND revoked IS NULL AND (expires IS NULL OR expires > $3)";
/// In order of id, so that two nodes that write at once do not wait for each other in a circle.
const USED: &str = "UPDATE weir.keys SET used = new.used \
                    FROM (SELECT keys.id, uses.used FROM weir.keys \
                          JOIN unnest($1::text[], $2::bigint[]) AS uses (id, used) ON uses.id = keys.id \
                          ORDER BY keys.id FOR UPDATE OF keys) AS new \
                    WHERE keys.id = new.id AND (keys.used IS NULL OR keys.used < new.used)";

impl KeyBook for Postgres {
    async fn all(&self) -> Result<Vec<Key>, StoreError> {
        self.ask(async |client| client.query(ALL, &[]).await?.iter().map(read).collect()).await
    }

    async fn add(&self, key: Key) -> Result<(), StoreError> {
        self.ask(async move |client| {
            let Key { facts, digest, before } = &key;
            let (rotated, until) = facts.rotated.unzip();
            let [expires, used, revoked, rotated, until] =
                [facts.expires, facts.used, facts.revoked, rotated, until].map(|time| time.map(u64::cast_signed));
            let (roles, scopes, created) = (lines(&facts.roles), lines(&facts.scopes), facts.created.cast_signed());
            let (digest, before) = (digest.as_slice(), before.as_ref().map(KeyDigest::as_slice));
            let (id, owner) = (&*facts.id, &*facts.owner);
            let row: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[
                &id, &owner, &roles, &scopes, &created, &expires, &used, &revoked, &digest, &before, &rotated, &until,
            ];
            client.execute(ADD, row).await?;
            Ok(())
        })
        .await
    }

    async fn revoke(&self, id: &str, at: u64) -> Result<Key, StoreError> {
        let id = id.to_owned();
        self.ask(async move |client| {
            client.execute(REVOKE, &[&id, &at.cast_signed()]).await?;
            one(client, &id).await
        })
        .await
    }

    async fn rotate(&self, id: &str, Rotation { digest, at, until }: Rotation) -> Result<Key, StoreError> {
        let id = id.to_owned();
        self.ask(async move |client| {
            let (digest, at, until) = (digest.as_slice(), at.cast_signed(), until.cast_signed());
            let changed = client.execute(ROTATE, &[&id, &digest, &at, &until]).await?;
            let key = one(client, &id).await?;
            match (changed, key.facts.revoked) {
                (0, Some(_)) => Err(Trouble::Said(StoreError::Revoked(id))),
                (0, None) => Err(Trouble::Said(StoreError::Expired(id))),
                _ => Ok(key),
            }
        })
        .await
    }

    async fn used(&self, uses: Vec<(Box<str>, u64)>) -> Result<(), StoreError> {
        self.ask(async move |client| {
            let (ids, times): (Vec<&str>, Vec<i64>) = uses.iter().map(|(id, at)| (&**id, at.cast_signed())).unzip();
            client.execute(USED, &[&ids, &times]).await?;
            Ok(())
        })
        .await
    }

    fn key_changes(&self) -> watch::Receiver<u64> {
        self.news.keys.subscribe()
    }
}

async fn one(client: &Client, id: &str) -> Result<Key, Trouble> {
    let row = client.query_opt(ONE, &[&id]).await?;
    row.as_ref().map_or_else(|| Err(Trouble::Said(StoreError::NoSuchKey(id.to_owned()))), read)
}

fn read(row: &Row) -> Result<Key, Trouble> {
    fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, Trouble> {
        Ok(row.try_get(at)?)
    }
    let time = |at: usize| get::<Option<i64>>(row, at).map(|time| time.map(i64::cast_unsigned));
    let digest = |at: usize| get::<Option<&[u8]>>(row, at).map(|bytes| bytes.and_then(|bytes| bytes.try_into().ok()));
    let facts = ApiKey {
        id: get::<&str>(row, 0)?.into(),
        owner: get::<&str>(row, 1)?.into(),
        roles: names(get(row, 2)?),
        scopes: names(get(row, 3)?),
        created: get::<i64>(row, 4)?.cast_unsigned(),
        expires: time(5)?,
        used: time(6)?,
        revoked: time(7)?,
        rotated: time(10)?.zip(time(11)?),
    };
    // A check of the table says how long it is.
    Ok(Key { facts, digest: digest(8)?.unwrap_or_default(), before: digest(9)? })
}

/// Names have no line ends in them.
fn lines(names: &[Box<str>]) -> String {
    names.join("\n")
}

fn names(lines: &str) -> Box<[Box<str>]> {
    lines.lines().map(Box::from).collect()
}
