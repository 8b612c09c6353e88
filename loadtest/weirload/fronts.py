"""What stands in front of the sample server: nginx, HAProxy and Weir, each with one core and the same tasks.

A front is an entry of `FRONTS`: how it is configured for a leg, and what of it counts as its cost.
"""

import json
import os
import socket
from dataclasses import dataclass
from typing import Callable

from . import packages, places, processes

TLS_GROUP = "P-256"


@dataclass(frozen=True)
class Setting:
    """What a front is started with."""

    weir: str
    leg: str
    port: int
    server: int
    server_core: int
    files: int
    certificate: object
    key: object
    directory: object

    def connections(self):
        """What the limit of open files carries, with two for each client and some to spare."""
        return max(64, min(20_000, (self.files - 500) // 2))


def nginx(setting):
    tls = f"ssl_certificate {setting.certificate}; ssl_certificate_key {setting.key}; ssl_protocols TLSv1.3;"
    at = setting.directory
    text = f"""
daemon off;
worker_processes 1;
worker_rlimit_nofile {setting.files};
pid {at}/nginx.pid;
error_log {at}/nginx.log;
events {{ worker_connections {2 * setting.connections() + 64}; }}
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
    return [packages.find("nginx"), "-e", at / "nginx.log", "-p", at, "-c", config]


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
    maxconn {setting.connections()}
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
    server sample {places.HOST}:{setting.server} maxconn {setting.connections()}
"""
    config = at / "haproxy.cfg"
    config.write_text(text)
    return [packages.find("haproxy"), "-db", "-f", config]


def weir(setting, log=True, stdio=False):
    tls = f'tls = {{ certificate = "{setting.certificate}", key = "{setting.key}" }}' if setting.leg == "tls" else ""
    sample = f'endpoints = ["http://{places.HOST}:{setting.server}/mcp"]'
    if stdio:
        # The command inherits our core, and has to leave it: on HTTP the server is on another one, too.
        command = ["taskset", "--cpu-list", str(setting.server_core), str(setting.weir), "demo", "--server-only", "--stdio"]
        sample = f'command = {json.dumps(command)}\nprocesses = {{ per = "shared", warm = 1 }}'
    text = f"""
[listen]
address = "{places.HOST}:{setting.port}"
cores = 1
{tls}

[admin]
address = "{places.HOST}:0"

[http]
connections = {setting.connections()}
connections_per_address = {setting.connections()}

[drain]
timeout = "1s"

[telemetry]
log = {{ access = {"true" if log else "false"} }}

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


@dataclass(frozen=True)
class Kind:
    """One of those that are compared."""

    says: str
    command: Callable
    # Whether its children are part of its cost: nginx works in one, a command behind Weir is the server.
    whole_family: bool = False
    needs: tuple = ()


FRONTS = {
    "nginx": Kind("nginx, one worker, no access log", nginx, True, ("nginx",)),
    "haproxy": Kind("HAProxy, one thread, no log", haproxy, False, ("haproxy",)),
    "weir": Kind("Weir as `weir run --to URL` has it: its access log is written", weir),
    "weir-silent": Kind("the same without the access log", lambda setting: weir(setting, log=False)),
    "direct": Kind("no proxy, the sample server itself", direct),
    "weir-stdio": Kind("Weir with the sample server as a command", lambda setting: weir(setting, stdio=True)),
}
# Those that a run takes where none are named.
USUAL = ("direct", "nginx", "haproxy", "weir", "weir-stdio")


class Front:
    """One that runs."""

    def __init__(self, name, setting, core):
        self.name, self.leg, self.port = name, setting.leg, setting.port
        self.host = f"{places.HOST}:{setting.port}"
        self.kind = FRONTS[name]
        self.certificate = setting.certificate
        command = self.kind.command(setting)
        environment = {"STATE_DIRECTORY": str(setting.directory / "data")}
        self.program = processes.Program(name, core, command, setting.directory / f"{name}.log", environment)
        try:
            processes.until(f"it listens on {self.host}", self._listens, self.program)
        except BaseException:
            self.end()
            raise

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex((places.HOST, self.port)) == 0

    def pids(self):
        """The processes whose CPU and memory are the front's."""
        return processes.family(self.program.pid) if self.kind.whole_family else [self.program.pid]

    def others(self):
        """What else it has started: a command's processes, which are the server's cost."""
        mine = self.pids()
        return [pid for pid in processes.family(self.program.pid) if pid not in mine]

    def url(self, path):
        return f"{'https' if self.leg == 'tls' else 'http'}://{self.host}{path}"

    def end(self):
        self.program.end()


def certificate(place):
    """A certificate that lasts a day, as most are now: ECDSA on P-256."""
    key, certificate = place.path / "key.pem", place.path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{TLS_GROUP}", "-nodes"]
    command += ["-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", f"subjectAltName=DNS:localhost,IP:{places.HOST}"]
    processes.run(min(os.sched_getaffinity(0)), command, 30)
    return certificate, key
