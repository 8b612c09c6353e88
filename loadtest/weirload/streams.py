"""Idle event streams: the memory that one costs a front, open, and once keep-alives have passed through it."""

import json
import select
import subprocess
import time
from pathlib import Path

from . import places, processes

CLIENT = Path(__file__).resolve().parent / "idle.py"
# Opened and closed before the first look, so that what is made once has been made.
FIRST = 20
OPENING = 180
# Both the sample server and Weir send a comment after 15 s of silence.
HOLDING = 45


class Client:
    """The client program of idle.py, with streams open."""

    def __init__(self, front, request, count, core):
        certificate = front.certificate if front.leg == "tls" else ""
        command = [places.PYTHON, CLIENT, places.HOST, front.port, certificate, request, count]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = processes.start(core, command, **pipes)
        self.count = count

    def __enter__(self):
        return self

    def hear(self, what, patience):
        """The number that it says for `what`."""
        ready, _, _ = select.select([self.process.stdout], [], [], patience)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            raise processes.Failure(f"the client of idle streams said nothing of {what} within {patience} s")
        said = json.loads(line)
        if "failed" in said:
            raise Broken(said["failed"])
        return said[what]

    def hold(self, seconds):
        self.process.stdin.write(f"hold {seconds}\n")
        self.process.stdin.flush()
        return self.hear("kept", seconds + 10)

    def __exit__(self, *_):
        try:
            self.process.stdin.close()
            self.process.wait(20)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait(10)
        self.process.stdout.close()


class Broken(Exception):
    """A stream could not be opened, or ended: there is no figure."""


def most(files, asked):
    """As many streams as the limit of open files carries: two in the front for each."""
    return max(1, min(asked, (files - 600) // 2))


def measure(front, request, count, core, with_keepalives, settling=None):
    """KiB of resident memory a stream, open and with keep-alives; and what is held once all have gone and settled."""
    with Client(front, request, min(FIRST, count), core) as client:
        client.hear("open", OPENING)
    before, _ = processes.resident(front.pids())
    with Client(front, request, count, core) as client:
        client.hear("open", OPENING)
        opened, _ = processes.resident(front.pids())
        found = {"streams": count, "before_kib": before, "open_kib": opened, "kib_open": (opened - before) / count}
        if with_keepalives:
            found["kept"] = client.hold(HOLDING)
            held, _ = processes.resident(front.pids())
            found |= {"held_kib": held, "kib_held": (held - before) / count}
            if found["kept"] < count:
                raise Broken(f"{count - found['kept']} of {count} streams had no keep-alive within {HOLDING} s")
    if settling is not None:
        time.sleep(settling)
        found["after_kib"], _ = processes.resident(front.pids())
    return found
