//! As whom we come, read anew for each connection: a password that was changed is in force without a restart.

use std::pin::Pin;

use deadpool_postgres::Connect;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_postgres::{Client, Config, Connection, Error, Socket};
use zeroize::Zeroizing;

use crate::config::Secret;

use super::super::StoreError;
use super::tls::{Session, Tls};
use super::url::Url;

/// Reads the URL, and what it names.
pub(super) fn read(place: &Secret) -> Result<Url, StoreError> {
    let text = text(place).map_err(StoreError::Url)?;
    Url::parse(&text).map_err(|why| StoreError::Url(format!("what is in {place} {why}")))
}

fn text(place: &Secret) -> Result<Zeroizing<String>, String> {
    let bytes = place.read().map_err(|error| error.to_string())?;
    let text = std::str::from_utf8(bytes.as_bytes()).map_err(|_| format!("what is in {place} is no text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The way in.
#[derive(Clone)]
pub(super) struct Login {
    place: Secret,
    url: Url,
}

impl Login {
    pub(super) fn new(place: &Secret) -> Result<Self, StoreError> {
        Ok(Self { place: place.clone(), url: read(place)? })
    }

    pub(super) fn at(&self) -> &str {
        &self.url.at
    }

    pub(super) fn config(&self) -> &Config {
        &self.url.config
    }

    pub(super) fn tls(&self) -> bool {
        self.url.tls.is_some()
    }

    /// A connection, which somebody has to drive.
    pub(super) async fn connect(&self) -> Result<(Client, Connection<Socket, Session<Socket>>), Error> {
        let (place, url) = (self.place.clone(), self.url.clone());
        // A file system may hang. What cannot be read is as it was.
        let now = spawn_blocking(move || text(&place).ok().and_then(|text| url.with_login_of(&text))).await;
        let config = now.ok().flatten().unwrap_or_else(|| self.url.config.clone());
        config.connect(Tls(self.url.tls.clone())).await
    }
}

impl Connect for Login {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(async move {
            let (client, connection) = Self::connect(self).await?;
            // Why it has ended is told to whoever uses it.
            let driven = tokio::spawn(async move { _ = connection.await });
            client.batch_execute(super::open::SESSION).await?;
            Ok((client, driven))
        })
    }
}
