//! What the database says when it says no, in our words. What it says of values (`DETAIL`) is not repeated.

use std::error::Error as _;
use std::io;

use deadpool_postgres::PoolError;
use tokio_postgres::Error;

use super::super::StoreError;

/// Why a piece of work was not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is to be answered so.
    Said(StoreError),
    /// The database says no, or nothing.
    Engine(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl Trouble {
    pub(super) fn at(self, at: &str) -> StoreError {
        match self {
            Self::Said(error) => error,
            // It was on its way when the connection was lost.
            Self::Engine(error) => match said(at, &error) {
                StoreError::Away(at, _) if error.as_db_error().is_none() => StoreError::Late(at),
                other => other,
            },
        }
    }
}

/// Why there is no connection.
pub(super) fn unconnected(at: &str, error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => said(at, &error),
        PoolError::Timeout(_) => {
            StoreError::Away(at.to_owned(), "no connection came free, or to be, in time".to_owned())
        }
        other => StoreError::Failed(at.to_owned(), other.to_string()),
    }
}

pub(super) fn said(at: &str, error: &Error) -> StoreError {
    let at = at.to_owned();
    let Some(said) = error.as_db_error() else { return unsaid(at, error) };
    let (code, why) = (said.code().code(), said.message().to_owned());
    match code {
        "25006" => StoreError::ReadOnly(at),
        "57014" => StoreError::Late(at),
        // Full, shutting down, starting up, or short of something that others may give back.
        "57P01" | "57P02" | "57P03" => StoreError::Away(at, why),
        _ if code.starts_with("53") || code.starts_with("08") => StoreError::Away(at, why),
        // Who we are, which database, what we may.
        "3D000" | "42501" => StoreError::Denied(at, why),
        _ if code.starts_with("28") => StoreError::Denied(at, why),
        _ => StoreError::Failed(at, format!("{why} (SQLSTATE {code})")),
    }
}

/// No word of the database's: the way to it, or TLS.
fn unsaid(at: String, error: &Error) -> StoreError {
    let cause = error.source().map(ToString::to_string);
    let why = cause.as_ref().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    let distrusted = |io: &io::Error| matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
    match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        // rustls says so where a certificate is not to be trusted.
        Some(io) if distrusted(io) => StoreError::Denied(at, why),
        Some(_) => StoreError::Away(at, why),
        None if error.is_closed() => StoreError::Away(at, why),
        None => StoreError::Denied(at, why),
    }
}
