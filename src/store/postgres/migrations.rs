//! What makes a schema of nothing, step by step. A step that was done is never changed: the store keeps its checksum.
//! Nodes that start together take turns, by a lock of the database; one that finds nothing to do writes nothing.

use std::fmt::Write;

use deadpool_postgres::Client;
use tokio_postgres::GenericClient;

use crate::model::clock;
use crate::seal::sha256;

use super::super::StoreError;
use super::Trouble;

/// One step; its number is its place, counted from 1.
pub(super) struct Migration {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

/// All of them.
pub(super) const ALL: &[Migration] = &[
    Migration { name: "0001_keys", sql: include_str!("migrations/0001_keys.sql") },
    Migration { name: "0002_rules", sql: include_str!("migrations/0002_rules.sql") },
    Migration { name: "0003_leases", sql: include_str!("migrations/0003_leases.sql") },
    Migration { name: "0004_lease_secret", sql: include_str!("migrations/0004_lease_secret.sql") },
];

const THERE: &str = "SELECT to_regclass('weir.migrations') IS NOT NULL";
const DONE: &str = "SELECT number, name, checksum FROM weir.migrations ORDER BY number";
/// Held until the transaction ends. The number is "weir" in ASCII.
const TURN: &str = "SELECT pg_advisory_xact_lock(2003134834)";
const SCHEMA: &str = "SELECT to_regnamespace('weir') IS NOT NULL";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS weir.migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, \
                     checksum TEXT NOT NULL, done BIGINT NOT NULL)";

/// Does those that were not done, all of them or none.
pub(super) async fn run(at: &str, client: &mut Client, all: &[Migration]) -> Result<(), Trouble> {
    if missing(at, &***client, all).await? == 0 {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    transaction.batch_execute(TURN).await?;
    if !transaction.query_one(SCHEMA, &[]).await?.try_get::<_, bool>(0)? {
        transaction.batch_execute("CREATE SCHEMA weir").await?;
    }
    transaction.batch_execute(TABLE).await?;
    // As many as there are left now that it is our turn.
    let missing = missing(at, &*transaction, all).await?;
    for (number, migration) in (1_i32..).zip(all).skip(all.len() - missing) {
        transaction.batch_execute(migration.sql).await?;
        let (checksum, now) = (checksum(migration.sql), clock::unix_seconds().cast_signed());
        let row = "INSERT INTO weir.migrations VALUES ($1, $2, $3, $4)";
        transaction.execute(row, &[&number, &migration.name, &checksum, &now]).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// How many are to be done; changes nothing.
pub(super) async fn missing(at: &str, client: &impl GenericClient, all: &[Migration]) -> Result<usize, Trouble> {
    if !client.query_one(THERE, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(all.len());
    }
    let done = client.query(DONE, &[]).await?;
    let known = u32::try_from(all.len()).unwrap_or(u32::MAX);
    for row in &done {
        let (number, name, kept): (i32, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let number = number.cast_unsigned();
        match all.get(number.wrapping_sub(1) as usize) {
            Some(migration) if checksum(migration.sql) == kept => {}
            Some(_) => return Err(Trouble::Said(StoreError::Altered(at.to_owned(), name))),
            None => return Err(Trouble::Said(StoreError::Newer { at: at.to_owned(), found: number, known })),
        }
    }
    Ok(all.len() - done.len())
}

fn checksum(sql: &str) -> String {
    sha256(sql.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}
