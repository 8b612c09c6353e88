"""The command: options, what is needed, every scenario in turn, the table."""

import argparse
import datetime
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from . import fronts, lab, machine, packages, places, processes, report, rounds, scenarios

TOP = Path(__file__).resolve().parents[2]
ALWAYS = ("wrk", "h2load", "nghttp", "openssl", "taskset", "setpriv")


@dataclass
class Run:
    """What all scenarios share."""

    weir: Path
    other: Path | None
    cores: places.Cores
    ports: places.Ports
    place: places.Place
    files: int
    rounds: int
    seconds: float
    warm_up: float
    repeats: int
    streams: int
    keepalives: bool
    # Requests after which memory is looked at, for growth, and the seconds that what is given back may take.
    marks: tuple
    settling: float
    certificate: Path | None = None
    key: Path | None = None

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def options(arguments):
    parser = argparse.ArgumentParser(
        prog="loadtest/compare",
        description="Weir beside nginx and HAProxy, in turns, one core each; prints one table and writes it down.",
    )
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="what to measure; all of them unless named")
    parser.add_argument("--list", action="store_true", help="print the scenarios and the proxies, and end")
    parser.add_argument("--proxies", default=",".join(fronts.USUAL), metavar="A,B", help="which (default: %(default)s)")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each that count (default: 7)")
    parser.add_argument("--seconds", type=int, metavar="S", help="length of a round (default: 5)")
    parser.add_argument("--streams", type=int, metavar="N", help="idle streams at most (default: 10000)")
    quick = "one round of a second, 100 streams, a twentieth of growth: to see that it works"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--weir", metavar="FILE", help="a binary to measure, instead of building one")
    parser.add_argument("--other", metavar="FILE", help="another binary of Weir, in turns with it as weir-other")
    where = "where RESULTS.md and results.json go (default: loadtest, with --quick target/loadtest)"
    parser.add_argument("--out", metavar="DIR", help=where)
    parser.add_argument("--proxy-core", type=int, metavar="N", help="the proxy's core, which nothing else runs on")
    parser.add_argument("--load-core", type=int, metavar="N", help="the core of wrk and the other tools")
    parser.add_argument("--server-core", type=int, metavar="N", help="the sample server's core")
    parser.add_argument("--no-install", action="store_true", help="name packages that are missing, and install none")
    return parser, parser.parse_args(arguments)


def main(arguments):
    parser, given = options(arguments)
    if given.list:
        print(listing())
        return 0
    try:
        chosen, names = scenarios.named(given.scenarios), proxies(given.proxies, given.other)
    except ValueError as error:
        parser.error(str(error))
    processes.SIGNALS.take()
    try:
        return compare(given, chosen, names)
    except processes.Failure as failure:
        print(f"compare: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("compare: interrupted; everything that was started has ended", file=sys.stderr)
        return 130


def proxies(text, other):
    names = [name for name in text.split(",") if name]
    if other and "weir-other" not in names:
        names.append("weir-other")
    unknown = [name for name in names if name not in fronts.FRONTS]
    if unknown or not names:
        raise ValueError(f"no such proxy: {', '.join(unknown) or 'none is named'}; --list names them")
    return names


def listing():
    lines = ["scenarios:"]
    lines += [f"  {scenario.name:12} {scenario.says}" for scenario in scenarios.SCENARIOS]
    lines += ["proxies:"] + [f"  {name:12} {kind.says}" for name, kind in fronts.FRONTS.items()]
    return "\n".join(lines)


def compare(given, chosen, names):
    needed = [program for name in names for program in fronts.FRONTS[name].needs]
    packages.require([*ALWAYS, *needed], not given.no_install)
    weir = lab.check(given.weir) if given.weir else build()
    place = None
    try:
        with processes.SIGNALS.held():
            place = places.Place()
        run = prepared(given, weir, place)
        about, all_measured = facts(given, run), []
        try:
            for scenario in chosen:
                able = [name for name in names if name in scenario.fronts]
                if able:
                    all_measured.append(rounds.measure(scenario, able, run))
                else:
                    run.say(f"{scenario.name}: none of {', '.join(names)} can do it")
        finally:
            # What was measured until then is worth reading, even where the run ends early.
            rows = [row for measured in all_measured for row in report.rows_of(measured)]
            if rows:
                print(report.table(rows))
        file = report.write(out(given), about, all_measured, rows)
        print(f"\nwritten to {file} and {file.with_name('results.json')}")
        return 1 if any("failed" in row for row in rows) else 0
    finally:
        with processes.SIGNALS.held():
            processes.end_all()
            if place:
                place.remove()


def prepared(given, weir, place):
    quick = given.quick
    run = Run(
        weir=weir,
        other=lab.check(given.other) if given.other else None,
        cores=places.Cores(given.proxy_core, given.load_core, given.server_core),
        ports=places.Ports(),
        place=place,
        files=places.open_files(),
        rounds=given.rounds or (1 if quick else 7),
        seconds=given.seconds or (1 if quick else 5),
        warm_up=0 if quick else 2,
        repeats=0 if quick else (given.rounds or 7),
        streams=given.streams or (100 if quick else 10_000),
        keepalives=not quick,
        marks=(5_000, 50_000) if quick else (100_000, 1_000_000),
        settling=1 if quick else 12,
    )
    run.certificate, run.key = fronts.certificate(place)
    # What this process does is the load's, too.
    os.sched_setaffinity(0, {run.cores.load})
    return run


def out(given):
    return Path(given.out) if given.out else TOP / ("target/loadtest" if given.quick else "loadtest")


def build():
    print("compare: cargo build --locked --release --bin weir", flush=True)
    command = ["cargo", "build", "--locked", "--release", "--bin", "weir"]
    if subprocess.run(command, cwd=TOP, stdin=subprocess.DEVNULL).returncode != 0:
        raise processes.Failure("Weir does not build; --weir names a binary that is there")
    metadata = Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target"))
    return lab.check(metadata / "release/weir")


def facts(given, run):
    """What a figure is worth nothing without."""
    versions = {
        "weir": packages.version(str(run.weir), "--version") + ("" if given.weir else commit()),
        **({"weir-other": "other: " + packages.version(given.other, "--version")} if given.other else {}),
        "nginx": packages.version("nginx", "-v"),
        "haproxy": packages.version("haproxy", "-v"),
        "wrk": packages.version("wrk", "-v").split(" Copyright")[0],
        "h2load": packages.version("h2load", "--version"),
        "python": "Python " + sys.version.split()[0],
    }
    return {
        "date": datetime.date.today().isoformat(),
        "command": " ".join(["loadtest/compare", *sys.argv[1:]]),
        "machine": machine.description(run.cores),
        "versions": versions,
        "rounds": run.rounds,
        "seconds": run.seconds,
        "open_files": run.files,
    }


def commit():
    """Which one was built here; another one may be of any."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=TOP, capture_output=True, text=True)
    return f" ({done.stdout.strip()})" if done.returncode == 0 and done.stdout.strip() else ""
