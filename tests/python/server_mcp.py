"""The official SDK's own server, in the generation that this environment has."""

import json
from importlib.metadata import version
from typing import Annotated

from pydantic import BaseModel

GENERATION = int(version("mcp").split(".")[0])
if GENERATION == 1:
    from mcp.server.fastmcp import Context
    from mcp.server.fastmcp import FastMCP as Server
    from mcp.types import CallToolResult, TextContent
else:
    from mcp.server.mcpserver import Context, Elicit, Resolve
    from mcp.server.mcpserver import MCPServer as Server
    from mcp_types import CallToolResult, TextContent

server = Server("weir-tests-mcp", instructions="the server of the official SDK", log_level="ERROR")


class Person(BaseModel):
    username: str
    email: str
    response: str


@server.tool()
def probe_echo(text: str) -> str:
    return text


@server.tool()
async def test_tool_with_progress(ctx: Context) -> str:
    for progress in (0, 50, 100):
        await ctx.report_progress(progress, 100, f"step {progress}")
    return "done"


@server.tool()
def test_error_handling() -> CallToolResult:
    said = "This tool intentionally returns an error for testing"
    # The generations name the same field in two ways; its name on the wire serves both.
    return CallToolResult.model_validate({"content": [TextContent(type="text", text=said)], "isError": True})


def completed(person: Person) -> str:
    return f"Elicitation completed: action=accept, content={json.dumps(person.model_dump())}"


if GENERATION == 1:

    @server.tool()
    async def test_elicitation(message: str, ctx: Context) -> str:
        return completed((await ctx.elicit(message, Person)).data)

else:

    async def ask(message: str) -> Elicit[Person]:
        return Elicit(message, Person)

    @server.tool()
    async def test_elicitation(message: str, person: Annotated[Person, Resolve(ask)]) -> str:
        return completed(person)


@server.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    return "This is the content of the static text resource."


@server.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


app = server.streamable_http_app()
