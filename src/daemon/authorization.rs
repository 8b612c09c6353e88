//! What servers are shown of us, as the configuration says: fields are read, places for tokens made. What a reload leaves as
//! it was keeps its tokens.

use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use tokio::sync::Semaphore;

use crate::config::{self, Authorization, Grant, SecretBytes, TokenSource};
use crate::net::fetch::Fetcher;
use crate::net::grant::{Book, Client, Credential, Runner, Slot, Source, Terms};
use crate::net::upstream::Field;
use crate::seal::digest_of;
use crate::stages::vouch::{self, Exchanging};

/// What a caller's token is called where it is exchanged (RFC 8693, 3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// What they are built with.
pub(super) struct Around<'a> {
    /// What asks for tokens, where any are.
    pub(super) fetcher: Option<&'a Arc<Fetcher>>,
    pub(super) runner: &'a Arc<Runner>,
    pub(super) before: Option<&'a Authorizations>,
}

/// What every server is shown of us, in the order of the configuration.
pub(super) struct Authorizations(Vec<Placed>);

struct Placed {
    server: String,
    configured: Option<Authorization>,
    /// Of its secret.
    digest: [u8; 32],
    shows: Shows,
}

/// What one server is shown of us.
pub(super) enum Shows {
    Nothing,
    Field(Field),
    /// A token of our own.
    Token(Arc<Slot>),
    /// Tokens in exchange for those of callers, which are called so.
    Exchanged(Arc<Book>, &'static str),
}

impl Authorizations {
    /// Reads what the configuration names, and takes over what is the same.
    ///
    /// # Errors
    /// A secret that cannot be read, or is none.
    pub(super) fn build(servers: &[config::Server], around: &Around<'_>) -> anyhow::Result<Self> {
        servers.iter().map(|server| place(server, around)).collect::<anyhow::Result<_>>().map(Self)
    }

    /// What each server is shown.
    pub(super) fn by_server(&self) -> impl Iterator<Item = &Shows> {
        self.0.iter().map(|placed| &placed.shows)
    }

    /// Has tokens of our own kept from now on.
    pub(super) fn enforce(&self) {
        for shows in self.by_server() {
            if let Shows::Token(slot) = shows {
                slot.tend();
            }
        }
    }
}

impl Shows {
    /// Our credential that is the same for every caller.
    pub(super) fn own(&self) -> Option<Credential> {
        match self {
            Self::Field(field) => Some(Credential::Field(Arc::new(field.clone()))),
            Self::Token(slot) => Some(Credential::Token(Arc::clone(slot))),
            Self::Nothing | Self::Exchanged(..) => None,
        }
    }

