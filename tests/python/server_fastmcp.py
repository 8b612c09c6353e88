"""FastMCP's server, in the generation that this environment has."""

import json
from importlib.metadata import version

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError

GENERATION = int(version("fastmcp").split(".")[0])
FORM = {"type": "object", "properties": {name: {"type": "string"} for name in ("username", "email", "response")}}

server = FastMCP("weir-tests-fastmcp", instructions="the server of FastMCP", version="1.0.0")


@server.tool
def probe_echo(text: str) -> str:
    return text


@server.tool
async def test_tool_with_progress(ctx: Context) -> str:
    for progress in (0, 50, 100):
        await ctx.report_progress(progress, 100, f"step {progress}")
    return "done"


@server.tool
def test_error_handling() -> str:
    raise ToolError("This tool intentionally returns an error for testing")


def completed(person) -> str:
    return f"Elicitation completed: action=accept, content={json.dumps(person)}"


async def asked(message: str, ctx: Context) -> str:
    from dataclasses import asdict, make_dataclass

    person = make_dataclass("Person", [(name, str) for name in FORM["properties"]])
    return completed(asdict((await ctx.elicit(message, person)).data))


if GENERATION < 4:

    @server.tool
    async def test_elicitation(message: str, ctx: Context) -> str:
        return await asked(message, ctx)

else:
    from mcp_types import InputRequiredResult

    @server.tool
    async def test_elicitation(message: str, ctx: Context) -> str | InputRequiredResult:
        # A session asks in the middle of the call; a request of 2026-07-28 ends with the question and comes again.
        if ctx.request_context.protocol_version < "2026-07-28":
            return await asked(message, ctx)
        if ctx.input_responses:
            return completed(ctx.input_responses["answer"].content)
        form = {"mode": "form", "message": message, "requestedSchema": FORM}
        question = {"answer": {"method": "elicitation/create", "params": form}}
        return InputRequiredResult.model_validate({"resultType": "input_required", "inputRequests": question})


@server.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    return "This is the content of the static text resource."


@server.prompt
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


app = server.http_app(path="/mcp")
