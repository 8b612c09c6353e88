//! Who may pass to an endpoint: on a Unix socket whoever could open it, on loopback who shows the key of the data
//! directory, and everywhere who shows a token as on the data side and has the permission.

use std::fmt;
use std::net::IpAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::model::{Caller, Challenge, Permission, Reason, Refusal, clock};
use crate::seal::OperatorKey;
use crate::stages::authenticate::{Looked, Presented};
use crate::store::MOST_NAME;
use crate::telemetry::Observed;

use super::access::Access;
use super::answer::detailed;
use super::endpoints::Asks;
use super::listener::{Came, Local};
use super::{Admin, Arc};

/// Who was let in.
enum Operator {
    /// Whoever can open the Unix socket; the user, where the system says it.
    Socket(Option<u32>),
    /// Who can read the data directory.
    Key,
    /// Somebody whose roles do.
    Caller(Box<Caller>),
}

/// Who gives an order, as it is kept with what they have changed.
#[derive(Clone, Debug)]
pub(super) struct Who(pub(super) Box<str>);

impl Who {
    fn of(operator: &Operator) -> Self {
        let mut name: String =
            operator.to_string().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        name.truncate(name.floor_char_boundary(MOST_NAME));
        Self(name.into())
    }
}

/// Why somebody was not.
struct Refused {
    refusal: Refusal,
    /// What they would have to be permitted, where that is what is missing.
    lacks: Option<Permission>,
    /// Who it is, where that is known.
    who: Option<Operator>,
}

const NEEDED: &str = "a credential is needed here. On loopback it is the key that the data directory keeps (keys/admin), \
                      everywhere a token of an issuer in [auth]: send it as `Authorization: Bearer ...`";
const WRONG_KEY: &str = "this is not the key that the data directory of the running daemon keeps (keys/admin)";
const FAR_KEY: &str = "the key of the data directory is taken on a loopback address and nowhere else: send a token of an \
                       issuer in [auth]";
const LACKS: &str = "none of your roles has the permission that is needed here";

/// Lets through who may, and tells the others what is missing.
pub(super) async fn check(
    State((admin, asks)): State<(Admin, Asks)>,
    ConnectInfo(peer): ConnectInfo<Local>,
    mut request: Request,
    next: Next,
) -> Response {
    let access = admin.access.borrow().clone();
    let needed = match asks {
        Asks::Nothing if access.open => return next.run(request).await,
        Asks::Nothing => Permission::ManageSystem,
        Asks::May(permission) => permission,
    };
    match enter(&admin, access, &peer, request.headers(), needed).await {
        Ok(operator) => {
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                let (method, path) = (request.method(), request.uri().path());
                tracing::info!(%operator, from = %peer.remote, %method, path, "an operator gives an order");
            }
            request.extensions_mut().insert(Who::of(&operator));
            next.run(request).await
        }
        Err(refused) => told(&admin.observed, &request, &peer, &refused),
    }
}

async fn enter(
    admin: &Admin,
    access: Arc<Access>,
    peer: &Local,
    headers: &HeaderMap,
    needed: Permission,
) -> Result<Operator, Refused> {
    let address = match peer.came {
        Came::Unix { user } => return Ok(Operator::Socket(user)),
        Came::Tcp(local) => local.ip().to_canonical(),
    };
    if !headers.contains_key(header::AUTHORIZATION) && !headers.contains_key("x-api-key") {
        return Err(unauthenticated(None, NEEDED).into());
    }
    if let Some(shown) = operator_key(headers) {
        let (key, remote) = (admin.key.as_deref(), peer.remote.ip());
        return known_key(key, &access, shown, address, remote).map(|()| Operator::Key).map_err(Refused::from);
    }
    let caller = caller(Arc::clone(&access), headers.clone(), peer.remote.ip()).await?;
    match access.permits(&caller, needed) {
        true => Ok(Operator::Caller(caller)),
        false => {
            let refusal = Refusal::new(Reason::PolicyDenied, LACKS);
            Err(Refused { refusal, lacks: Some(needed), who: Some(Operator::Caller(caller)) })
        }
    }
}

/// The one credential, if it is meant to be the key of operators.
fn operator_key(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && OperatorKey::is_like(token)).then_some(token)
}

/// Whether it is the key, on loopback. The right one always passes: who shows wrong ones keeps nobody out.
fn known_key(
    key: Option<&OperatorKey>,
    access: &Access,
    shown: &str,
    local: IpAddr,
    remote: Option<IpAddr>,
) -> Result<(), Refusal> {
    if !local.is_loopback() {
        return Err(unauthenticated(Some("invalid_token"), FAR_KEY));
    }
    if key.is_some_and(|key| key.is(shown)) {
        return Ok(());
    }
    access.unverified.take(remote, clock::now())?;
    Err(unauthenticated(Some("invalid_token"), WRONG_KEY))
}

