-- What wrk sends: the bytes of the files that REQUESTS names, one after the other; one file is sent as it is each time.
-- The last line printed is for weirload/wrk.py: counts, bytes, and the latencies in microseconds.

local requests = {}
for path in string.gmatch(os.getenv("REQUESTS"), "[^:]+") do
    local file = assert(io.open(path, "rb"))
    requests[#requests + 1] = file:read("*a")
    file:close()
end

-- wrk asks this once, where no `request` is there to be asked each time.
wrk.format = function() return requests[1] end

if #requests > 1 then
    local at = 0
    request = function()
        at = at % #requests + 1
        return requests[at]
    end
end

function done(summary, latency)
    local e = summary.errors
    print(string.format(
        'RESULT {"requests":%d,"microseconds":%d,"bytes":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}',
        summary.requests, summary.duration, summary.bytes, e.status, e.connect + e.read + e.write + e.timeout,
        latency:percentile(50), latency:percentile(99)))
end
