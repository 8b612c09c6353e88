"""The public programs that the comparison takes: installed from Debian's packages where we may, else named."""

import os
import shutil
import subprocess
from pathlib import Path

from .processes import Failure

# Program: package.
NEEDED = {
    "nginx": "nginx",
    "haproxy": "haproxy",
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "nghttp": "nghttp2-client",
    "openssl": "openssl",
    "taskset": "util-linux",
    "setpriv": "util-linux",
}
# What Debian starts by itself, on its usual port, once it is installed.
SERVICES = {"nginx", "haproxy"}
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def find(program):
    return shutil.which(program, path=PATH)


def missing(programs):
    return sorted(program for program in programs if not find(program))


def require(programs, may_install):
    """Sees to it that the programs are there.

    Where a service manager runs it would start the two services; then they are for whoever owns the machine to install.
    """
    lacking = missing(programs)
    if lacking and may_install and os.geteuid() == 0 and shutil.which("apt-get"):
        managed = Path("/run/systemd/system").is_dir()
        install(sorted({NEEDED[name] for name in lacking if not (managed and name in SERVICES)}))
        lacking = missing(programs)
    if lacking:
        packages = " ".join(sorted({NEEDED[name] for name in lacking}))
        raise Failure(f"missing: {', '.join(lacking)}. Debian has them: apt-get install {packages}")


def install(packages):
    if not packages:
        return
    print(f"compare: apt-get install {' '.join(packages)}", flush=True)
    # In run level 1 no init script is started.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", *command], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=600
        )
        if done.returncode != 0:
            return


def version(program, *arguments):
    """The first line in which it says what it is."""
    found = find(program) or program
    try:
        done = subprocess.run([found, *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else "unknown"
