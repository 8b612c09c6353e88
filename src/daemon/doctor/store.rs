//! The database that has the store: whether it lets us in, and whether its schema is one that we know.

use crate::config::Store;
use crate::model::clock;
use crate::store::{Probed, StoreError, probe};

use super::finding::{Finding, Verdict};

const SUBJECT: &str = "store";

/// Asks it once; the one in the data directory is looked at by a start.
pub(super) async fn examine(settings: &Store) -> Option<Finding> {
    let began = clock::now();
    let found = match probe(settings.postgres.as_ref()?).await {
        Ok(probed) => Finding::ok(SUBJECT, shown(&probed)),
        Err(error) => {
            let verdict = if error.is_away() { Verdict::OutOfReach } else { Verdict::Fail };
            Finding { verdict, ..Finding::fail(SUBJECT, error.to_string(), advice(&error)) }
        }
    };
    Some(Finding { took: Some(clock::now() - began), ..found })
}

fn shown(Probed { at, version, tls, missing }: &Probed) -> String {
    let way = if *tls { "over TLS" } else { "without TLS" };
    let schema = match missing {
        0 => "the schema is there",
        _ => "a start makes or changes the schema",
    };
    format!("{at}, version {version}, {way}: {schema}")
}

fn advice(error: &StoreError) -> &'static str {
    match error {
        error if error.is_away() => "Weir does not start without it, and once started goes on with what it knows",
        StoreError::Url(_) => "put the URL there, postgres://USER:PASSWORD@HOST:PORT/DATABASE",
        _ => "see docs/OPERATIONS.md, \"A store that nodes share\"",
    }
}