    /// The same for one core. A field is a core's own, so that no two count who uses it.
    pub(super) fn on_a_core(&self) -> vouch::Shows {
        match self {
            Self::Exchanged(book, kind) => vouch::Shows::Exchanged(Exchanging::new(Arc::clone(book), kind)),
            other => other.own().map_or(vouch::Shows::Nothing, vouch::Shows::Own),
        }
    }
}

fn place(server: &config::Server, around: &Around<'_>) -> anyhow::Result<Placed> {
    let name = server.name.as_str();
    let known = around.before.and_then(|before| before.0.iter().find(|placed| placed.server == name));
    let known = known.filter(|known| known.configured == server.authorization && known.is_by(around.fetcher));
    let whole = || format!("[[servers]] {name:?}: authorization");
    let (digest, shows) = match &server.authorization {
        None => ([0; 32], Shows::Nothing),
        Some(Authorization::Header { name, value }) => {
            let field = field(name, value).with_context(whole)?;
            ([0; 32], Shows::Field(field))
        }
        Some(Authorization::Client(grant) | Authorization::Exchange(grant)) => {
            let secret = secret(grant).with_context(whole)?;
            let digest = digest_of(secret.as_bytes());
            let terms = || terms(name, grant, secret, around);
            let shows = match (&server.authorization, known.map(|known| (&known.shows, known.digest == digest))) {
                (_, Some((Shows::Token(slot), true))) => Shows::Token(Arc::clone(slot)),
                (_, Some((Shows::Exchanged(book, kind), true))) => Shows::Exchanged(Arc::clone(book), kind),
                // What was given to the secret of before is shown until there is another one.
                (Some(Authorization::Client(_)), known) => {
                    let before = known.and_then(|(shows, _)| shows.slot());
                    let slot = Slot::new(Arc::new(terms()?), Arc::clone(around.runner), before);
                    Shows::Token(Arc::new(slot))
                }
                _ => {
                    let book = Book::new(Arc::new(terms()?), Arc::clone(around.runner));
                    let kind = if grant.subject == config::Subject::Jwt { JWT } else { ACCESS_TOKEN };
                    Shows::Exchanged(Arc::new(book), kind)
                }
            };
            (digest, shows)
        }
    };
    Ok(Placed { server: name.to_owned(), configured: server.authorization.clone(), digest, shows })
}

impl Placed {
    /// Whether its tokens are asked for by this fetcher.
    fn is_by(&self, fetcher: Option<&Arc<Fetcher>>) -> bool {
        let terms = match &self.shows {
            Shows::Token(slot) => slot.terms(),
            Shows::Exchanged(book, _) => book.terms(),
            Shows::Nothing | Shows::Field(_) => return true,
        };
        fetcher.is_some_and(|fetcher| Arc::ptr_eq(fetcher, &terms.fetcher))
    }
}

impl Shows {
    fn slot(&self) -> Option<&Slot> {
        if let Self::Token(slot) = self { Some(slot) } else { None }
    }
}

/// What one server is shown, by whoever asks it beside a daemon.
///
/// # Errors
/// As [`Authorizations::build`].
pub(super) fn shows(server: &config::Server, around: &Around<'_>) -> anyhow::Result<Shows> {
    place(server, around).map(|placed| placed.shows)
}

fn terms(server: &str, grant: &Grant, secret: SecretBytes, around: &Around<'_>) -> anyhow::Result<Terms> {
    Ok(Terms {
        server: server.to_owned(),
        source: match &grant.source {
            TokenSource::Url(url) => Source::Url(url.clone()),
            TokenSource::Issuer(issuer) => Source::Issuer(issuer.clone()),
        },
        client: Client { id: grant.id.clone(), secret, in_form: grant.in_form },
        scope: grant.scopes.join(" "),
        audience: grant.audience.clone(),
        resource: grant.resource.clone(),
        fetcher: Arc::clone(around.fetcher.context("nothing is there that asks for tokens")?),
        room: Semaphore::new(Terms::AT_ONCE),
    })
}

/// The secret of a client, without the line end that files have.
fn secret(grant: &Grant) -> anyhow::Result<SecretBytes> {
    let secret = grant.secret.read()?.without_line_end();
    if secret.as_bytes().is_empty() || str::from_utf8(secret.as_bytes()).is_err() {
        bail!("{} is empty, or no text", grant.secret);
    }
    Ok(secret)
}

fn field(name: &str, value: &config::Secret) -> anyhow::Result<Field> {
    let text = value.read()?.without_line_end();
    let no_value =
        "no value of a header field: one line of visible ASCII, at most 64 KiB, without white space around it";
    Field::new(name, text.as_bytes()).ok_or_else(|| anyhow!("{value} is {no_value}"))
}

/// Reads the secret of a server's credential. What is allowed and unwise in it.
///
/// # Errors
/// It cannot be read, or is none.
pub(super) fn examine(server: &config::Server) -> anyhow::Result<Option<String>> {
    let whole = || format!("[[servers]] {:?}: authorization", server.name.as_str());
    match &server.authorization {
        None => Ok(None),
        Some(Authorization::Client(grant) | Authorization::Exchange(grant)) => {
            secret(grant).map(|_| None).with_context(whole)
        }
        Some(Authorization::Header { name, value }) => {
            let field = field(name, value).with_context(whole)?;
            let has_scheme = field.line()[field.name().len() + 2..].contains(&b' ');
            let unwise = name == "authorization" && !has_scheme;
            let advice = "the value has no scheme: where it is a token, write `Bearer TOKEN` there";
            Ok(unwise.then(|| format!("{}: {advice}", whole())))
        }
    }
}
