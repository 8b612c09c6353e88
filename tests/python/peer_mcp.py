"""The official SDK's own client, in the generation that this environment has."""

from contextlib import asynccontextmanager
from importlib.metadata import version

from wire import ROOT, SAID, altered, parameters, plain

GENERATION = int(version("mcp").split(".")[0])


def users(types):
    """What a user would have typed and configured."""

    async def sampled(_context, _params):
        content = types.TextContent(type="text", text=SAID)
        return types.CreateMessageResult(role="assistant", model="test-model", content=content)

    async def rooted(_context):
        return types.ListRootsResult.model_validate({"roots": [{"uri": ROOT}]})

    return {"sampling_callback": sampled, "list_roots_callback": rooted}


@asynccontextmanager
async def connect(url, mode, elicited):
    if GENERATION == 1:
        async with before(url, mode, elicited) as peer:
            yield peer
    else:
        async with present(url, mode, elicited) as peer:
            yield peer


@asynccontextmanager
async def before(url, mode, elicited):
    from mcp import ClientSession, types
    from mcp.client.sse import sse_client
    from mcp.client.stdio import stdio_client
    from mcp.client.streamable_http import streamable_http_client

    async def answer(_context, _params):
        return types.ElicitResult(action="accept", content=elicited)

    async with altered() as http:
        if isinstance(url, dict):
            streams = stdio_client(*parameters(url))
        else:
            # Over the pair of 2024-11-05, where that is asked for.
            streams = sse_client(url) if mode == "sse" else streamable_http_client(url, http_client=http)
        async with streams as (read, write, *_):
            async with ClientSession(read, write, elicitation_callback=answer, **users(types)) as session:
                welcome = await session.initialize()
                yield Peer(session, plain(welcome), lambda callback: {"progress_callback": callback})


@asynccontextmanager
async def present(url, mode, elicited):
    import mcp_types
    from mcp import Client
    from mcp.client.stdio import stdio_client
    from mcp.client.streamable_http import streamable_http_client

    async def answer(_context, _params):
        return mcp_types.ElicitResult(action="accept", content=elicited)

    async with altered() as http:
        piped = isinstance(url, dict)
        transport = stdio_client(*parameters(url)) if piped else streamable_http_client(url, http_client=http)
        asked = {"elicitation_callback": answer, **users(mcp_types)}
        # Without its cache, so that every list is asked for.
        async with Client(transport, mode=mode, cache=None, **asked) as client:
            welcome = {"protocolVersion": client.protocol_version, "capabilities": plain(client.server_capabilities)}
            if client.server_info is not None:
                welcome["serverInfo"] = plain(client.server_info)
            yield Peer(client, welcome, lambda callback: {"progress_callback": callback})


class Peer:
    def __init__(self, client, welcome, progress) -> None:
        self.client, self.welcome, self.progress = client, welcome, progress

    async def server(self):
        return self.welcome

    async def tools(self):
        return plain(await self.client.list_tools())

    async def call(self, name, arguments, on_progress=None):
        return plain(await self.client.call_tool(name, arguments, **self.progress(on_progress)))

    async def progress_of(self, token):
        await self.client.send_progress_notification(token, 1)

    async def read(self, uri):
        if GENERATION == 1:
            from pydantic import AnyUrl

            uri = AnyUrl(uri)
        return plain(await self.client.read_resource(uri))

    async def prompt(self, name, arguments):
        return plain(await self.client.get_prompt(name, arguments))
