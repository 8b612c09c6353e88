"""The server's own answer, asked for directly and through a front: to the byte, or nothing is measured."""

import io
import re
import socket
import ssl
from dataclasses import dataclass
from http.client import HTTPResponse

from . import messages, packages, places, processes

PATIENCE = 20
# What a front that seals writes anew for its caller.
CURSOR = re.compile(rb'"nextCursor":"[^"]*"')


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict
    body: bytes
    # With its head and its framing, as it was on the wire.
    length: int


class Counted(io.RawIOBase):
    """What a socket brings, counted."""

    def __init__(self, connection):
        self.connection, self.count = connection, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        read = self.connection.recv_into(buffer)
        self.count += read
        return read

    def makefile(self, _mode):
        return io.BufferedReader(self)


def connect(host, certificate=None):
    """A connection, over TLS 1.3 where a certificate says whom to expect."""
    name, port = host.rsplit(":", 1)
    connection = socket.create_connection((name, int(port)), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if certificate is None:
        return connection
    context = ssl.create_default_context(cafile=str(certificate))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context.wrap_socket(connection, server_hostname="localhost")


def ask(host, message, certificate=None, close=False):
    """Sends a message over HTTP/1.1, and reads its answer to the end."""
    with connect(host, certificate) as connection:
        connection.sendall(message.raw(host, close))
        counted = Counted(connection)
        response = HTTPResponse(counted, method="POST")
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, body, counted.count)


def first_event(host, message, certificate=None):
    """The data of the first event of a stream that does not end."""
    with connect(host, certificate) as connection:
        connection.sendall(message.raw(host))
        response = HTTPResponse(connection, method="POST")
        response.begin()
        while line := response.readline():
            if line.startswith(b"data:"):
                return response.status, line
        return response.status, b""


def ask_http2(front, message, place):
    """The same over HTTP/2: the body of the answer."""
    body = place.file("probe-body", message.body)
    command = [packages.find("nghttp"), "--no-verify-peer", "--timeout", PATIENCE, "--data", body]
    for name, value in message.fields():
        command += ["-H", f"{name.lower()}: {value}"]
    text, _ = processes.run(min(places.usable()), [*command, front.url(message.path)], PATIENCE + 5)
    return text.encode()


def session(host, certificate=None):
    """Opens a session of the era that has them: its id."""
    opened = ask(host, messages.INITIALIZE, certificate)
    name = opened.headers.get("mcp-session-id")
    if opened.status != 200 or not name:
        raise processes.Failure(f"{host} opens no session: {opened.status} {opened.body[:300]!r}")
    noted = ask(host, messages.INITIALIZED.within(name), certificate)
    if noted.status != 202:
        raise processes.Failure(f"{host} takes no notification: {noted.status} {noted.body[:300]!r}")
    return name


def messages_for(message, host, certificate=None):
    """The message as it is sent to this host: once, or once for each of its sessions."""
    if not message.sessions:
        return [message]
    return [message.within(session(host, certificate)) for _ in range(message.sessions)]


def verify(scenario, server, front, place):
    """Fails where the front gives another answer than the server; else what to send, and the answer that came back."""
    certificate = front.certificate if front.leg == "tls" else None
    direct = ask(server.host, messages_for(scenario.message, server.host)[0])
    if direct.status != 200:
        raise processes.Failure(f"{scenario.name}: the server itself says {direct.status}: {direct.body[:300]!r}")
    sent = messages_for(scenario.message, front.host, certificate)
    answer = None
    for message in sent:
        answer = ask(front.host, message, certificate, scenario.close)
        differ(scenario, front, direct.body, answer.body, answer.status)
    if scenario.driver == "h2load" and scenario.leg == "tls":
        differ(scenario, front, direct.body, ask_http2(front, sent[0], place), 200)
    return sent, answer


def verify_stream(scenario, server, front):
    """Fails where the front's stream begins otherwise than the server's."""
    _, direct = first_event(server.host, scenario.message)
    status, through = first_event(front.host, scenario.message, front.certificate if front.leg == "tls" else None)
    differ(scenario, front, direct, through, status)


def differ(scenario, front, wanted, got, status):
    if front.kind.seals:
        wanted, got = (CURSOR.sub(b'"nextCursor":""', body) for body in (wanted, got))
    if status == 200 and got == wanted:
        return
    at = next((at for at, (one, other) in enumerate(zip(wanted, got)) if one != other), min(len(wanted), len(got)))
    raise processes.Failure(
        f"{scenario.name}: {front.name} gives another answer than the server, nothing is measured: status {status}, "
        f"{len(got)} bytes instead of {len(wanted)}, from byte {at} on {got[at : at + 200]!r} "
        f"instead of {wanted[at : at + 200]!r}"
    )
