"""Where things are: free ports of loopback, a directory that goes with the run, a core for each program."""

import os
import resource
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from .processes import Failure

HOST = "127.0.0.1"
PYTHON = sys.executable or "python3"


class Ports:
    """Ports that the kernel gives to nobody else: a socket holds each, and does not listen.

    Who asks for that very port may have it: the proxies by SO_REUSEPORT, Weir by SO_REUSEADDR before.
    """

    def __init__(self):
        self.held = []

    def free(self):
        holder = socket.socket()
        self.held.append(holder)
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            holder.setsockopt(socket.SOL_SOCKET, option, 1)
        holder.bind((HOST, 0))
        return holder.getsockname()[1]

    def release(self):
        for holder in self.held:
            holder.close()
        self.held.clear()


class Cores:
    """Which core is whose. On two cores the load and the server share one: the proxy has its own always."""

    def __init__(self, proxy=None, load=None, server=None):
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) < 2:
            raise Failure("two cores are needed: one for the proxy, one for the load and the server")
        self.proxy = usable[0] if proxy is None else proxy
        others = [core for core in usable if core != self.proxy]
        self.load = others[0] if load is None else load
        self.server = (others[1] if len(others) > 1 else others[0]) if server is None else server
        for core in (self.proxy, self.load, self.server):
            if core not in usable:
                raise Failure(f"core {core} is not one of {usable}")
        if self.proxy in (self.load, self.server):
            raise Failure("the proxy needs a core of its own (--proxy-core, --load-core, --server-core)")

    def all(self):
        """Every core that a program of ours runs on, as a list for taskset."""
        return ",".join(str(core) for core in sorted({self.proxy, self.load, self.server}))

    def loading(self):
        """The cores that drive the proxy."""
        return sorted({self.load, self.server})


class Place:
    """A directory for one run, and what is made in it once."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="weir-load-"))
        # nginx gives its worker away to another user.
        self.path.chmod(0o711)

    def file(self, name, content):
        path = self.path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def fresh(self, name):
        path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.path))
        path.chmod(0o711)
        return path

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


def open_files():
    """Raises the limit of open files as far as we may; what it is then is handed down to whatever is started."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1 << 20


def usable():
    """The cores that we may use."""
    return sorted(os.sched_getaffinity(0))
