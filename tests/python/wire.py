"""What all clients here share: how a result is shown, what a user would say, and the ways to a server: an HTTP client that
can spoil a header on its way, and a pipe."""

import os

try:
    import httpx2 as httpx
except ImportError:
    import httpx


def plain(model):
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)


def altered(**how):
    """As the SDKs make it by default; a call with `fault:mismatch:` in it gets a header that says something else."""

    async def spoil(request):
        if b"fault:mismatch:" in request.content:
            request.headers["mcp-name"] = "another_tool"
            request.headers["mcp-method"] = "tools/call"

    how = {"timeout": httpx.Timeout(30, read=300), "trust_env": False} | {k: v for k, v in how.items() if v is not None}
    return httpx.AsyncClient(event_hooks={"request": [spoil]}, **how)


SAID, ROOT = "echo: hi", "file:///srv/project"


def parameters(command):
    """Of the SDK's client over stdio, which starts the server; what that says on standard error is for nobody."""
    from mcp import StdioServerParameters

    program, *arguments = command["words"]
    where = {"cwd": command["directory"], "env": command["environment"]}
    return StdioServerParameters(command=program, args=arguments, **where), open(os.devnull, "w")
