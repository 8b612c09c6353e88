"""client.py <RUNS: the official Python SDK or FastMCP, whichever generations this environment has, does what the matrix asks.

RUNS is JSON, a list of {"run", "client": "mcp" | "fastmcp", "mode": "legacy" | "auto" | "sse" | "2026-07-28", and "url", or
"command": {"words", "directory", "environment"}}. A run has "steps", a list of {"step", "do", and what that takes}; or
"refusals" and "control", and then goes through refusals. Prints one JSON line a step:
{"run", "step", "result" or "error", "ms"}. An error has "code" and "message"; one that is no error of JSON-RPC has the
exception's name instead of a code.
"""

import importlib
import json
import logging
import sys
import time
import urllib.request

import anyio

# Ends a step that hangs. No step passes by being fast.
PATIENCE = 60
SMALL = {"text": "grüße"}
ELICITED = {"username": "ada", "email": "ada@example.com", "response": "yes", "name": "Ada"}


async def main() -> None:
    logging.disable(logging.CRITICAL)
    for run in json.load(sys.stdin):
        peers = importlib.import_module(f"peer_{run['client']}")
        story = refusals if "refusals" in run else follow
        steps = Steps(run["run"])
        try:
            with anyio.fail_after(4 * PATIENCE):
                async with peers.connect(run.get("url") or run["command"], run["mode"], ELICITED) as peer:
                    await story(steps, peer, run)
        except BaseException as error:  # a transport that dies cancels whoever waits for it
            steps.tell("connect" if steps.none() else "end", {"error": described(error)})
        else:
            steps.tell("end", {"result": "ended"})


async def follow(steps, peer, run) -> None:
    await steps.take("connect", peer.server)
    for step in run["steps"]:
        await steps.take(step["step"], lambda: ACTS[step["do"]](peer, step))


async def with_progress(peer, step):
    seen = []

    async def on_progress(progress, total, message):
        seen.append([progress, total, message])

    return {"call": await peer.call(step["name"], step["arguments"], on_progress), "progress": seen}


# What a step can be.
ACTS = {
    "tools": lambda peer, _: peer.tools(),
    "call": lambda peer, step: peer.call(step["name"], step["arguments"]),
    "progress": with_progress,
    "read": lambda peer, step: peer.read(step["uri"]),
    "prompt": lambda peer, step: peer.prompt(step["name"], step["arguments"]),
}


async def refusals(steps, peer, run) -> None:
    """Every refusal is followed by a good call on the same session, and the first one comes after one."""
    await steps.take("before", lambda: peer.call("probe_echo", SMALL))
    for refusal in run["refusals"]:
        down = refusal in ("unavailable", "notification")
        if down:
            await control(run, "down")
        await steps.take(refusal, lambda: refused(peer, refusal))
        if down:
            await control(run, "up")
        await steps.take(f"after {refusal}", lambda: peer.call("probe_echo", SMALL))


async def refused(peer, refusal):
    if refusal == "notification":
        await peer.progress_of("nobody")
    text = "x" * 200_000 if refusal == "too large" else f"fault:{refusal}:"
    return await peer.call("probe_echo", {"text": text})


async def control(run, what) -> None:
    ask = lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{run['control']}/{what}").read()
    await anyio.to_thread.run_sync(ask)


class Steps:
    def __init__(self, run) -> None:
        self.run, self.told = run, 0

    def none(self) -> bool:
        return self.told == 0

    async def take(self, step, do) -> None:
        began = time.monotonic()
        try:
            with anyio.fail_after(PATIENCE):
                end = {"result": await do()}
        except Exception as error:
            end = {"error": described(error)}
        self.tell(step, end | {"ms": round((time.monotonic() - began) * 1000)})

    def tell(self, step, end) -> None:
        self.told += 1
        print(json.dumps({"run": self.run, "step": step} | end), flush=True)


def described(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    told = getattr(error, "error", None)
    if hasattr(told, "code"):
        return {"code": told.code, "message": told.message}
    return {"code": type(error).__name__, "message": str(error)}


anyio.run(main)
