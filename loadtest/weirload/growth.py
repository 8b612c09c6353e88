"""Memory over many requests: what a front holds after some, and after ten times as many, of all kinds that there are.

Kept connections carry calls, lists, event streams and requests that a gateway refuses, in turn; then as many are sent
with a new connection each. What grows with the number of requests shows, what is made once does not.
"""

import json
import re
import time

from . import drivers, messages, probe, processes

KINDS = (messages.CALL, messages.LIST, messages.STREAM, messages.REFUSED)
CONNECTIONS = 32
# Seconds of kept connections, then of new ones.
LAP = (1, 1)


class Broken(Exception):
    """Requests failed that should not: there is no figure."""


def measure(front, run):
    """Resident memory at both marks, and by how many percent it has grown between them."""
    files = {close: prepared(front, run, close) for close in (False, True)}
    refused = sum(probe.ask(front.host, kind).status != 200 for kind in KINDS)
    done, held = 0, []
    for mark in run.marks:
        while done < mark:
            for close, seconds in zip((False, True), LAP):
                done += lap(front, files[close], seconds, refused, run)
            front.program.forget_log()
        # An allocator gives back what a burst took within seconds; that is no growth.
        time.sleep(run.settling)
        held.append(processes.resident(front.pids())[0])
        run.say(f"growth: {front.name} holds {held[-1]} KiB after {done} requests")
    first, last = held
    return {"requests": done, "first_kib": first, "last_kib": last, "growth": (last / first - 1) * 100}


def prepared(front, run, close):
    """The requests as files; whoever closes asks for a call alone."""
    at = run.place.fresh(f"growth-{front.name}")
    kinds = KINDS[:1] if close else KINDS
    for number, kind in enumerate(kinds):
        (at / f"request-{number}").write_bytes(kind.raw(front.host, close))
    return [at / f"request-{number}" for number in range(len(kinds))]


def lap(front, files, seconds, refused, run):
    """Some seconds of it: how many were answered."""
    script = drivers.HERE.parent / "request.lua"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", script, front.url("/mcp")]
    environment = {"REQUESTS": ":".join(str(file) for file in files)}
    text, _ = processes.run(run.cores.load, command, seconds + drivers.SLACK, environment)
    found = re.search(r"^RESULT (\{.*\})$", text, re.M)
    if not found:
        raise processes.Failure(f"wrk said nothing: {text[-1000:]}")
    said = json.loads(found[1])
    if trouble := wrong(said, refused / len(KINDS) if len(files) > 1 else 0):
        raise Broken(f"{front.name}: {trouble}")
    return said["requests"]


def wrong(said, refused):
    """What went wrong in a lap of which that share is to be refused; empty where nothing did."""
    if said["broken"]:
        return f"{said['broken']} of {said['requests']} requests broke off"
    if not said["requests"]:
        return "no request was answered"
    # Of each connection the turn may be cut short at both ends.
    if abs(said["refused"] - refused * said["requests"]) > 2 * CONNECTIONS:
        return f"{said['refused']} of {said['requests']} were refused, not {refused:.0%}"
    return ""
