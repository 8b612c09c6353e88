//! Stored rules in SQL.

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::watch;

use crate::model::stored::{Author, Edition, RuleChange, StoredRule, StoredRules};
use crate::seal::sha256;

use super::super::rules::{KEPT_VERSIONS, changed, check};
use super::super::{RuleBook, StoreError};
use super::{Embedded, Trouble, moved};

const NEWEST: &str = "SELECT coalesce(max(version), 0) FROM rule_versions";
const IS_KEPT: &str = "SELECT 1 FROM rule_versions WHERE version = ?";
const RULES: &str =
    "SELECT id, text FROM rule_places JOIN rule_texts USING (digest) WHERE version = ? ORDER BY position";
const HISTORY: &str = "SELECT version, at, by, what FROM rule_versions WHERE version < ? ORDER BY version DESC LIMIT ?";
const VERSION: &str = "INSERT INTO rule_versions (version, at, by, what) VALUES (?, ?, ?, ?)";
const TEXT: &str = "INSERT INTO rule_texts (digest, text) VALUES (?, ?) ON CONFLICT DO NOTHING";
const PLACE: &str = "INSERT INTO rule_places (version, position, id, digest) VALUES (?, ?, ?, ?)";
const FORGET: &str = "DELETE FROM rule_versions WHERE version <= ?";
const UNUSED: &str = "DELETE FROM rule_texts WHERE NOT EXISTS \
                      (SELECT 1 FROM rule_places WHERE rule_places.digest = rule_texts.digest)";

impl RuleBook for Embedded {
    async fn rules(&self) -> Result<StoredRules, StoreError> {
        self.ask(|connection| at(connection, newest(connection)?)).await
    }

    async fn rules_at(&self, version: u64) -> Result<StoredRules, StoreError> {
        self.ask(move |connection| kept(connection, version)).await
    }

    async fn change(&self, on: u64, change: RuleChange, author: Author) -> Result<StoredRules, StoreError> {
        check(&author)?;
        let asked = self.ask(move |connection| {
            let now = at(connection, newest(connection)?)?;
            let then = match change {
                RuleChange::RollBack(version) => Some(kept(connection, version)?),
                _ => None,
            };
            let (next, what) = changed(&now, on, change, then).map_err(Trouble::Said)?;
            keep(connection, &next, &author, &what)?;
            Ok(next)
        });
        asked.await.inspect(|_| moved(&self.rules))
    }

    async fn history(&self, before: Option<u64>, most: usize) -> Result<Vec<Edition>, StoreError> {
        let before = before.unwrap_or(u64::MAX >> 1).cast_signed();
        self.ask(move |connection| {
            let mut asked = connection.prepare(HISTORY)?;
            let editions = asked.query_map((before, most.min(1_000) as i64), |row| {
                Ok(Edition {
                    version: row.get::<_, i64>(0)?.cast_unsigned(),
                    at: row.get::<_, i64>(1)?.cast_unsigned(),
                    by: row.get::<_, String>(2)?.into(),
                    what: row.get::<_, String>(3)?.into(),
                })
            })?;
            Ok(editions.collect::<Result<_, _>>()?)
        })
        .await
    }

    fn rule_changes(&self) -> watch::Receiver<u64> {
        self.rules.subscribe()
    }
}

fn newest(connection: &Connection) -> Result<u64, Trouble> {
    Ok(connection.query_row(NEWEST, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
}

fn kept(connection: &Connection, version: u64) -> Result<StoredRules, Trouble> {
    let there = connection.query_row(IS_KEPT, [version.cast_signed()], |_| Ok(())).optional()?;
    there.ok_or(Trouble::Said(StoreError::NoSuchVersion(version)))?;
    at(connection, version)
}

fn at(connection: &Connection, version: u64) -> Result<StoredRules, Trouble> {
    let mut asked = connection.prepare(RULES)?;
    let rules = asked.query_map([version.cast_signed()], |row| {
        Ok(StoredRule { id: row.get::<_, String>(0)?.into(), text: row.get::<_, String>(1)?.into() })
    })?;
    Ok(StoredRules { version, rules: rules.collect::<Result<_, _>>()? })
}

fn keep(connection: &Connection, next: &StoredRules, author: &Author, what: &str) -> Result<(), Trouble> {
    let version = next.version.cast_signed();
    connection.execute(VERSION, (version, author.at.cast_signed(), &*author.by, what))?;
    let (mut text, mut place) = (connection.prepare(TEXT)?, connection.prepare(PLACE)?);
    for (position, rule) in (0_i64..).zip(&next.rules) {
        let digest = sha256(rule.text.as_bytes());
        text.execute((digest.as_slice(), &*rule.text))?;
        place.execute((version, position, &*rule.id, digest.as_slice()))?;
    }
    if let Some(oldest) = next.version.checked_sub(KEPT_VERSIONS).filter(|oldest| *oldest > 0) {
        connection.execute(FORGET, [oldest.cast_signed()])?;
        connection.execute(UNUSED, [])?;
    }
    Ok(())
}
