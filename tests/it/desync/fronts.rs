//! nginx, HAProxy and Envoy in front of Weir, with one small pool of connections to it for all their clients.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

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
    Envoy,
    /// Takes HTTP/1.0, two framings of one body, trailers, and more requests after one that is none.
    EnvoyLoose,
    /// Makes HTTP/2 of what it reads.
    EnvoyHttp2,
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

/// A port that nobody else gets as long as the socket is there; who sets SO_REUSEPORT, as all of these do, may listen.
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
        // Envoy tells the language by the name.
        let file = directory.path().join("front.yaml");
        let (text, program) = match kind {
            Kind::Nginx | Kind::NginxLoose => (nginx(kind, directory.path(), address, weir), "nginx"),
            Kind::Haproxy | Kind::HaproxyLoose => (haproxy(kind, address, weir), "haproxy"),
            Kind::Envoy | Kind::EnvoyLoose | Kind::EnvoyHttp2 => (envoy(kind, address, weir), "envoy"),
        };
        std::fs::write(&file, text).expect("the directory can be written");
        let mut command = Command::new(installed(program));
        match program {
            "nginx" => command.arg("-e").arg("stderr").arg("-c").arg(&file),
            "haproxy" => command.arg("-db").arg("-f").arg(&file),
            _ => command.args(ENVOY).arg(&file),
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
    /// `counted NONCE|WHERE|STATUS|END`, as all configurations below have it. Envoy's end is one dash where all is well,
    /// HAProxy's two.
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.strip_prefix("counted ")?.split('|');
        let [nonce, whither, status, end] = [(); 4].map(|()| parts.next().unwrap_or_default().trim());
        let passed = if matches!(whither, "-" | "<NOSRV>") { 0 } else { whither.split(',').count() };
        let nonce = if nonce == "-" { "" } else { nonce };
        let is_broken = !matches!(end, "-" | "--") || status == "-";
        Some(Self { nonce: nonce.into(), passed, status: status.into(), is_broken })
    }
}

/// By the distribution, or among our own tools.
fn installed(program: &str) -> PathBuf {
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/.venvs/tools/bin");
    let paths = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", tools];
    let found = paths.iter().map(|path| Path::new(path).join(program)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{program} is missing: run tests/install.sh, which says how to get it"))
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

/// One worker, as the others have; nothing shared with another one; what it counts is told soon.
const ENVOY: [&str; 8] = [
    "--concurrency",
    "1",
    "--disable-hot-restart",
    "--file-flush-interval-msec",
    "10",
    "--log-level",
    "error",
    "--config-path",
];

fn envoy(kind: Kind, address: SocketAddr, weir: SocketAddr) -> String {
    let loose = match kind {
        Kind::EnvoyLoose => {
            "http_protocol_options: { accept_http_10: true, allow_chunked_length: true, enable_trailers: true }\n          \
             stream_error_on_invalid_http_message: true"
        }
        _ => "",
    };
    let http2 = match kind {
        Kind::EnvoyHttp2 => {
            "typed_extension_protocol_options:\n      \
             envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n        \
             \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n        \
             explicit_http_config: { http2_protocol_options: {} }"
        }
        _ => "",
    };
    let at = |address: SocketAddr| {
        format!("{{ socket_address: {{ address: {}, port_value: {} }} }}", address.ip(), address.port())
    };
    let types = "type.googleapis.com/envoy.extensions";
    format!(
        r#"static_resources:
  listeners:
  - address: {listen}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": {types}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: clients
          codec_type: HTTP1
          generate_request_id: false
          request_headers_timeout: 1s
          request_timeout: 1s
          stream_idle_timeout: 5s
          common_http_protocol_options: {{ idle_timeout: 1s }}
          {loose}
          access_log:
          - name: counted
            typed_config:
              "@type": {types}.access_loggers.stream.v3.StdoutAccessLog
              log_format:
                text_format_source: {{ inline_string: "counted %REQ(X-NONCE)%|%UPSTREAM_HOST%|%RESPONSE_CODE%|%RESPONSE_FLAGS%\n" }}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{ match: {{ prefix: "/" }}, route: {{ cluster: weir, timeout: 60s }} }}]
          http_filters:
          - name: router
            typed_config: {{ "@type": {types}.filters.http.router.v3.Router }}
  clusters:
  - name: weir
    connect_timeout: 10s
    {http2}
    circuit_breakers: {{ thresholds: [{{ max_connections: 2, max_pending_requests: 10000, max_requests: 10000 }}] }}
    load_assignment:
      cluster_name: weir
      endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {weir} }} }}] }}]
"#,
        listen = at(address),
        weir = at(weir),
    )
}
