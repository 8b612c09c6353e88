//! How our own commands ask the daemon that runs: at the address of the configuration, with the key of its data
//! directory, or over its Unix socket.

use std::error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::config::{self, AdminAddress};
use crate::seal::{OperatorKey, VaultError};

/// How long a daemon may take to answer: a reload waits for cores that hang, and for files that do.
const PATIENCE: Duration = Duration::from_secs(60);
/// No answer of ours is longer.
const MOST_BYTES: u64 = 64 << 20;

/// A way to the daemon of a configuration.
pub struct AdminClient {
    address: AdminAddress,
    key: Option<OperatorKey>,
    /// Where the key is, or would be.
    kept: PathBuf,
}

/// Why a command got no answer from a daemon.
#[derive(Debug)]
pub enum Fault {
    /// Nobody listens there: no daemon of this configuration runs.
    NoDaemon(String),
    /// The daemon says no.
    Refused {
        /// The status of its answer.
        status: u16,
        /// `error.code` of it.
        code: String,
        /// `error.message` of it, and what to do where it is known.
        message: String,
    },
    /// Anything else: what is there answers otherwise, too late, or not to the end, or the key cannot be read.
    Broken(String),
}

impl AdminClient {
    /// For the daemon that these settings and this data directory are of. Connects to nobody yet.
    ///
    /// # Errors
    /// The key is there and cannot be used.
    pub fn new(admin: &config::Admin, data: &Path) -> Result<Self, Fault> {
        let key = match &admin.address {
            AdminAddress::Unix(_) => None,
            AdminAddress::Tcp(_) => OperatorKey::open(data).map_err(unreadable)?,
        };
        Ok(Self { address: admin.address.clone(), key, kept: data.join("keys/admin") })
    }

    /// The same without a key, for whoever cannot read it: to see whether there is a daemon.
    pub fn without_key(admin: &config::Admin, data: &Path) -> Self {
        Self { address: admin.address.clone(), key: None, kept: data.join("keys/admin") }
    }

    /// Asks for `path`, with a document where there is one, and gives the document that was answered; `null` for none.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Fault> {
        let asked = timeout(PATIENCE, self.exchange(method, path, body)).await;
        let answer = asked.unwrap_or_else(|_| Err(self.broken(format_args!("no answer within {PATIENCE:?}"))))?;
        let (status, body) = parse(&answer).ok_or_else(|| self.broken("what is there speaks no HTTP of ours"))?;
        let document = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(body) };
        match (status, document) {
            (200..=299, Ok(document)) => Ok(document),
            (_, Ok(document)) if document["error"]["code"].is_string() => Err(self.refused(status, &document["error"])),
            _ => Err(self.broken(format_args!("it answers {status}, and not as a Weir does"))),
        }
    }

    async fn exchange(&self, method: &str, path: &str, body: Option<Value>) -> Result<Vec<u8>, Fault> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n",
            body.len()
        );
        let mut request = Zeroizing::new(Vec::with_capacity(1024 + path.len() + body.len()));
        request.extend_from_slice(head.as_bytes());
        if let Some(key) = &self.key {
            key.add_to(&mut request);
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body.as_bytes());
        match &self.address {
            AdminAddress::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| self.unreached(&error))?;
                self.spoken(stream, &request).await
            }
            AdminAddress::Tcp(address) if address.port() == 0 => {
                Err(self.broken("the system chooses the port: name the one that it chose with --admin"))
            }
            AdminAddress::Tcp(address) => {
                let stream = TcpStream::connect(near(*address)).await.map_err(|error| self.unreached(&error))?;
                self.spoken(stream, &request).await
            }
        }
    }

    async fn spoken(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Result<Vec<u8>, Fault> {
        let lost = |error: io::Error| self.broken(format_args!("the connection broke: {error}"));
        stream.write_all(request).await.map_err(lost)?;
        let mut answer = Vec::new();
        stream.take(MOST_BYTES).read_to_end(&mut answer).await.map_err(lost)?;
        Ok(answer)
    }

    fn unreached(&self, error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
                Fault::NoDaemon(format!("no daemon runs here: nobody listens on {} ([admin] address)", self.address))
            }
            io::ErrorKind::PermissionDenied => self.broken("this user may not open the socket: be one of its group"),
            _ => self.broken(error),
        }
    }

    fn refused(&self, status: u16, error: &Value) -> Fault {
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        let mut message = text("message");
        if status == 401 && self.key.is_none() {
            message += &format!("; {} is not there: name the daemon's data directory (--data)", self.kept.display());
        } else if status == 401 {
            message += &format!("; {} is not that of the daemon that runs (--data)", self.kept.display());
        }
        Fault::Refused { status, code: text("code"), message }
    }

    fn broken(&self, why: impl fmt::Display) -> Fault {
        Fault::Broken(format!("the daemon at {} ([admin] address) cannot be asked: {why}", self.address))
    }
}

