"""What this machine is, and what its cores did between two looks."""

import os
import platform
import time

from .processes import TICK


def description(cores):
    """Facts that figures are worth nothing without."""
    with open("/proc/cpuinfo") as file:
        models = {line.split(":", 1)[1].strip() for line in file if line.startswith("model name")}
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1])
    return {
        "kernel": platform.release(),
        "cpu": ", ".join(sorted(models)) or platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": memory // 1024,
        "proxy_core": cores.proxy,
        "load_core": cores.load,
        "server_core": cores.server,
    }


def network_threads():
    """The kernel's own that carry loopback where a core is full: what they take is for our traffic."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as file:
                if file.read().startswith("ksoftirqd/"):
                    found.append(int(pid))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


class Look:
    """The clocks of all cores at one moment, in seconds."""

    def __init__(self):
        self.at = time.monotonic()
        self.busy, self.stolen = {}, 0.0
        with open("/proc/stat") as file:
            for line in file:
                name, *fields = line.split()
                if name.startswith("cpu") and name != "cpu":
                    user, nice, system, _, _, irq, softirq, steal = (int(field) / TICK for field in fields[:8])
                    self.busy[int(name[3:])] = user + nice + system + irq + softirq
                    self.stolen += steal


def between(before, after, own):
    """How busy each core was (0 to 1), and how many cores' worth went to others: other programs, other machines."""
    elapsed = after.at - before.at
    busy = {core: (after.busy[core] - before.busy[core]) for core in after.busy}
    return {
        "seconds": elapsed,
        "busy": {core: value / elapsed for core, value in busy.items()},
        "foreign": max(0.0, sum(busy.values()) - own) / elapsed,
        "stolen": (after.stolen - before.stolen) / elapsed,
    }
