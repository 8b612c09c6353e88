//! Stored rules in SQL.

use deadpool_postgres::Transaction;
use tokio::sync::watch;
use tokio_postgres::GenericClient;

use crate::model::stored::{Author, Edition, RuleChange, StoredRule, StoredRules};
use crate::seal::sha256;

use super::super::rules::{KEPT_VERSIONS, changed, check};
use super::super::{RuleBook, StoreError};
use super::{Postgres, Trouble};

const NEWEST: &str = "SELECT coalesce(max(version), 0) FROM weir.rule_versions";
const IS_KEPT: &str = "SELECT 1 FROM weir.rule_versions WHERE version = $1";
const RULES: &str =
    "SELECT id, text FROM weir.rule_places JOIN weir.rule_texts USING (digest) WHERE version = $1 ORDER BY position";
const HISTORY: &str =
    "SELECT version, at, by, what FROM weir.rule_versions WHERE version < $1 ORDER BY version DESC LIMIT $2";
/// One change at a time, on whatever node; who reads is not held up.
const TURN: &str = "LOCK TABLE weir.rule_versions IN EXCLUSIVE MODE";
/// Version and rules of one moment.
const ONE_MOMENT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
const VERSION: &str = "INSERT INTO weir.rule_versions (version, at, by, what) VALUES ($1, $2, $3, $4)";
const TEXTS: &str = "INSERT INTO weir.rule_texts (digest, text) \
                     SELECT DISTINCT ON (digest) digest, text FROM unnest($1::bytea[], $2::text[]) AS new (digest, text) \
                     ON CONFLICT DO NOTHING";
const PLACES: &str = "INSERT INTO weir.rule_places (version, position, id, digest) \
                      SELECT $1, position, id, digest FROM unnest($2::text[], $3::bytea[]) \
                      WITH ORDINALITY AS new (id, digest, position)";
const FORGET: &str = "DELETE FROM weir.rule_versions WHERE version <= $1";
const UNUSED: &str = "DELETE FROM weir.rule_texts WHERE NOT EXISTS \
                      (SELECT 1 FROM weir.rule_places WHERE rule_places.digest = rule_texts.digest)";

impl RuleBook for Postgres {
    async fn rules(&self) -> Result<StoredRules, StoreError> {
        self.ask(async |client| {
            let transaction = client.transaction().await?;
            transaction.batch_execute(ONE_MOMENT).await?;
            at(&*transaction, newest(&*transaction).await?).await
        })
        .await
    }

    async fn rules_at(&self, version: u64) -> Result<StoredRules, StoreError> {
        self.ask(async move |client| {
            let transaction = client.transaction().await?;
            transaction.batch_execute(ONE_MOMENT).await?;
            kept(&*transaction, version).await
        })
        .await
    }

    async fn change(&self, on: u64, change: RuleChange, author: Author) -> Result<StoredRules, StoreError> {
        check(&author)?;
        self.ask(async move |client| {
            let transaction = client.transaction().await?;
            transaction.batch_execute(TURN).await?;
            let now = at(&*transaction, newest(&*transaction).await?).await?;
            let then = match change {
                RuleChange::RollBack(version) => Some(kept(&*transaction, version).await?),
                _ => None,
            };
            let (next, what) = changed(&now, on, change, then).map_err(Trouble::Said)?;
            keep(&transaction, &next, &author, &what).await?;
            transaction.commit().await?;
            Ok(next)
        })
        .await
    }

    async fn history(&self, before: Option<u64>, most: usize) -> Result<Vec<Edition>, StoreError> {
        let before = before.unwrap_or(u64::MAX >> 1).cast_signed();
        self.ask(async move |client| {
            let rows = client.query(HISTORY, &[&before, &(most.min(1_000) as i64)]).await?;
            let editions = rows.iter().map(|row| {
                Ok(Edition {
                    version: row.try_get::<_, i64>(0)?.cast_unsigned(),
                    at: row.try_get::<_, i64>(1)?.cast_unsigned(),
                    by: row.try_get::<_, &str>(2)?.into(),
                    what: row.try_get::<_, &str>(3)?.into(),
                })
            });
            editions.collect()
        })
        .await
    }

    fn rule_changes(&self) -> watch::Receiver<u64> {
        self.news.rules.subscribe()
    }
}

async fn newest(client: &impl GenericClient) -> Result<u64, Trouble> {
    Ok(client.query_one(NEWEST, &[]).await?.try_get::<_, i64>(0)?.cast_unsigned())
}

async fn kept(client: &impl GenericClient, version: u64) -> Result<StoredRules, Trouble> {
    match client.query_opt(IS_KEPT, &[&version.cast_signed()]).await? {
        Some(_) => at(client, version).await,
        None => Err(Trouble::Said(StoreError::NoSuchVersion(version))),
    }
}

async fn at(client: &impl GenericClient, version: u64) -> Result<StoredRules, Trouble> {
    let rows = client.query(RULES, &[&version.cast_signed()]).await?;
    let rule = |row: &tokio_postgres::Row| -> Result<StoredRule, Trouble> {
        Ok(StoredRule { id: row.try_get::<_, &str>(0)?.into(), text: row.try_get::<_, &str>(1)?.into() })
    };
    Ok(StoredRules { version, rules: rows.iter().map(rule).collect::<Result<_, _>>()? })
}

async fn keep(transaction: &Transaction<'_>, next: &StoredRules, author: &Author, what: &str) -> Result<(), Trouble> {
    let version = next.version.cast_signed();
    transaction.execute(VERSION, &[&version, &author.at.cast_signed(), &&*author.by, &what]).await?;
    let digests: Vec<_> = next.rules.iter().map(|rule| sha256(rule.text.as_bytes())).collect();
    let digests: Vec<&[u8]> = digests.iter().map(<[u8; 32]>::as_slice).collect();
    let texts: Vec<&str> = next.rules.iter().map(|rule| &*rule.text).collect();
    let ids: Vec<&str> = next.rules.iter().map(|rule| &*rule.id).collect();
    transaction.execute(TEXTS, &[&digests, &texts]).await?;
    transaction.execute(PLACES, &[&version, &ids, &digests]).await?;
    if let Some(oldest) = next.version.checked_sub(KEPT_VERSIONS).filter(|oldest| *oldest > 0) {
        transaction.execute(FORGET, &[&oldest.cast_signed()]).await?;
        transaction.execute(UNUSED, &[]).await?;
    }
    Ok(())
}
