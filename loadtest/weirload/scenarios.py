"""What is measured, as data: what is sent, how, and which fronts can do it. A scenario more is an entry more."""

from dataclasses import dataclass

from . import messages

# Everyone who forwards HTTP.
ALL = ("nginx", "haproxy", "weir", "weir-whole", "weir-silent", "weir-other")
# The server itself as well: what a proxy adds to the latency.
ADDED = ("direct", *ALL)


@dataclass(frozen=True)
class Scenario:
    """One line of the table for each front that is measured."""

    name: str
    says: str
    message: messages.Message
    # wrk, h2load or handshakes: see drivers.py; idle or growth: see streams.py and growth.py.
    driver: str = "wrk"
    # plain or tls: what the client speaks; to the server it is plain HTTP/1.1 always.
    leg: str = "plain"
    connections: int = 64
    # Requests at once on one connection (HTTP/2).
    streams: int = 1
    # Requests a second, all connections together; none: as many as can be had.
    rate: int = 0
    # A new connection for each request.
    close: bool = False
    # The front runs on the cores of the load and the server as well, as one of several data cores has to here.
    everywhere: bool = False
    fronts: tuple = ALL
    # In the notes: a front, another by whose cost its own is divided, and what that is to stay within.
    beside: tuple = ()

    def keeps_memory(self):
        """Whether its figure is one of memory, which is the same on a busy machine."""
        return self.driver in ("idle", "growth")


# Weir with one data core and with two, under the same load on the same cores.
CORES = ("weir", "weir-2-cores")

SCENARIOS = (
    Scenario("call-1", "tools/call of 400 bytes, 1 connection", messages.CALL, connections=1, fronts=ADDED),
    Scenario("call-64", "the same, 64 connections", messages.CALL),
    Scenario("call-512", "the same, 512 connections", messages.CALL, connections=512),
    Scenario("call-tls", "the same over TLS 1.3, 64 connections", messages.CALL, leg="tls"),
    Scenario(
        "call-h2",
        "the same over HTTP/2 and TLS 1.3, 8 connections with 8 streams each",
        messages.CALL,
        driver="h2load",
        leg="tls",
        connections=8,
        streams=8,
    ),
    Scenario(
        "call-5000",
        "the same, 5,000 a second on 50 connections",
        messages.CALL,
        driver="h2load",
        connections=50,
        rate=5000,
        fronts=ADDED,
    ),
    # Here nobody is the limit: of two fronts that are driven as fast as they can, the dearer one leaves the load more time to
    # sleep than the other, and each call may have to wake it.
    Scenario(
        "call-30000",
        "the same, 30,000 a second on 60 connections",
        messages.CALL,
        driver="h2load",
        connections=60,
        rate=30000,
    ),
    Scenario("list", "tools/list of 9 KB", messages.LIST),
    Scenario("stream", "an event stream of 4 events, which the server sends in one write", messages.STREAM),
    Scenario("request-1m", "a request of 1 MiB, a short answer", messages.LONG_REQUEST, connections=16),
    Scenario("both-1m", "a request of 1 MiB, and 1 MiB as the answer", messages.LONG_BOTH, connections=16),
    Scenario("connect", "a new connection for each call, 16 at once", messages.CALL, connections=16, close=True),
    Scenario(
        "connect-tls",
        "a new TLS 1.3 connection with full handshake for each call, 8 at once",
        messages.CALL,
        driver="handshakes",
        leg="tls",
        connections=8,
        close=True,
    ),
    Scenario("session", "tools/call of 400 bytes, 2025-11-25, 16 sessions", messages.SESSION_CALL),
    Scenario(
        "stdio",
        "tools/call of 400 bytes: the sample server as a shared command, beside the same over HTTP",
        messages.CALL,
        fronts=("weir", "weir-stdio"),
        beside=("weir-stdio", "weir", 1.5),
    ),
    Scenario(
        "cores-2",
        "tools/call of 400 bytes, 64 connections: two data cores beside one",
        messages.CALL,
        everywhere=True,
        fronts=CORES,
        beside=("weir-2-cores", "weir", 1.1),
    ),
    Scenario(
        "cores-2-4",
        "the same, 4 connections: how they are spread over the cores",
        messages.CALL,
        connections=4,
        everywhere=True,
        fronts=CORES,
        # A core that waits more often takes fewer requests at a time, so that says nothing of a bound.
        beside=("weir-2-cores", "weir", None),
    ),
    Scenario(
        "growth",
        "memory after 100,000 and after 1,000,000 calls, lists, streams, refusals and new connections",
        messages.CALL,
        driver="growth",
        fronts=("weir", "weir-other"),
    ),
    Scenario("idle", "event streams with nothing but keep-alives", messages.LISTEN, driver="idle", connections=10_000),
    Scenario(
        "idle-tls",
        "the same, TLS 1.3 to the client",
        messages.LISTEN,
        driver="idle",
        leg="tls",
        connections=10_000,
    ),
)


def named(names):
    known = {scenario.name: scenario for scenario in SCENARIOS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no such scenario: {', '.join(unknown)}; --list names them")
    return [known[name] for name in names] if names else list(SCENARIOS)
