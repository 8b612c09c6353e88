"""What drives a front for some seconds, by the public tool that suits the scenario, and what it counted.

wrk         HTTP/1.1, as fast as it goes: a Debian package, and the cheapest client there is
h2load      HTTP/2, and a fixed rate: a Debian package of the nghttp2 project, in C, paced for each connection; one that
            is held up sends later, so its log is corrected for what it did not send meanwhile
handshakes  a small client of our own: wrk and h2load resume TLS sessions when they connect again
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from . import figures, packages, places, processes

HERE = Path(__file__).resolve().parent
# What a tool may take beside its duration, to start, connect and end.
SLACK = 30


@dataclass
class Load:
    """What a tool did to a front."""

    requests: int
    seconds: float
    # Why there is no figure; empty where all went well.
    failed: str = ""
    p50_us: float = 0.0
    p99_us: float = 0.0
    tool_cpu: float = 0.0
    # A rate that was asked for and not reached.
    short: bool = False
    extra: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """What is sent to one front, as files, and what comes back."""

    files: tuple
    body: Path
    headers: tuple
    path: str
    answer: object


def prepare(scenario, front, sent, answer, place):
    at = place.fresh(f"{scenario.name}-{front.name}")
    files = []
    for number, message in enumerate(sent):
        file = at / f"request-{number}"
        file.write_bytes(message.raw(front.host, scenario.close))
        files.append(file)
    body = at / "body"
    body.write_bytes(sent[0].body)
    return Prepared(tuple(files), body, sent[0].fields(), sent[0].path, answer)


def drive(scenario, front, prepared, seconds, cores, place):
    driver = {"wrk": wrk, "h2load": h2load, "handshakes": handshakes}[scenario.driver]
    load = driver(scenario, front, prepared, seconds, cores, place)
    if not load.failed and load.requests == 0:
        load.failed = "no request was answered"
    return load


def wrk(scenario, front, prepared, seconds, cores, _place):
    script = HERE.parent / "request.lua"
    command = ["wrk", "-t1", f"-c{scenario.connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
    command += ["-s", script, front.url(prepared.path)]
    environment = {"REQUESTS": ":".join(str(file) for file in prepared.files)}
    text, cpu = processes.run(cores.load, command, seconds + SLACK, environment)
    return read_wrk(text, cpu, scenario.connections, prepared.answer, front.kind.spread)


def read_wrk(text, cpu, connections, answer, spread=0):
    found = re.search(r"^RESULT (\{.*\})$", text, re.M)
    if not found:
        raise processes.Failure(f"wrk said nothing: {text[-1000:]}")
    said = json.loads(found[1])
    load = Load(said["requests"], said["microseconds"] / 1e6, "", said["p50"], said["p99"], cpu)
    if said["refused"] or said["broken"]:
        load.failed = f"{said['refused']} answers were not 200, {said['broken']} broke off, of {load.requests}"
    else:
        give = spread + framing(answer, answer.length)
        load.failed = unlike(said["bytes"], load.requests, connections, answer.length, give)
    return load


def unlike(read, requests, open_at_end, length, give):
    """Whether the answers were as long as the one that was looked at, give or take so many bytes each: a refusal can have
    the status 200. Those that were under way at the end have been read in part.
    """
    slack = requests * give
    if requests * length - slack <= read <= (requests + open_at_end) * (length + give) + slack:
        return ""
    return f"the answers have {read} bytes, not {requests} times {length}: some were other ones"


def framing(answer, length):
    """An event stream may be framed in several ways."""
    return length / 100 if is_stream(answer) else 0


def is_stream(answer):
    return answer.headers.get("content-type", "").startswith("text/event-stream")


def h2load(scenario, front, prepared, seconds, cores, place):
    log = place.fresh("h2load") / "log"
    command = ["h2load", "-t1", "-c", scenario.connections, "-m", scenario.streams, "-D", seconds, "-d", prepared.body]
    command += ["--log-file", log]
    if scenario.leg == "plain":
        command.append("--h1")
    if scenario.rate:
        command += ["--rps", f"{scenario.rate / scenario.connections:g}"]
    for name, value in prepared.headers:
        command += ["-H", f"{name.lower()}: {value}"]
    text, cpu = processes.run(cores.load, [*command, front.url(prepared.path)], seconds + SLACK)
    latencies = read_log(log)
    log.unlink()
    load = read_h2load(text, cpu, scenario, prepared.answer, seconds)
    if scenario.rate:
        latencies = figures.uncoordinated(latencies, 1e6 * scenario.connections / scenario.rate)
    if latencies:
        load.p50_us, load.p99_us = (figures.percentile(latencies, share) for share in (0.5, 0.99))
    return load


def read_h2load(text, cpu, scenario, answer, seconds):
    counts = re.search(r"^requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded", text, re.M)
    good = re.search(r"^status codes: (\d+) 2xx", text, re.M)
    data = re.search(r"headers \(space savings [^)]*\), \S+ \((\d+)\) data", text)
    if not (counts and good and data):
        raise processes.Failure(f"h2load said nothing: {text[-1000:]}")
    total, done, succeeded = map(int, counts.groups())
    load = Load(done, seconds, tool_cpu=cpu)
    if not total == done == succeeded == int(good[1]):
        load.failed = f"of {total} requests {done} were done, {succeeded} went well, {good[1]} had a status 2xx"
    else:
        at_once = scenario.connections * scenario.streams
        length = len(answer.body)
        load.failed = unlike(int(data[1]), done, at_once, length, framing(answer, length))
    load.short = bool(scenario.rate) and done < 0.99 * scenario.rate * seconds
    return load


def read_log(log):
    """Microseconds of each answer: the third column."""
    with open(log) as file:
        return sorted(int(line.rsplit("\t", 1)[1]) for line in file)


def handshakes(scenario, front, prepared, seconds, cores, place):
    expected = place.fresh("handshakes") / "expected"
    expected.write_bytes(prepared.answer.body)
    command = [places.PYTHON, HERE / "handshakes.py", places.HOST, front.port, front.certificate]
    command += [prepared.files[0], expected, scenario.connections, seconds]
    text, cpu = processes.run(cores.load, command, seconds + SLACK, name="handshakes.py")
    said = json.loads(text.strip().splitlines()[-1])
    latencies = sorted(said["microseconds"])
    load = Load(len(latencies), said["seconds"], said["failed"], tool_cpu=cpu)
    if latencies:
        load.p50_us, load.p99_us = (figures.percentile(latencies, share) for share in (0.5, 0.99))
    return load
