"""What stands in front of the sample server. One more is an entry of `FRONTS`."""

import os
import socket
from dataclasses import dataclass, replace
from typing import Callable

from . import places, processes
from .configurations import direct, haproxy, nginx, weir


@dataclass(frozen=True)
class Kind:
    """One of those that are compared."""

    says: str
    command: Callable
    # Whether its children are part of its cost: nginx works in one, a command behind Weir is the server.
    whole_family: bool = False
    needs: tuple = ()
    # Whether a cursor is sealed for the caller, so that an answer is not the server's to the byte.
    seals: bool = False
    # Bytes by which the heads of two equal answers may differ: `RateLimit` says how much is left.
    spread: int = 0


FRONTS = {
    "nginx": Kind("nginx, one worker, no access log", nginx, True, ("nginx",)),
    "haproxy": Kind("HAProxy, one thread, no log", haproxy, False, ("haproxy",)),
    "weir": Kind("Weir as `weir run --to URL` has it: its access log is written", weir),
    "weir-whole": Kind(
        "Weir with all that it has: callers with tokens, roles, rules, limits, the access log",
        lambda setting: weir(setting, whole=True),
        seals=True,
        spread=16,
    ),
    "weir-silent": Kind("the same without the access log", lambda setting: weir(setting, log=False)),
    "weir-2-cores": Kind("the same with two data cores", lambda setting: weir(setting, cores=2)),
    "weir-other": Kind("another build of Weir (`--other FILE`)", lambda setting: weir(other(setting))),
    "direct": Kind("no proxy, the sample server itself", direct),
    "weir-stdio": Kind("Weir with the sample server as a command", lambda setting: weir(setting, stdio=True)),
}
# Those that a run takes where none are named.
USUAL = ("direct", "nginx", "haproxy", "weir", "weir-whole", "weir-stdio", "weir-2-cores")


def other(setting):
    """The same, with the other build."""
    if setting.other is None:
        raise processes.Failure("weir-other needs a binary: --other FILE")
    return replace(setting, weir=setting.other)


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
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", f"subjectAltName=DNS:localhost,IP:{places.HOST}"]
    processes.run(min(os.sched_getaffinity(0)), command, 30)
    return certificate, key
