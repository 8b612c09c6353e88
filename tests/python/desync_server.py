"""A server on uvicorn that tells every request it saw, a line of JSON each, and answers as an MCP server would."""

import json
import socket

import uvicorn


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    query = "?" + scope["query_string"].decode("latin-1") if scope["query_string"] else ""
    seen = {
        "connection": scope["client"][1],
        "method": scope["method"],
        "target": scope["raw_path"].decode("latin-1") + query,
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode("latin-1"),
    }
    print(json.dumps(seen), flush=True)
    try:
        id = json.loads(body).get("id")
    except ValueError:
        id = None
    answer = json.dumps({"jsonrpc": "2.0", "id": id, "result": {"resultType": "complete", "content": []}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(f"desync on http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
# What uvicorn cannot read it warns of, and answers 400: the test looks for that.
config = uvicorn.Config(app, lifespan="off", log_level="warning", access_log=False)
uvicorn.Server(config).run(sockets=[listener])
