//! nginx and HAProxy in front of Weir, with one small pool of connections to it for all their clients.

use std::{net::SocketAddr, path::Path, process::Command};

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use super::shapes::plain;
use crate::support::{Client, Process, until};

/// A proxy as operators put it before Weir, and as far from strict as its options go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Nginx,
    /// Passes bodies on as they come, and odd names of headers.
    NginxLoose,
    Haproxy,
    HaproxyLoose,
}

pub(super) struct Front {
    kind: Kind,
    process: Process,
    address: SocketAddr,
    _port: Socket,
    _directory: TempDir,
}

/// A request as the proxy counted it.
#[derive(Debug)]
pub(super) struct Counted {
    /// Its `X-Nonce`.
    pub(super) nonce: String,
    /// How often it was passed on.
    pub(super) passed: usize,
    /// What came back from there.
    pub(super) status: String,
    /// Whether it broke off: it may have reached Weir, or not.
    pub(super) is_broken: bool,
}

/// A port that nobody else gets as long as the socket is there; who sets SO_REUSEPORT, as both proxies do, may listen.
fn reserved() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.set_reuse_port(true).and_then(|()| socket.bind(&any.into())).expect("a free port on loopback");
    let address =
        socket.local_addr().ok().and_then(|address| address.as_socket()).expect("a bound socket has an address");
    (socket, address)
}

impl Front {
    pub(super) async fn start(kind: Kind, weir: SocketAddr) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let (port, address) = reserved();
        let file = directory.path().join("front.conf");
        let (text, program) = match kind {
            Kind::Nginx | Kind::NginxLoose => (nginx(kind, directory.path(), address, weir), "nginx"),
            Kind::Haproxy | Kind::HaproxyLoose => (haproxy(kind, address, weir), "haproxy"),
        };
        std::fs::write(&file, text).expect("the directory can be written");
        let mut command = Command::new(installed(program));
        match program {
            "nginx" => command.arg("-e").arg("stderr").arg("-c").arg(&file),
            _ => command.arg("-db").arg("-f").arg(&file),
        };
        let process = Process::start(program, &mut command);
        until(&format!("{program} listens"), async || Client::try_connect(address).await.is_some()).await;
        Self { kind, process, address, _port: port, _directory: directory }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has counted, to the end: nothing may be on its way through it any more.
    pub(super) async fn counted(mut self) -> Vec<Counted> {
        let answer = Client::connect(self.address).await.ask(&plain("end")).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let mut all = Vec::new();
        loop {
            let line = self.process.line().await.expect("a proxy that runs");
            all.extend(Counted::parse(&line));
            if all.last().is_some_and(|counted| counted.nonce == "end") {
                return all;
            }
        }
    }
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl Counted {
    /// `counted NONCE|WHERE|STATUS|END`, as both configurations below have it.
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.strip_prefix("counted ")?.split('|');
        let [nonce, whither, status, end] = [(); 4].map(|()| parts.next().unwrap_or_default().trim());
        let passed = if matches!(whither, "-" | "<NOSRV>") { 0 } else { whither.split(',').count() };
        let nonce = if nonce == "-" { "" } else { nonce };
        let is_broken = end != "--" || status == "-";
        Some(Self { nonce: nonce.into(), passed, status: status.into(), is_broken })
    }
}

fn installed(program: &str) -> String {
    let paths = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = paths.iter().map(|path| format!("{path}/{program}")).find(|path| Path::new(path).exists());
    found.unwrap_or_else(|| {
        panic!("{program} is missing (Debian: apt-get install {program}); tests/install.sh says more")
    })
}

fn nginx(kind: Kind, directory: &Path, address: SocketAddr, weir: SocketAddr) -> String {
    let at = directory.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("  {what}_temp_path {at}/{what};\n"))
        .concat();
    let loose = match kind {
        Kind::NginxLoose => "proxy_request_buffering off; ignore_invalid_headers off; underscores_in_headers on;",
        _ => "",
    };
    format!(
        r#"daemon off;
master_process off;
pid {at}/pid;
error_log {at}/errors;
events {{ worker_connections 512; }}
http {{
{temporary}  log_format counted 'counted $http_x_nonce|$upstream_addr|$upstream_status|--';
  access_log /dev/stdout counted;
  upstream weir {{ server {weir}; keepalive 2; keepalive_requests 1000000; }}
  server {{
    listen {address} reuseport;
    client_header_timeout 1s;
    client_body_timeout 1s;
    keepalive_timeout 1s;
    keepalive_requests 1000000;
    {loose}
    location / {{
      proxy_pass http://weir;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_next_upstream off;
    }}
  }}
}}
"#
    )
}

fn haproxy(kind: Kind, address: SocketAddr, weir: SocketAddr) -> String {
    let loose = if kind == Kind::HaproxyLoose { "option accept-invalid-http-request" } else { "" };
    format!(
        r#"global
  log stdout len 8192 format raw local0
  nbthread 1
defaults
  mode http
  timeout connect 10s
  timeout server 60s
  timeout client 1s
  timeout http-request 1s
  timeout http-keep-alive 1s
  retries 0
frontend clients
  bind {address}
  log global
  {loose}
  http-request capture req.hdr(x-nonce) len 64
  log-format "counted %[capture.req.hdr(0)]|%s|%ST|%ts"
  default_backend weir
backend weir
  http-reuse always
  server weir {weir} pool-max-conn 2
"#
    )
}
