"""The MCP requests that are sent: of the 2026-07-28 era, and of 2025-11-25 with its sessions."""

import json
from dataclasses import dataclass, field, replace

from . import caller

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
ACCEPT = "application/json, text/event-stream"
MIB = 1024 * 1024
# What a client that has signed in sends with every request. Whoever knows no issuer takes no notice of it.
TOKEN = f"Bearer {caller.TOKEN}"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "loadtest", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
    "progressToken": "load",
}


@dataclass(frozen=True)
class Message:
    """One POST."""

    path: str
    body: bytes
    headers: tuple = ()
    # Sessions that it is spread over; none in the era without.
    sessions: int = 0
    extra: tuple = field(default=())

    def fields(self):
        """The header fields, but for those of the connection."""
        always = (("Content-Type", "application/json"), ("Accept", ACCEPT), ("Authorization", TOKEN))
        return (*always, *self.headers, *self.extra)

    def within(self, session):
        return replace(self, extra=(("Mcp-Session-Id", session),))

    def raw(self, host, close=False):
        """The whole request in HTTP/1.1."""
        fields = [("Host", host), *self.fields(), ("Content-Length", len(self.body))]
        if close:
            fields.append(("Connection", "close"))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body


def modern(method, path="/mcp", name=None, size=None, filled=("arguments", "text"), **params):
    """A request of the era without sessions; where a size is said, one text of it is as long as it takes."""
    headers = [("MCP-Protocol-Version", MODERN), ("Mcp-Method", method)]
    if name:
        headers.append(("Mcp-Name", name))
        params["name"] = name
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {**params, "_meta": META}}
    return Message(path, sized(body, size, filled), tuple(headers))


def legacy(method, size=None, sessions=16, filled=("arguments", "text"), **params):
    """A request within a session."""
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    return Message("/mcp", sized(body, size, filled), (("MCP-Protocol-Version", LEGACY),), sessions)


def sized(body, size, filled):
    """The text; what `filled` names within `params` is made as long as is needed."""

    def text():
        return json.dumps(body, separators=(",", ":")).encode()

    if size is not None:
        section, key = filled
        body["params"].setdefault(section, {})[key] = ""
        body["params"][section][key] = "a" * (size - len(text()))
        assert len(text()) == size, "the text before the filling is longer than that"
    return text()


INITIALIZE = Message(
    "/mcp",
    sized(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": LEGACY,
                "capabilities": {},
                "clientInfo": {"name": "loadtest", "version": "1"},
            },
        },
        None,
        None,
    ),
)
INITIALIZED = Message(
    "/mcp", b'{"jsonrpc":"2.0","method":"notifications/initialized"}', (("MCP-Protocol-Version", LEGACY),)
)

CALL = modern("tools/call", name="echo", size=400)
LIST = modern("tools/list", path="/catalog/mcp")
STREAM = modern("tools/call", name="stream", size=400, arguments={"events": 3})
# The tool takes no notice of an argument that it does not know.
LONG_REQUEST = modern(
    "tools/call", name="echo", size=MIB, arguments={"text": "a short answer"}, filled=("arguments", "padding")
)
LONG_BOTH = modern("tools/call", name="echo", size=MIB)
# The same key twice: a gateway that reads refuses it.
REFUSED = Message("/mcp", CALL.body.replace(b'"id":7', b'"id":7,"id":8'), CALL.headers)
LISTEN = modern("subscriptions/listen", notifications={"resourceSubscriptions": ["demo://notes"]})
SESSION_CALL = legacy("tools/call", name="echo", size=400)
