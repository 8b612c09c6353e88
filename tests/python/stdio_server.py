"""The official SDK's server of `server_mcp.py` over stdio, in the generation that this environment has."""

from server_mcp import server

server.run(transport="stdio")
