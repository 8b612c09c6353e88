"""A small MCP server over stdio, without any SDK, that misbehaves where its caller asks for it.

Both eras: it takes whatever comes first. Tools, by name, with their arguments:

  echo    {nonce, ms}    answers with the nonce and the process's number, after so many milliseconds
  ask     {nonce}        asks its client (elicitation/create) with the nonce, and answers with what the client said
  tell    {nonce, count} so many log messages with the nonce, then the answer
  count   {nonce, count} so many progress notifications, then the answer
  junk    {line}         writes this line, then answers
  long    {bytes}        writes a line of so many bytes, then answers
  flood   {}             writes log messages for ever
  die     {status}       ends at once
  fork    {}             leaves a process that has forked twice, in a session of its own, ignores SIGTERM, and is named
  deaf    {}             reads nothing any more

`--slow-start MS` waits before it answers `initialize`; `--never-start` does not answer it at all; `--die-at-start` ends.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time

options = argparse.ArgumentParser()
options.add_argument("--slow-start", type=int, default=0)
options.add_argument("--never-start", action="store_true")
options.add_argument("--die-at-start", action="store_true")
options = options.parse_args()
if options.die_at_start:
    print("this server never works", file=sys.stderr)
    sys.exit(7)

writing, answers, next_id = threading.Lock(), {}, 0


def write(line):
    with writing:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def send(**message):
    write(json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")))


def log(data):
    send(method="notifications/message", params={"level": "info", "data": data})


def ask(nonce):
    global next_id
    with writing:
        next_id += 1
        mine = next_id
    answered = answers[mine] = [threading.Event(), None]
    send(id=mine, method="elicitation/create", params={"message": nonce, "requestedSchema": {"type": "object", "properties": {}}})
    answered[0].wait()
    return answered[1]


def fork():
    reads, writes = os.pipe()
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.write(writes, str(os.getpid()).encode())
            for descriptor in (0, 1, 2, reads, writes):
                os.close(descriptor)
            while True:
                signal.pause()
        os._exit(0)
    os.wait()
    return int(os.read(reads, 32))


def call(message):
    params = message.get("params", {})
    name, arguments = params.get("name"), params.get("arguments", {})
    nonce, token = arguments.get("nonce"), params.get("_meta", {}).get("progressToken")
    said = {"nonce": nonce, "pid": os.getpid()}
    if name == "echo":
        time.sleep(arguments.get("ms", 0) / 1000)
    elif name == "ask":
        said["answer"] = ask(nonce)
    elif name == "tell":
        for _ in range(arguments["count"]):
            log(nonce)
    elif name == "count":
        for step in range(arguments["count"]):
            send(method="notifications/progress", params={"progressToken": token, "progress": step + 1, "message": nonce})
    elif name == "junk":
        write(arguments["line"])
    elif name == "long":
        write("x" * arguments["bytes"])
    elif name == "flood":
        while True:
            log("x" * 1000)
    elif name == "die":
        os._exit(arguments.get("status", 1))
    elif name == "fork":
        said["left"] = fork()
    send(id=message["id"], result={"content": [{"type": "text", "text": json.dumps(said)}], "resultType": "complete"})


for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method is None:
        waiting = answers.pop(message["id"], None)
        if waiting:
            waiting[1] = message.get("result") or message.get("error")
            waiting[0].set()
    elif "id" not in message:
        continue
    elif method == "initialize":
        if options.never_start:
            continue
        time.sleep(options.slow_start / 1000)
        send(id=message["id"], result={
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": {"tools": {}, "logging": {}},
            "serverInfo": {"name": "over-stdio", "version": "1"},
        })
    elif method == "tools/call":
        if message["params"]["name"] == "deaf":
            time.sleep(3600)
        threading.Thread(target=call, args=(message,), daemon=True).start()
    elif method == "fail":
        send(id=message["id"], error={"code": -32601, "message": "no such method"})
    else:
        send(id=message["id"], result={"method": method, "resultType": "complete"})