fn unreadable(why: VaultError) -> Fault {
    Fault::Broken(match why {
        VaultError::Io(what, path, error) => {
            format!(
                "cannot {what} {}: {error}; be the user that Weir runs as, or name its data directory (--data)",
                path.display()
            )
        }
        why => why.to_string(),
    })
}

/// Where an address that stands for all of the machine is reached from it.
fn near(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The status and the body of an answer that has come to its end; `None` where it has not, or is none that we send.
fn parse(answer: &[u8]) -> Option<(u16, &[u8])> {
    let end = memchr::memmem::find(answer, b"\r\n\r\n")?;
    let (head, body) = (str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let fields = lines.filter_map(|line| line.split_once(':'));
    let length = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map(|(_, value)| value.trim()).next()?.parse().ok()?;
    (body.len() == length).then_some((status, body))
}

impl error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDaemon(text) | Self::Broken(text) => f.write_str(text),
            Self::Refused { status, code, message } => write!(f, "the daemon refuses ({status} {code}): {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::net::{TcpListener, UnixListener};

    use super::*;

    fn client(address: AdminAddress, data: &Path) -> AdminClient {
        AdminClient::new(&config::Admin { address, hosts: Vec::new(), open: true, audience: None }, data).unwrap()
    }

    /// Answers one connection with this, and gives what came.
    async fn answering(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
        let mut came = vec![0; 4096];
        let length = stream.read(&mut came).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(came[..length].to_vec()).unwrap()
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn the_key_is_shown_on_an_address_and_the_document_comes_back() {
        let data = tempfile::tempdir().unwrap();
        let key = OperatorKey::open_or_create(data.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(listener.local_addr().unwrap().into(), data.path());
        let (told, came) = tokio::join!(client.call("PUT", "/api/v1/log", Some(json!({ "level": "info" }))), async {
            answering(listener.accept().await.unwrap().0, &answer("200 OK", "{\"a\":1}\n")).await
        });
        assert_eq!(told.unwrap(), json!({ "a": 1 }));
        let shown = came.lines().find_map(|line| line.strip_prefix("Authorization: Bearer ")).unwrap();
        assert!(key.is(shown) && came.starts_with("PUT /api/v1/log HTTP/1.1\r\n"), "{came}");
        assert!(came.ends_with("\r\n\r\n{\"level\":\"info\"}"), "{came}");
    }

    #[tokio::test]
    async fn a_socket_needs_no_key() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("admin.sock");
        let client = client(AdminAddress::Unix(path.clone()), home.path());
        assert!(matches!(client.call("GET", "/", None).await, Err(Fault::NoDaemon(_))), "there is no socket");
        let listener = UnixListener::bind(&path).unwrap();
        let (told, came) = tokio::join!(client.call("GET", "/api/v1/status", None), async {
            answering(listener.accept().await.unwrap().0, &answer("204 No Content", "")).await
        });
        assert!(told.unwrap().is_null() && !came.to_ascii_lowercase().contains("authorization"), "{came}");
        drop(listener);
        assert!(matches!(client.call("GET", "/", None).await, Err(Fault::NoDaemon(_))), "nobody listens on it");
    }

    #[tokio::test]
    async fn no_daemon_a_refusal_and_something_else_are_told_apart() {
        let data = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = client(listener.local_addr().unwrap().into(), data.path());
        let refused = "{\"error\":{\"code\":\"unauthenticated\",\"message\":\"no\"}}";
        for (came, refuses) in [
            (answer("401 Unauthorized", refused), true),
            (answer("401 Unauthorized", "<html>"), false),
            (answer("200 OK", "no document"), false),
            (answer("200 OK", "{}").replace(": 2", ": 3"), false),
            ("SSH-2.0-x\r\n".to_owned(), false),
            (String::new(), false),
        ] {
            let (told, _) = tokio::join!(client.call("GET", "/", None), async {
                answering(listener.accept().await.unwrap().0, &came).await
            });
            let fault = told.unwrap_err();
            match &fault {
                Fault::Refused { status: 401, code, message } if refuses => {
                    assert!(code == "unauthenticated" && message.contains("--data"), "{fault}")
                }
                Fault::Broken(_) if !refuses => {}
                _ => panic!("{came:?}: {fault}"),
            }
        }
        drop(listener);
        let fault = client.call("GET", "/", None).await.unwrap_err();
        assert!(matches!(fault, Fault::NoDaemon(_)), "{fault}");
    }
}
