//! Fetching from real sockets, whose owners are not all friendly.

use std::future::{pending, poll_fn};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::config::Secret;
use crate::net::tls::tests::{Authority, BOTH};

/// A server that answers each connection with the next of its texts, and tells what it was asked.
struct Server {
    base: String,
    asked: mpsc::Receiver<String>,
}

impl Server {
    /// `BASE` in a text is the server's own URL.
    async fn answering<const N: usize>(texts: [&str; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let texts = texts.map(|text| text.replace("BASE", &base));
        let (tell, asked) = mpsc::channel(8);
        tokio::spawn(async move {
            for text in texts {
                let (mut socket, _) = listener.accept().await.unwrap();
                tell.send(read(&mut socket).await).await.unwrap();
                let _ = socket.write_all(text.as_bytes()).await;
            }
        });
        Self { base, asked }
    }

    /// One that does what it likes with its only connection, once a request was read from it.
    async fn misbehaving<F: Future<Output = ()> + Send>(act: impl FnOnce(TcpStream) -> F + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (tell, asked) = mpsc::channel(8);
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            tell.send(read(&mut socket).await).await.unwrap();
            act(socket).await;
        });
        Self { base, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn request(&mut self) -> String {
        self.asked.recv().await.unwrap()
    }
}

/// A request, its body included.
async fn read(socket: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut text = Vec::new();
    loop {
        let said = String::from_utf8_lossy(&text);
        if let Some((head, body)) = said.split_once("\r\n\r\n") {
            let lines = head.lines().map(str::to_ascii_lowercase);
            let length = lines
                .filter_map(|line| line.strip_prefix("content-length: ").map(|text| text.parse::<usize>().unwrap()));
            if body.len() >= length.sum() {
                return said.into_owned();
            }
        }
        let mut piece = [0; 4096];
        let count = socket.read(&mut piece).await.unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&piece[..count]);
    }
}

fn answer(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{fields}\r\n{body}", body.len())
}

fn json(body: &str) -> String {
    answer("Content-Type: application/json\r\n", body)
}

fn redirect(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

fn fetcher() -> Fetcher {
    Fetcher::new(Policy::default()).unwrap()
}

async fn fault(url: &str) -> Fault {
    fetcher().get(url).await.unwrap_err()
}

#[tokio::test]
async fn a_document_comes_with_its_age() {
    let text = answer("Content-Type: application/json\r\nCache-Control: max-age=77\r\n", r#"{"keys":[]}"#);
    let mut server = Server::answering([&*text]).await;
    let document = fetcher().get(&server.url("/jwks?x=1")).await.unwrap();
    assert_eq!(&document.body[..], br#"{"keys":[]}"#);
    assert_eq!(document.max_age, Some(Duration::from_secs(77)));
    let asked = server.request().await;
    assert!(asked.starts_with("GET /jwks?x=1 HTTP/1.1\r\n"), "{asked}");
    let host = format!("host: {}\r\n", server.base.trim_start_matches("http://"));
    assert!(asked.contains(&host) && asked.contains("accept: application/json\r\n"), "{asked}");
}

#[tokio::test]
async fn redirects_are_followed_three_times_and_checked_each_time() {
    let (absolute, rooted) = (redirect("BASE/b"), redirect("/c"));
    let mut server = Server::answering([&*absolute, &rooted, &redirect("BASE/d"), &json("{}")]).await;
    fetcher().get(&server.url("/a")).await.unwrap();
    for path in ["/a", "/b", "/c", "/d"] {
        assert!(server.request().await.starts_with(&format!("GET {path} ")));
    }
    let round = redirect("/round");
    let server = Server::answering([&*round; 4]).await;
    assert!(matches!(fault(&server.url("/")).await.why, Why::Redirects));

    for (location, refused) in [
        ("https://10.0.0.1/keys", "private"),
        ("https://[::ffff:169.254.169.254]/keys", "private"),
        ("https://[fd00::1]/keys", "private"),
        ("http://192.0.2.1/keys", "plain"),
        ("http://keys.example.com/keys", "plain"),
        ("https://user:word@id.example.com/", "url"),
        ("ftp://id.example.com/", "location"),
        ("elsewhere", "location"),
        ("", "location"),
    ] {
        let server = Server::answering([&*redirect(location)]).await;
        let fault = fault(&server.url("/")).await;
        let why = match fault.why {
            Why::Private(_) => "private",
            Why::Plain => "plain",
            Why::Url(_) => "url",
            Why::Location(_) => "location",
            other => panic!("{location}: {other}"),
        };
        assert_eq!(why, refused, "{location}");
    }
}

#[tokio::test]
async fn what_others_name_is_not_on_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let from = "https://id.example.com/";
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"] {
        let secure = fetcher().follow(from, &format!("https://{host}:{port}/")).await.unwrap_err();
        assert!(matches!(&secure.why, Why::Private(address) if address.to_canonical().is_loopback()), "{secure}");
        assert!(secure.to_string().contains("private_hosts") && secure.to_string().contains(host), "{secure}");
        let plain = fetcher().follow(from, &format!("http://{host}:{port}/")).await.unwrap_err();
        assert!(matches!(plain.why, Why::Plain), "{plain}");
    }
    let nobody = poll_fn(|context| Poll::Ready(listener.poll_accept(context).is_pending())).await;
    assert!(nobody, "nobody was connected to");
}

#[tokio::test]
async fn plain_text_is_for_this_machine() {
    for url in ["http://id.example.com/", "http://10.0.0.1/", "http://0.0.0.0/", "http://[::]/"] {
        assert!(matches!(fault(url).await.why, Why::Plain), "{url}");
    }
    assert!(matches!(fault("http://user@127.0.0.1/").await.why, Why::Url(_)));
    assert!(matches!(fault("file:///etc/passwd").await.why, Why::Url(_)));
    let odd = fault("https://a\x1b[2J/").await;
    assert!(matches!(odd.why, Why::Url(_)) && !odd.to_string().contains('\x1b'), "{odd}");
}

#[tokio::test]
async fn private_hosts_are_those_that_are_named() {
    let authority = Authority::new();
    let acceptor = authority.server(&authority.issue("127.0.0.1"), false, BOTH);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let serving = tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let Ok(mut socket) = acceptor.accept(socket).await else { continue };
            read(&mut socket).await;
            let _ = socket.write_all(json("{}").as_bytes()).await;
            let _ = socket.shutdown().await;
        }
    });
    let policy = |host: &str| Policy { private_hosts: [host.into()].into(), ca: Some(authority.file()) };
    let from = "https://id.example.com/";
    Fetcher::new(policy("127.0.0.1")).unwrap().follow(from, &url).await.unwrap();
    let other = Fetcher::new(policy("127.0.0.2")).unwrap().follow(from, &url).await.unwrap_err();
    assert!(matches!(other.why, Why::Private(_)), "{other}");
    let distrusted = fault(&url).await;
    assert!(matches!(distrusted.why, Why::Tls(_) | Why::Trust(_)), "{distrusted}");
    serving.abort();
}