/// Who has shown a credential of the data side. On a thread where a signature may take its time, and where what looks at
/// it may stay.
async fn caller(access: Arc<Access>, headers: HeaderMap, address: Option<IpAddr>) -> Result<Box<Caller>, Refusal> {
    let runtime = Handle::current();
    let looked = spawn_blocking(move || {
        let authenticator = (access.authenticator)();
        let found =
            match authenticator.check(&Presented { headers: &headers, address, certificate: None }, &access.place) {
                Looked::Done(found) => found,
                Looked::Asking(asking) => runtime.block_on(asking),
            };
        found.map(|known| Box::new(known.principal().caller().clone()))
    });
    looked.await.unwrap_or_else(|_| Err(Refusal::new(Reason::Internal, "the credential could not be looked at")))
}

fn unauthenticated(error: Option<&'static str>, why: &'static str) -> Refusal {
    let description = if error.is_some() { why } else { "" };
    let challenge = Challenge { error, description: description.into(), ..Challenge::default() };
    Refusal::new(Reason::Unauthenticated, why).challenging(challenge)
}

/// The answer to who is refused before it is asked who it is.
pub(super) fn turned_away(observed: &Observed, request: &Request, peer: &Local, refusal: Refusal) -> Response {
    told(observed, request, peer, &refusal.into())
}

/// The answer to who is refused: counted, and one line of the log.
fn told(observed: &Observed, request: &Request, peer: &Local, refused: &Refused) -> Response {
    let Refused { refusal, lacks, who } = refused;
    let why = refusal.note.map_or(&*refusal.message, |note| note);
    let (method, path, reason) = (request.method(), request.uri().path(), refusal.reason.as_str());
    let operator = who.as_ref().map(tracing::field::display);
    tracing::warn!(reason, why, operator, from = %peer.remote, %method, path, "an operator was refused");
    observed.refused_operator(refusal.reason);
    answer(refusal, &lacks.map_or_else(|| json!({}), |lacks| json!({ "permission": lacks.as_str() })))
}

/// A refusal in the shape of the REST side.
fn answer(refusal: &Refusal, details: &Value) -> Response {
    let status = match refusal.reason {
        Reason::Unauthenticated => StatusCode::UNAUTHORIZED,
        Reason::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Reason::IdentityUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Reason::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::FORBIDDEN,
    };
    let mut response = detailed(status, refusal.reason.as_str(), &refusal.message, details, refusal.retryable);
    if let Some(challenge) = &refusal.challenge
        && let Ok(value) = challenge.value().parse()
    {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    if let Some(wait) = refusal.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.max(1).into());
    }
    response
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, lacks: None, who: None }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(Some(user)) => write!(f, "user {user}"),
            Self::Socket(None) => f.write_str("a local user"),
            Self::Key => f.write_str("the key of the data directory"),
            Self::Caller(caller) => write!(f, "{} of {}", caller.subject, caller.issuer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::admin::tests::{admin, peer};

    /// Where another machine could be on the way.
    #[tokio::test]
    async fn off_loopback_the_key_of_the_data_directory_is_no_credential() {
        let data = tempfile::tempdir().unwrap();
        let admin = admin(&data);
        let shown = std::fs::read_to_string(data.path().join("keys/admin")).unwrap();
        let shows = format!("Bearer {}", shown.trim_end());
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, shows.parse().unwrap())]);
        let entered = async |came: Came| {
            let access = admin.access.borrow().clone();
            enter(&admin, access, &peer(came), &headers, Permission::ManageSystem).await
        };
        for (local, near) in
            [("127.0.0.1:1", true), ("[::1]:1", true), ("[::ffff:127.0.0.1]:1", true), ("10.0.0.1:1", false)]
        {
            let local: SocketAddr = local.parse().unwrap();
            match entered(Came::Tcp(local)).await {
                Ok(Operator::Key) => assert!(near, "{local}"),
                Ok(_) => panic!("{local}: it is let in as somebody else"),
                Err(refused) => {
                    assert!(!near && refused.refusal.message == FAR_KEY, "{local}: {:?}", refused.refusal);
                }
            }
        }
        assert!(matches!(entered(Came::Unix { user: Some(7) }).await, Ok(Operator::Socket(Some(7)))));
    }
}
