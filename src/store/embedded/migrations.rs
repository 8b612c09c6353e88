//! What makes a schema of nothing, step by step. A step that was done is never changed: the store keeps its checksum.

use std::fmt::Write;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::model::clock;
use crate::seal::sha256;

use super::super::StoreError;
use super::{Trouble, engine};

/// One step; its number is its place, counted from 1.
pub(super) struct Migration {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

/// All of them.
pub(super) const ALL: &[Migration] = &[
    Migration { name: "0001_keys", sql: include_str!("migrations/0001_keys.sql") },
    Migration { name: "0002_rules", sql: include_str!("migrations/0002_rules.sql") },
];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, \
                     checksum TEXT NOT NULL, done INTEGER NOT NULL) STRICT";

/// Does those that were not done, all of them or none.
pub(super) fn run(path: &Path, connection: &mut Connection, all: &[Migration]) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = transaction.map_err(|error| engine(path, &error))?;
    step(path, &transaction, all).map_err(|trouble| trouble.at(path))?;
    transaction.commit().map_err(|error| engine(path, &error))
}

fn step(path: &Path, connection: &Connection, all: &[Migration]) -> Result<(), Trouble> {
    connection.execute_batch(TABLE)?;
    let mut asked = connection.prepare("SELECT number, name, checksum FROM migrations ORDER BY number")?;
    let done = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let done: Vec<(u32, String, String)> = done.collect::<Result<_, _>>()?;
    let known = u32::try_from(all.len()).unwrap_or(u32::MAX);
    if let Some((found, ..)) = done.last().filter(|(number, ..)| *number > known) {
        return Err(Trouble::Said(StoreError::Newer { at: path.display().to_string(), found: *found, known }));
    }
    for (number, migration) in (1..).zip(all) {
        let checksum = checksum(migration.sql);
        match done.iter().find(|(known, ..)| *known == number) {
            Some((_, _, kept)) if *kept == checksum => {}
            Some((_, name, _)) => {
                return Err(Trouble::Said(StoreError::Altered(path.display().to_string(), name.clone())));
            }
            None => {
                connection.execute_batch(migration.sql)?;
                let row = (number, migration.name, checksum, clock::unix_seconds().cast_signed());
                connection.execute("INSERT INTO migrations VALUES (?, ?, ?, ?)", row)?;
            }
        }
    }
    Ok(())
}

fn checksum(sql: &str) -> String {
    sha256(sql.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}
