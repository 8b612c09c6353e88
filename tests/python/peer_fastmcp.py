"""FastMCP's client; its generations differ in the SDK below them, and in the eras they speak."""

from contextlib import asynccontextmanager
from importlib.metadata import version

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

from wire import ROOT, SAID, altered, parameters, plain

GENERATION = int(version("fastmcp").split(".")[0])


async def sampled(_messages, _params, _context):
    return SAID


def transport(url, factory):
    if isinstance(url, str):
        return StreamableHttpTransport(url, httpx_client_factory=factory)
    server, errors = parameters(url)
    # Kept alive, the server would outlive its run.
    return StdioTransport(server.command, server.args, server.env, server.cwd, keep_alive=False, log_file=errors)


@asynccontextmanager
async def connect(url, mode, elicited):
    async def answer(_message, _response_type, _params, _context):
        return elicited

    def factory(headers=None, timeout=None, auth=None, **_):
        return altered(headers=headers, timeout=timeout, auth=auth)

    eras = {} if GENERATION < 4 else {"mode": mode, "cache": None}
    asked = {"elicitation_handler": answer, "sampling_handler": sampled, "roots": [ROOT]}
    async with Client(transport(url, factory), **asked, **eras) as client:
        yield Peer(client)


class Peer:
    def __init__(self, client) -> None:
        self.client = client

    async def server(self):
        if GENERATION < 4:
            return plain(self.client.initialize_result)
        client = self.client
        welcome = {"protocolVersion": client.protocol_version, "capabilities": plain(client.server_capabilities)}
        if client.server_info is not None:
            welcome["serverInfo"] = plain(client.server_info)
        return welcome

    async def tools(self):
        return plain(await self.client.list_tools_mcp())

    async def call(self, name, arguments, on_progress=None):
        return plain(await self.client.call_tool_mcp(name, arguments, progress_handler=on_progress))

    async def progress_of(self, token):
        await self.client.progress(token, 1)

    async def read(self, uri):
        return plain(await self.client.read_resource_mcp(uri))

    async def prompt(self, name, arguments):
        return plain(await self.client.get_prompt_mcp(name, arguments))
