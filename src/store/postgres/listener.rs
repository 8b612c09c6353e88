//! What changes in the database, by whomever: one connection listens (`NOTIFY`), and is asked for a sign of life. Where
//! it was lost anything may have changed meanwhile; and from time to time everything is read again, for a database that
//! was put back from a copy tells nobody.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};

use crate::model::clock;

use super::super::StoreError;
use super::login::Login;
use super::trouble::said;
use super::{Board, News, PATIENCE};

/// How often the connection is asked for a sign of life.
const PULSE: Duration = Duration::from_secs(5);
/// How often everything counts as changed.
pub(super) const ANEW: Duration = Duration::from_secs(30);
/// How long it rests before it tries again, at first and at last.
const REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

pub(super) struct Listener {
    pub(super) login: Login,
    pub(super) news: Arc<News>,
    pub(super) board: Arc<Board>,
    /// [`ANEW`].
    pub(super) anew: Duration,
}

impl Listener {
    /// Listens for as long as the store is open.
    pub(super) async fn listen(self) {
        let mut rest = REST.0;
        loop {
            let began = clock::now();
            let why = self.session().await;
            if self.board.away.send_replace(Some(why.to_string())).is_none() {
                tracing::warn!(%why, "the store is away; what is known of it stays in force");
            }
            rest = if clock::now() - began > PULSE { REST.0 } else { REST.1.min(rest * 2) };
            sleep(rest).await;
        }
    }

    /// One connection, to its end: why it has ended.
    async fn session(&self) -> StoreError {
        let at = self.login.at();
        let late = || StoreError::Late(at.to_owned());
        let (client, mut connection) = match timeout(PATIENCE, self.login.connect()).await {
            Ok(Ok(connected)) => connected,
            Ok(Err(error)) => return said(at, &error),
            Err(_) => return late(),
        };
        let driven = async {
            loop {
                match poll_fn(|context| connection.poll_message(context)).await {
                    Some(Ok(AsyncMessage::Notification(told))) => self.tell(told.channel()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return said(at, &error),
                    None => return StoreError::Away(at.to_owned(), "it has closed the connection".to_owned()),
                }
            }
        };
        let alive = async {
            match self.beat(&client).await {
                Some(error) => said(at, &error),
                None => late(),
            }
        };
        let (driven, alive) = (pin!(driven), pin!(alive));
        tokio::select! { why = driven => why, why = alive => why }
    }

    /// Says what is to be told, and asks for signs of life. Ends with the error of one, or with none where there was no
    /// answer.
    async fn beat(&self, client: &Client) -> Option<tokio_postgres::Error> {
        let ask = async |what: &str| match timeout(PATIENCE, client.batch_execute(what)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Some(error)),
            Err(_) => Err(None),
        };
        if let Err(why) = ask("LISTEN weir_keys; LISTEN weir_rules").await {
            return why;
        }
        if self.board.away.send_replace(None).is_some() {
            tracing::info!("the store is back");
        }
        let mut told = None;
        loop {
            if told.is_none_or(|at: std::time::Instant| clock::now() - at >= self.anew) {
                self.tell_all();
                told = Some(clock::now());
            }
            sleep(PULSE.min(self.anew)).await;
            if let Err(why) = ask("SELECT 1").await {
                return why;
            }
        }
    }

    fn tell(&self, channel: &str) {
        match channel {
            "weir_keys" => moved(&self.news.keys),
            "weir_rules" => moved(&self.news.rules),
            _ => {}
        }
    }

    fn tell_all(&self) {
        moved(&self.news.keys);
        moved(&self.news.rules);
    }
}

fn moved(news: &watch::Sender<u64>) {
    news.send_modify(|number| *number = number.wrapping_add(1));
}
