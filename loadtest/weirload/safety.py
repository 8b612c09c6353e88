"""The price of safety: instructions of each check of a call, counted by callgrind beside those of a whole call.

No option of Weir turns a check off; so each is counted alone, in benches/safety.rs, and what would be done in its place
without it is taken off. Instructions do not depend on what else the machine does: this may run at any time.

    loadtest/safety            builds with the release profile, counts (a minute under valgrind), prints the table
    loadtest/safety --write    and puts it into RESULTS.md
    loadtest/safety --quick    with the tests' profile, to see that it works: its figures are several times too high
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from .processes import Failure
from .report import OLDER

TOP = Path(__file__).resolve().parents[2]
BEGINS = "<!-- The price of safety: written by loadtest/safety. -->"
ENDS = "<!-- The end of the price of safety. -->"
PATIENCE = 900


def built(quick):
    """The program that is counted."""
    profile = ["test"] if quick else ["bench"]
    command = ["cargo", *profile, "--locked", "--bench", "safety", "--no-run", "--message-format=json"]
    print(f"safety: {' '.join(command)}", file=sys.stderr)
    done = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    if done.returncode != 0:
        raise Failure("the bench does not build")
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = [line.get("executable") for line in said if line.get("target", {}).get("name") == "safety"]
    if not any(found):
        raise Failure("cargo names no program for the bench")
    return next(filter(None, found))


def counted(program, directory):
    """What the program says that it has done, in order, and the instructions of each time."""
    out = Path(directory) / "counts"
    command = ["valgrind", "--tool=callgrind", "--quiet", "--dump-line=no", f"--callgrind-out-file={out}"]
    for option in ("toggle-collect", "zero-before", "dump-after"):
        command.append(f"--{option}=safety::meter::counted")
    command += ["--toggle-collect=safety::meter::left_out", program]
    environment = {**os.environ, "WEIR_COUNT": "1"}
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
        )
    except FileNotFoundError:
        raise Failure("valgrind is needed (Debian: apt-get install valgrind libc6-dbg)") from None
    except subprocess.TimeoutExpired:
        raise Failure(f"it did not end within {PATIENCE} s") from None
    if done.returncode != 0:
        raise Failure(f"it ended with {done.returncode}: {done.stderr[-2000:]}")

    def total(number):
        text = (out.parent / f"{out.name}.{number}").read_text()
        return int(re.search(r"^totals: (\d+)", text, re.M)[1])

    return read(done.stdout, total)


def read(said, total):
    """Rows of (what, instructions, name, what it buys), from the lines of the program and the dumps' totals."""
    lines = [line.split("\t") for line in said.splitlines() if line.count("\t") == 3]
    times = next((int(value) for what, value, _, _ in lines if what == "times"), 0)
    rows = []
    for number, (what, calls, name, buys) in enumerate(line for line in lines if line[0] != "times"):
        totals = sorted(total(number * times + time + 1) for time in range(times))
        rows.append((what, totals[times // 2] // int(calls), name, buys))
    if not rows:
        raise Failure(f"the program says nothing of what it has counted: {said[-1000:]}")
    return rows


def prices(rows):
    """(name, instructions, share of a whole call with its access line, what it buys), the dearest first."""
    by = {(what, name): (count, buys) for what, count, name, buys in rows}
    plain, whole, ruled = (by[(what, "a whole call")][0] for what in ("whole", "logged", "ruled"))
    found = [
        ("the access line", whole - plain, "who called what, when, and how it ended can be read afterwards"),
        ("twenty rules and three limits", ruled - plain, "what the operator wants refused is, and how often is bounded"),
    ]
    for (what, name), (count, buys) in by.items():
        if what == "with":
            found.append((name, count - by.get(("without", name), (0, ""))[0], buys))
    found.sort(key=lambda price: -price[1])
    return whole, [(name, count, count / whole, buys) for name, count, buys in found]


def table(whole, found):
    lines = ["| check | instructions | share of a call | what it buys |", "| --- | ---: | ---: | --- |"]
    lines += [f"| {name} | {count:,} | {share:.1%} | {buys} |" for name, count, share, buys in found]
    lines.append(f"| a whole call, with its access line | {whole:,} | 100 % | |")
    return "\n".join(lines)


def said(command):
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    return done.stdout.strip()


def section(text, quick):
    versions = f"{said(['rustc', '-V'])}, {said(['valgrind', '--version'])}"
    commit = said(["git", "describe", "--always", "--dirty"])
    profile = "the tests' profile" if quick else "the release profile"
    lines = [
        BEGINS,
        "",
        "## The price of safety",
        "",
        f"`loadtest/safety`, {datetime.date.today().isoformat()}, {commit}, {versions}, {profile}.",
        "Instructions of user space for a `tools/call` of 400 bytes; the kernel's part, over half of a call's time, is",
        "not in it. No option turns a check off: each was counted alone, less what would be done in its place.",
        "",
        text,
        "",
        ENDS,
    ]
    return "\n".join(lines)


def put(page, new):
    """The page with the section in the place of the one before, or in front of the older runs."""
    before, found, rest = page.partition(BEGINS)
    if found:
        return before + new + rest.partition(ENDS)[2]
    before, found, rest = page.partition(OLDER)
    return f"{before}{found}\n\n{new}{rest}" if found else f"{page}\n{new}\n"


def main():
    parser = argparse.ArgumentParser(prog="loadtest/safety", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="with the tests' profile, to see that it works")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="weir-safety-") as directory:
            rows = counted(built(given.quick), directory)
        text = table(*prices(rows))
    except Failure as failure:
        print(f"safety: {failure}", file=sys.stderr)
        return 1
    print(text)
    if given.write:
        file = TOP / "loadtest/RESULTS.md"
        file.write_text(put(file.read_text(), section(text, given.quick)))
        print(f"\nwritten to {file}")
    return 0
