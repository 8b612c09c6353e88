"""One round of one front: what it cost, what it did, and what disturbed it."""

import os
from dataclasses import dataclass, field
from http.client import HTTPException

from . import drivers, growth, machine, probe, processes, streams

# Cores' worth of other programs, and of other machines, that a round may bear.
FOREIGN = 0.10
STOLEN = 0.02


@dataclass
class Round:
    """One front, driven once."""

    front: str
    # Microseconds of CPU a request; for idle streams KiB of memory a stream; for growth percent of memory.
    cost: float | None = None
    rate: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    memory_kib: int | None = None
    most_memory_kib: int | None = None
    requests: int = 0
    seconds: float = 0.0
    server_us: float | None = None
    tool_us: float | None = None
    # How busy the front's core and the busiest of those that drive it were, 0 to 1.
    front_busy: float = 0.0
    load_busy: float = 0.0
    foreign: float = 0.0
    stolen: float = 0.0
    short: bool = False
    failed: str = ""
    extra: dict = field(default_factory=dict)

    def disturbed(self):
        return self.foreign > FOREIGN or self.stolen > STOLEN


def ready(scenario, front, lab, run):
    """What is sent to a front, warmed up; a round that has failed where it gives another answer than the server."""
    try:
        sent, answer = probe.verify(scenario, lab.server, front, run.place)
        prepared = drivers.prepare(scenario, front, sent, answer, run.place)
        if run.warm_up:
            drivers.drive(scenario, front, prepared, run.warm_up, run.cores, run.place)
        return prepared
    except (OSError, HTTPException) as error:
        return Round(front.name, failed=f"{type(error).__name__} at the first request: {error}")
    except processes.Failure as failure:
        return Round(front.name, failed=str(failure))


def driven(scenario, front, prepared, lab, run):
    took = Round(front.name)
    mine, server = front.pids(), lab.serving(front)
    with Watch(lab, took, run.cores):
        before, served = processes.cpu_seconds(mine), processes.cpu_seconds(server)
        each = processes.data_cores(mine) if scenario.everywhere else {}
        try:
            load = drivers.drive(scenario, front, prepared, run.seconds, run.cores, run.place)
        except processes.Failure as failure:
            took.failed = str(failure)
            return took
        cost, served = processes.cpu_seconds(mine) - before, processes.cpu_seconds(server) - served
        if len(each) > 1:
            used = processes.data_cores(mine)
            took.extra["core_seconds"] = [used[core] - each[core] for core in sorted(each)]
    if not front.program.alive():
        took.failed = f"{front.name} has ended: {front.program.tail()}"
        return took
    front.program.forget_log()
    took.memory_kib, took.most_memory_kib = processes.resident(mine)
    took.requests, took.seconds, took.failed, took.short = load.requests, load.seconds, load.failed, load.short
    if not load.failed:
        each = 1e6 / load.requests
        took.cost, took.tool_us = cost * each, load.tool_cpu * each
        # Without a proxy it is the server that is measured.
        took.server_us = served * each if front.name != "direct" else None
        took.rate = load.requests / load.seconds
        took.p50_us, took.p99_us = load.p50_us, load.p99_us
    return took


def idle(scenario, name, lab, run):
    """What streams take on which nothing happens."""

    def measure(front, took):
        probe.verify_stream(scenario, lab.server, front)
        request = run.place.file("listen", scenario.message.raw(front.host))
        count = streams.most(run.files, min(scenario.connections, run.streams))
        # Of two builds it is asked what they give back: it takes its time.
        settling = run.settling if run.other else None
        with Watch(lab, took, run.cores):
            took.extra = streams.measure(front, request, count, run.cores.load, run.keepalives, settling)
        took.requests = count
        took.cost = took.extra.get("kib_held", took.extra["kib_open"])
        took.memory_kib = took.extra.get("held_kib", took.extra["open_kib"])

    return fresh(name, lab, measure)


def grown(scenario, name, lab, run):
    """What a front holds after many requests, beside what it held after few."""

    def measure(front, took):
        with Watch(lab, took, run.cores):
            took.extra = growth.measure(front, run)
        took.requests, took.cost, took.memory_kib = (took.extra[what] for what in ("requests", "growth", "last_kib"))

    return fresh(name, lab, measure)


def fresh(name, lab, measure):
    """A round of a front that is started for it: what an earlier one left behind would hide what this one takes."""
    took = Round(name)
    try:
        front = lab.start(name)
    except processes.Failure as failure:
        took.failed = str(failure)
        return took
    try:
        measure(front, took)
    except (streams.Broken, growth.Broken, processes.Failure, OSError, HTTPException) as failure:
        took.failed = f"{type(failure).__name__}: {failure}; {front.name} says: {front.program.tail()}"
    finally:
        lab.stop(name)
    return took


class Watch:
    """Looks at the whole machine before and after: what was busy that is not ours."""

    def __init__(self, lab, took, cores):
        self.lab, self.took, self.cores = lab, took, cores

    def __enter__(self):
        self.pids = [*self.lab.all_pids(), os.getpid(), *machine.network_threads()]
        self.look, self.own, self.children = machine.Look(), processes.cpu_seconds(self.pids), processes.children_cpu()
        return self

    def __exit__(self, *_):
        own = processes.cpu_seconds(self.pids) - self.own + processes.children_cpu() - self.children
        seen = machine.between(self.look, machine.Look(), own)
        self.took.foreign, self.took.stolen = seen["foreign"], seen["stolen"]
        self.took.front_busy = seen["busy"][self.cores.proxy]
        self.took.load_busy = max(seen["busy"][core] for core in self.cores.loading())
