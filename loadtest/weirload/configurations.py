"""How nginx, HAProxy and Weir are told to stand in front of the sample server: each with one core and the same tasks.

A function writes the configuration into the front's directory, and gives the command line.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from . import caller, packages, places

# Twenty rules and three limits, which tests/instructions.rs counts as well.
POLICY = Path(__file__).resolve().parents[1] / "policy.toml"


@dataclass(frozen=True)
class Setting:
    """What a front is started with."""

    weir: str
    # The binary of weir-other, where one is named.
    other: object
    leg: str
    port: int
    server: int
    server_core: int
    files: int
    # Connections of clients that it has to bear, with some to spare.
    clients: int
    certificate: object
    key: object
    directory: object


def nginx(setting):
    tls = f"ssl_certificate {setting.certificate}; ssl_certificate_key {setting.key}; ssl_protocols TLSv1.3;"
    at = setting.directory
    text = f"""
daemon off;
worker_processes 1;
worker_rlimit_nofile {setting.files};
pid {at}/nginx.pid;
error_log stderr;
# From 15 of 16 on it closes connections that have not asked yet; each client takes two.
events {{ worker_connections {setting.clients * 34 // 15}; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    # A body of 1 MiB stays in memory, both ways.
    client_max_body_size 2m;
    client_body_buffer_size 1100k;
    proxy_max_temp_file_size 0;
    client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
    uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
    upstream mcp {{
        server {places.HOST}:{setting.server};
        keepalive 1024;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }}
    server {{
        listen {places.HOST}:{setting.port} reuseport backlog=4096 {"ssl http2" if setting.leg == "tls" else ""};
        {tls if setting.leg == "tls" else ""}
        location / {{
            proxy_pass http://mcp;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
        }}
    }}
}}
"""
    config = at / "nginx.conf"
    config.write_text(text)
    return [packages.find("nginx"), "-e", "stderr", "-p", at, "-c", config]


def haproxy(setting):
    at = setting.directory
    pem = at / "both.pem"
    tls = ""
    if setting.leg == "tls":
        pem.write_bytes(setting.certificate.read_bytes() + setting.key.read_bytes())
        tls = f" ssl crt {pem} alpn h2,http/1.1 ssl-min-ver TLSv1.3"
    text = f"""
global
    nbthread 1
    maxconn {setting.clients}
    fd-hard-limit {setting.files}
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
    timeout http-request 1h
frontend front
    bind {places.HOST}:{setting.port} backlog 4096{tls}
    default_backend mcp
backend mcp
    server sample {places.HOST}:{setting.server} maxconn {setting.clients}
"""
    config = at / "haproxy.cfg"
    config.write_text(text)
    return [packages.find("haproxy"), "-db", "-f", config]


def chain(setting):
    """Everything that a call may be held against: who sends it, and what they may use."""
    keys = setting.directory / "issuer.json"
    keys.write_text(json.dumps(caller.KEY_SET))
    return f"""
[[auth.jwt]]
issuer = "{caller.ISSUER}"
audience = "{caller.AUDIENCE}"
jwks = {{ file = "{keys}" }}
algorithms = ["RS256"]

[[roles]]
name = "{caller.ROLE}"
tools = ["sample:*", "catalog:*"]
resources = ["sample:*"]
deny_tools = ["*:*_delete"]
{POLICY.read_text()}"""


def weir(setting, log=True, stdio=False, cores=1, whole=False):
    tls = f'tls = {{ certificate = "{setting.certificate}", key = "{setting.key}" }}' if setting.leg == "tls" else ""
    sample = f'endpoints = ["http://{places.HOST}:{setting.server}/mcp"]'
    if stdio:
        # The command inherits our core, and has to leave it: on HTTP the server is on another one, too.
        command = ["taskset", "--cpu-list", str(setting.server_core)]
        command += [str(setting.weir), "demo", "--server-only", "--stdio"]
        sample = f'command = {json.dumps(command)}\nprocesses = {{ per = "shared", warm = 1 }}'
    text = f"""
[listen]
address = "{places.HOST}:{setting.port}"
cores = {cores}
{tls}

[admin]
address = "{places.HOST}:0"

[http]
connections = {setting.clients}
connections_per_address = {setting.clients}

[drain]
timeout = "1s"

[telemetry]
log = {{ access = {"true" if log else "false"} }}

{chain(setting) if whole else ""}
[[servers]]
name = "sample"
{sample}

[[servers]]
name = "catalog"
endpoints = ["http://{places.HOST}:{setting.server}/catalog/mcp"]

[[routes]]
path = "/mcp"
servers = ["sample"]

[[routes]]
path = "/catalog/mcp"
servers = ["catalog"]
"""
    config = setting.directory / "weir.toml"
    config.write_text(text)
    return [setting.weir, "run", "--config", config]


def direct(setting):
    """No proxy: a server of its own on the proxy's core, so that a call crosses cores as it does with one."""
    address = f"{places.HOST}:{setting.port}"
    return [setting.weir, "demo", "--server-only", "--listen", address, "--data", setting.directory / "sample"]
