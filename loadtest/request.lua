-- What wrk sends: one POST of the 2026-07-28 era, the same again and again. CASE is call, stream or list.
-- The last line printed is for compare.sh: requests, microseconds, and everything that was no 200.

local meta = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",' ..
    '"io.modelcontextprotocol/clientInfo":{"name":"loadtest","version":"1"},' ..
    '"io.modelcontextprotocol/clientCapabilities":{},"progressToken":"load"}'

local function call(name)
    local before = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"' .. name .. '","arguments":{"text":"'
    local after = '"},' .. meta .. '}}'
    return "tools/call", name, before .. string.rep("a", 400 - #before - #after) .. after
end

local function list()
    return "tools/list", nil, '{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{' .. meta .. '}}'
end

local cases = {
    call = function() return call("echo") end,
    stream = function() return call("stream") end,
    list = list,
}

local method, name, body = cases[os.getenv("CASE") or "call"]()

wrk.method = "POST"
wrk.body = body
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["MCP-Protocol-Version"] = "2026-07-28"
wrk.headers["Mcp-Method"] = method
if name then
    wrk.headers["Mcp-Name"] = name
end

function done(summary)
    local e = summary.errors
    print(string.format("RESULT %d %d %d", summary.requests, summary.duration,
        e.connect + e.read + e.write + e.status + e.timeout))
end
