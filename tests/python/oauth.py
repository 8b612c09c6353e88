"""oauth.py <RUNS: the OAuth client of the official Python SDK, in the generation that this environment has.

RUNS is JSON, a list of {"run", "mode": "legacy" | "auto" | "2026-07-28", "url", "issuer": of authorization-server.mjs,
"document": the client's own URL, or none to register, "refreshes": ask for a refresh token and use it}. Prints one JSON line a
run: {"run", "result": how many tools were seen each time, or "error"}.
"""

import json
import logging
import sys
from contextlib import asynccontextmanager
from importlib.metadata import version
from urllib.parse import parse_qs, quote, urlsplit

import anyio
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from wire import httpx

GENERATION = int(version("mcp").split(".")[0])
CALLBACK = "http://127.0.0.1:9/callback"
# Ends a run that hangs. No run passes by being fast.
PATIENCE = 60


async def main() -> None:
    logging.disable(logging.CRITICAL)
    for run in json.load(sys.stdin):
        try:
            with anyio.fail_after(PATIENCE):
                end = {"result": await again(run)}
        except BaseException as error:  # a transport that dies cancels whoever waits for it
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            end = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"run": run["run"]} | end), flush=True)


async def again(run):
    """A request gets one answer of the SDK to a challenge: where a second one comes, the application asks again."""
    provider = authorization(run)
    try:
        return await story(run, provider)
    except Exception:
        if "stingy" not in run["run"]:
            raise
    return await story(run, provider)


async def story(run, provider):
    async with httpx.AsyncClient(auth=provider, timeout=httpx.Timeout(30, read=300), trust_env=False) as http:
        async with connected(run, http) as client:
            seen = [len((await client.list_tools()).tools)]
            if run["refreshes"]:
                # As if its time were over: the SDK looks at its own clock.
                provider.context.token_expiry_time = 1
                seen.append(len((await client.list_tools()).tools))
    return seen


@asynccontextmanager
async def connected(run, http):
    if GENERATION == 1:
        from mcp import ClientSession

        async with streamable_http_client(run["url"], http_client=http) as (read, write, *_):
            async with ClientSession(read, write) as session:
                await session.initialize()
                yield session
    else:
        from mcp import Client

        # Without its cache, so that every list is asked for.
        transport = streamable_http_client(run["url"], http_client=http)
        async with Client(transport, mode=run["mode"], cache=None) as client:
            yield client


def authorization(run):
    grants = ["authorization_code"] + (["refresh_token"] if run["refreshes"] else [])
    metadata = OAuthClientMetadata(
        client_name=run["run"],
        redirect_uris=[CALLBACK],
        grant_types=grants,
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    back = {}

    async def goes(url):
        async with httpx.AsyncClient(trust_env=False) as browser:
            answer = await browser.get(f"{run['issuer']}/user?url={quote(url, safe='')}", timeout=30)
        if answer.status_code != 200:
            raise RuntimeError(answer.text)
        back.update(parse_qs(urlsplit(answer.text).query))

    async def comes():
        values = {name: back[name][0] if name in back else None for name in ("code", "state", "iss")}
        if GENERATION == 1:
            return values["code"], values["state"]
        from mcp.shared.auth import AuthorizationCodeResult

        return AuthorizationCodeResult(**values)

    return OAuthClientProvider(
        server_url=run["url"],
        client_metadata=metadata,
        storage=Wallet(),
        redirect_handler=goes,
        callback_handler=comes,
        client_metadata_url=run["document"],
    )


class Wallet:
    """What an application keeps for the SDK."""

    def __init__(self) -> None:
        self.tokens = self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens) -> None:
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info) -> None:
        self.client = client_info


anyio.run(main)
