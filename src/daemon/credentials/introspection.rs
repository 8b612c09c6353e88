//! Who asks an issuer about opaque tokens (RFC 7662): on the control runtime, each token once at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use http::StatusCode;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use crate::config::{Introspection, SecretBytes};
use crate::model::{Means, clock};
use crate::net::fetch::{Basic, Fetcher};
use crate::stages::authenticate::jwt::Expected;
use crate::stages::authenticate::opaque::{Asked, Oracle};

use super::board::Board;

/// Questions that wait for this side, that are under way at a time, and requests that wait for one of them.
const QUEUED: usize = 1024;
const AT_ONCE: usize = 64;
const WAITING: usize = 1024;
/// How often it is told at most that the issuer does not answer.
const TELL: Duration = Duration::from_secs(10);

/// Who is asked, and who asks.
pub(super) struct Introspector {
    pub(super) settings: Introspection,
    pub(super) oracle: Arc<Oracle>,
    question: Arc<Question>,
    stage: Mutex<Stage>,
}

enum Stage {
    Waiting(mpsc::Receiver<Asked>, Board),
    Working(AbortHandle),
    Between,
}

/// How an issuer is asked.
pub(in crate::daemon) struct Question {
    issuer: String,
    url: String,
    id: String,
    secret: SecretBytes,
    fetcher: Arc<Fetcher>,
}

/// Why there is no answer, and that in one word.
#[derive(Debug)]
pub(in crate::daemon) struct Trouble {
    pub(in crate::daemon) why: String,
    pub(in crate::daemon) word: &'static str,
}

impl Introspector {
    /// Reads our secret there.
    pub(super) fn build(settings: &Introspection, fetcher: &Arc<Fetcher>, board: &Board) -> anyhow::Result<Self> {
        let (asks, asked) = mpsc::channel(QUEUED);
        let expected = Expected {
            issuer: settings.issuer.as_str().into(),
            audience: settings.audience.as_deref().map(Into::into),
            algorithms: Box::default(),
            principal_claim: settings.principal_claim.as_str().into(),
            roles_claim: settings.roles_claim.as_str().into(),
            certificate_bound: false,
            means: Means::Opaque,
        };
        Ok(Self {
            settings: settings.clone(),
            oracle: Arc::new(Oracle::new(expected, settings.remember, asks)),
            question: Arc::new(Question::build(settings, fetcher)?),
            stage: Mutex::new(Stage::Waiting(asked, board.clone())),
        })
    }

    /// Whether it is what these settings come to, with what is in their secret now.
    pub(super) fn is_of(&self, settings: &Introspection, fetcher: &Arc<Fetcher>) -> anyhow::Result<bool> {
        let fresh = Question::build(settings, fetcher)?;
        let same_secret = fresh.secret.as_bytes() == self.question.secret.as_bytes();
        Ok(self.settings == *settings && same_secret && Arc::ptr_eq(&self.question.fetcher, fetcher))
    }

    /// Begins, where it has not.
    pub(super) fn start(&self) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        *stage = match std::mem::replace(&mut *stage, Stage::Between) {
            Stage::Waiting(asked, board) => {
                let desk = Desk { question: Arc::clone(&self.question), board, waiting: HashMap::new(), told: None };
                Stage::Working(tokio::spawn(desk.run(asked)).abort_handle())
            }
            working => working,
        };
    }
}

impl Drop for Introspector {
    fn drop(&mut self) {
        if let Stage::Working(task) = self.stage.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

impl Question {
    /// Reads our secret there.
    pub(in crate::daemon) fn build(settings: &Introspection, fetcher: &Arc<Fetcher>) -> anyhow::Result<Self> {
        let secret = settings.client.secret.read().context("[[auth.introspection]] client: secret")?.without_line_end();
        Ok(Self {
            issuer: settings.issuer.clone(),
            url: settings.url.clone(),
            id: settings.client.id.clone(),
            secret,
            fetcher: Arc::clone(fetcher),
        })
    }

    /// Asks about a token. The text of the answer is JSON by its own words, and nothing else is known of it.
    pub(in crate::daemon) async fn ask(&self, token: &str) -> Result<Bytes, Trouble> {
        let fields = [("token", token), ("token_type_hint", "access_token")];
        let basic = Basic { id: &self.id, secret: &self.secret };
        let answer = self.fetcher.post_form(&self.url, &fields, Some(basic)).await;
        let answer = answer.map_err(|fault| Trouble { why: fault.to_string(), word: fault.why.word() })?;
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let why = format!("{}: it answers {}: it does not take `client`", self.url, answer.status);
                Err(Trouble { why, word: "refused" })
            }
            status => Err(Trouble { why: format!("{}: it answers {status}", self.url), word: "bad_answer" }),
        }
    }
}

/// Where questions come in, and answers go out.
struct Desk {
    question: Arc<Question>,
    board: Board,
    /// Who waits for what is said of a token.
    waiting: HashMap<Box<str>, Vec<oneshot::Sender<Bytes>>>,
    /// When it was told last that there was no answer.
    told: Option<Instant>,
}

impl Desk {
    async fn run(mut self, mut asked: mpsc::Receiver<Asked>) {
        let mut asking = JoinSet::new();
        loop {
            tokio::select! {
                next = asked.recv() => match next {
                    Some(next) => self.take(next, &mut asking),
                    None => return,
                },
                Some(ended) = asking.join_next() => {
                    // A question that ended by a defect takes those who wait for it with it: they stop waiting.
                    if let Ok((token, answer)) = ended {
                        self.give(&token, answer);
                    }
                }
            }
        }
    }

    /// Whoever is not taken is told that there is no answer.
    fn take(&mut self, Asked { token, told }: Asked, asking: &mut JoinSet<(Box<str>, Result<Bytes, Trouble>)>) {
        if let Some(waiting) = self.waiting.get_mut(&token) {
            if waiting.len() < WAITING {
                waiting.push(told);
            }
        } else if asking.len() < AT_ONCE {
            self.waiting.insert(token.clone(), vec![told]);
            let question = Arc::clone(&self.question);
            asking.spawn(async move {
                let answer = question.ask(&token).await;
                (token, answer)
            });
        } else {
            self.board.answered(&self.question.issuer, "overloaded");
        }
    }

    fn give(&mut self, token: &str, answer: Result<Bytes, Trouble>) {
        let waiting = self.waiting.remove(token).unwrap_or_default();
        match answer {
            Ok(text) => {
                self.board.answered(&self.question.issuer, "answered");
                for told in waiting {
                    // Whoever waited may have gone.
                    let _ = told.send(text.clone());
                }
            }
            Err(Trouble { why, word }) => {
                let issuer = &*self.question.issuer;
                self.board.answered(issuer, word);
                let now = clock::now();
                if self.told.is_none_or(|told| now - told >= TELL) {
                    self.told = Some(now);
                    tracing::warn!(
                        issuer,
                        error = why,
                        "an issuer does not say whose tokens are: they cannot be verified"
                    );
                }
            }
        }
    }
}
