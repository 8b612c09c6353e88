"""server.py mcp | fastmcp [sse]: an MCP server on a free port of loopback, with the tools of the matrix's scenario.

Of whichever generation this environment has; the present ones serve both eras on one endpoint. Prints one ready line
with its URL. With `sse` (of `mcp`) it offers the pair of 2024-11-05 alone. Names and answers are those of tests/node/ref-server.mjs.
"""

import importlib
import socket
import sys

import uvicorn


sse = "sse" in sys.argv[2:]


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        print(f"{sys.argv[1]} http://127.0.0.1:{sockets[0].getsockname()[1]}/{'sse' if sse else 'mcp'}", flush=True)


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
module = importlib.import_module(f"server_{sys.argv[1]}")
app = module.server.sse_app() if sse else module.app
Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listener])
