"""Programs that are started here: pinned to a core, bounded, read from /proc, and ended by their pid."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """What went wrong, in a sentence for whoever runs the comparison."""


def pinned(core, command):
    """The command line that runs `command` on one core or a list of them, and ends with us even where we are killed."""
    return ["setpriv", "--pdeathsig", "TERM", "taskset", "--cpu-list", str(core), *map(str, command)]


class Signals:
    """SIGINT, SIGTERM and SIGHUP end the run in order; where something must not be cut in two they wait."""

    def __init__(self):
        self.holding, self.pending = 0, False

    def take(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._arrived)

    def _arrived(self, *_):
        if self.holding:
            self.pending = True
        else:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def held(self):
        self.holding += 1
        try:
            yield
        finally:
            self.holding -= 1
        if self.pending and not self.holding:
            self.pending = False
            raise KeyboardInterrupt


SIGNALS = Signals()
# Everything that was ever started here.
STARTED = []


def start(core, command, environment=None, **pipes):
    """Starts a program that is known from its first moment on, so that it is ended whatever happens."""
    with SIGNALS.held():
        process = subprocess.Popen(
            pinned(core, command),
            # A session of its own: Ctrl-C is for us, who then end it in order.
            start_new_session=True,
            env=surroundings(environment),
            **{"stdin": subprocess.DEVNULL, **pipes},
        )
        STARTED.append(process)
    return process


def end_all():
    """Ends what still runs, and waits for it."""
    left = [process for process in STARTED if process.poll() is None]
    for process in left:
        # Its group is its own, and has what a tool has forked.
        os.killpg(process.pid, signal.SIGTERM)
    for process in left:
        end(process)


def end(process, patience=10):
    """Ends it, and waits; a second signal is the last."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(patience)


def surroundings(more):
    """Our environment, without what would make this Weir another one than those that others measure."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
    return {**ours, **(more or {})}


class Program:
    """A program that runs until `end`; what it writes is in a file."""

    def __init__(self, name, core, command, log, environment=None):
        self.name = name
        self.log = Path(log)
        with open(self.log, "ab") as out:
            self.process = start(core, command, environment, stdout=out, stderr=out)
        self.pid = self.process.pid

    def alive(self):
        return self.process.poll() is None

    def tail(self):
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def forget_log(self):
        """Access logs grow by gigabytes; what was written so far is dropped."""
        os.truncate(self.log, 0)

    def end(self):
        end(self.process)


def run(core, command, timeout, environment=None, name=None):
    """Runs a tool to its end on one core: what it printed, and the seconds of CPU that it took."""
    process = start(core, command, environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    name = name or command[0]
    before = children_cpu()
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failure(f"{name} did not end within {timeout:.0f} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    text = output.decode(errors="replace")
    if process.returncode != 0:
        raise Failure(f"{name} ended with {process.returncode}: {text[-1000:]}")
    return text, children_cpu() - before


def children_cpu():
    times = os.times()
    return times.children_user + times.children_system


def cpu_seconds(pids):
    """User and system time of these processes with all their threads, to the nanosecond where the kernel keeps it."""
    return sum(_cpu_of(pid) for pid in pids)


def _cpu_of(pid):
    """Nothing for one that has ended."""
    try:
        total = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
        return total / 1e9
    except (FileNotFoundError, ProcessLookupError):
        # A kernel without these, or a thread that has just ended: then the coarser clock.
        return ticks(pid) / TICK


def data_cores(pids):
    """Seconds of CPU of each data core of Weir, by the name of its thread; nothing for programs without any."""
    found = {}
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            at = f"/proc/{pid}/task/{thread}"
            with open(f"{at}/comm") as name, open(f"{at}/schedstat") as used:
                name = name.read().strip()
                if name.startswith("weir-core-"):
                    found[name] = int(used.read().split()[0]) / 1e9
    return found


def ticks(pid):
    """The same in the clock ticks of /proc/PID/stat, ended threads included."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            # The name in brackets may hold blanks; what follows is counted from behind it.
            fields = file.read().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[11]) + int(fields[12])


def family(pid):
    """The process and everything that it has started and that still runs."""
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{thread}/children") as file:
                    found.extend(int(child) for child in file.read().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def resident(pids):
    """Resident memory in KiB, and the most that there ever was."""
    now = most = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as file:
            lines = dict(line.split(":", 1) for line in file if line.startswith(("VmRSS", "VmHWM")))
        now += int(lines["VmRSS"].split()[0])
        most += int(lines["VmHWM"].split()[0])
    return now, most


def until(what, found, program=None, patience=30.0):
    """Waits until `found()` says something; fails where the program has ended before, or time has run out."""
    end = time.monotonic() + patience
    while True:
        value = found()
        if value:
            return value
        if program and not program.alive():
            raise Failure(f"{program.name} ended before {what}:\n{program.tail()}")
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {patience:.0f} s" + (f"\n{program.tail()}" if program else ""))
        time.sleep(0.02)