#[tokio::test]
async fn only_json_with_200_is_a_document() {
    for (text, wrong) in [
        (answer("Content-Type: text/html\r\n", "<html>"), "text/html"),
        (answer("", "{}"), "application/json"),
        (answer("Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "{}"), "gzip"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(), "404"),
        ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), "204"),
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), "HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Type: application/json\r\n\r\n{}".to_owned(), "HTTP"),
    ] {
        let server = Server::answering([&*text]).await;
        let url = server.url("/");
        let fault = fault(&url).await.to_string();
        assert!(fault.contains(wrong) && fault.starts_with(&url), "{text}: {fault}");
    }
}

#[tokio::test]
async fn nobody_makes_us_read_without_end() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let server = Server::misbehaving(move |mut socket| async move {
        let piece = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        socket.write_all(head.as_bytes()).await.unwrap();
        while socket.write_all(piece.as_bytes()).await.is_ok() {}
    })
    .await;
    assert!(matches!(fault(&server.url("/")).await.why, Why::TooLarge));

    let server = Server::misbehaving(|mut socket| async move {
        socket.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        while socket.write_all(b"X-More: and more\r\n").await.is_ok() {}
    })
    .await;
    let fault = fault(&server.url("/")).await;
    assert!(matches!(fault.why, Why::Http(_)), "{fault}");
}

#[tokio::test]
async fn nobody_makes_us_wait_without_end() {
    let (patience, pace) = (Duration::from_millis(50), Duration::from_millis(5));
    let mut hurried = fetcher();
    hurried.patience = patience;
    let silent = || {
        Server::misbehaving(|socket| async move {
            pending::<()>().await;
            drop(socket);
        })
    };
    assert!(matches!(hurried.get(&silent().await.url("/")).await.unwrap_err().why, Why::Slow));
    assert!(matches!(hurried.post_form(&silent().await.url("/"), &[], None).await.unwrap_err().why, Why::Slow));

    let drip = Server::misbehaving(move |mut socket| async move {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        while socket.write_all(b" ").await.is_ok() {
            tokio::time::sleep(pace).await;
        }
    });
    assert!(matches!(hurried.get(&drip.await.url("/")).await.unwrap_err().why, Why::Slow));
}

#[tokio::test]
async fn a_form_is_sent_with_who_we_are() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("secret");
    std::fs::write(&file, "p:w d\n").unwrap();
    let secret = Secret::File(file).read().unwrap().without_line_end();
    let basic = Some(Basic { id: "we+us", secret: &secret });
    let refused = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";
    let mut server = Server::answering([&*json(r#"{"active":true}"#), refused, &redirect("/other")]).await;
    let fields = [("token", "a b&c=d/é"), ("token_type_hint", "access_token")];
    let document = fetcher().post_form(&server.url("/introspect"), &fields, basic).await.unwrap();
    assert_eq!(&document.body[..], br#"{"active":true}"#);
    let asked = server.request().await;
    assert!(asked.starts_with("POST /introspect HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("content-type: application/x-www-form-urlencoded\r\n"), "{asked}");
    // `we%2Bus:p%3Aw+d`
    assert!(asked.contains("authorization: Basic d2UlMkJ1czpwJTNBdytk\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\ntoken=a+b%26c%3Dd%2F%C3%A9&token_type_hint=access_token"), "{asked}");

    let document = fetcher().post_form(&server.url("/"), &[], basic).await.unwrap();
    assert_eq!((document.status.as_u16(), &document.body[..]), (401, &b"no"[..]));
    let fault = fetcher().post_form(&server.url("/"), &[], None).await.unwrap_err();
    assert!(matches!(fault.why, Why::Redirected), "{fault}");
}

#[test]
fn it_runs_on_the_control_runtime() {
    fn is_send(_: &impl Send) {}
    let fetcher = fetcher();
    is_send(&fetcher.get("https://id.example.com/"));
    is_send(&fetcher.post_form("https://id.example.com/", &[], None));
}
