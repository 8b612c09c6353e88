#!/usr/bin/env bash
# Weir beside nginx as a bare reverse proxy: CPU time a request and requests a second, in turns, on the same core.
# Everything runs on loopback, is ended by its pid, and is bounded in time. What it means: README.md, beside this file.
set -euo pipefail

usage() {
    cat <<'USAGE'
loadtest/compare.sh            compare, and print one table

Settings, by environment:
  PROXIES      which, in turns; the first is what the others are divided by   nginx weir
               (also: direct, which is no proxy; its CPU is the server's own)
  CASES        what is asked                                                 call stream list
  ROUNDS       rounds of each                                                5
  DURATION     seconds a round                                               5
  CONNECTIONS  keep-alive connections                                        64
  PORT         first of four ports on 127.0.0.1 that are free                18700
  PROXY_CPU    the core of the proxies                                       0
  LOAD_CPU     the core of wrk and the server                                1
  WEIR         a binary to measure instead of building one
USAGE
}

proxies=${PROXIES:-nginx weir}
cases=${CASES:-call stream list}
rounds=${ROUNDS:-5}
duration=${DURATION:-5}
connections=${CONNECTIONS:-64}
port=${PORT:-18700}
proxy_cpu=${PROXY_CPU:-0}
load_cpu=${LOAD_CPU:-1}
nginx=$(PATH=$PATH:/usr/sbin type -P nginx || true)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
work=$(mktemp -d)
chmod 711 "$work"
declare -A pid=() url=()
ticks=$(getconf CLK_TCK)

fail() {
    echo "compare.sh: $*" >&2
    exit 1
}

finish() {
    local name
    for name in "${!pid[@]}"; do
        kill "${pid[$name]}" 2>/dev/null || true
    done
    for name in "${!pid[@]}"; do
        wait "${pid[$name]}" 2>/dev/null || true
    done
    rm -rf "$work"
}

# await NAME PORT: until it accepts, 10 s at most.
await() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then
            return
        fi
        kill -0 "${pid[$1]}" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/$1.log" >&2
    fail "$1 does not listen on port $2"
}

# Nobody else may answer in the place of what is started below.
free() {
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        fail "port $1 is taken; set PORT"
    fi
}

build() {
    weir=${WEIR:-$top/target/release/weir}
    if [[ -z ${WEIR:-} ]]; then
        (cd "$top" && cargo build --locked --release --bin weir) || fail "weir does not build"
    fi
}

start_server() {
    free "$port"
    taskset -c "$load_cpu" "$weir" demo --server-only --listen "127.0.0.1:$port" --data "$work/sample" >"$work/server.log" 2>&1 &
    pid[server]=$!
    await server "$port"
}

start_nginx() {
    [[ -n $nginx ]] || fail "nginx is not installed"
    free $((port + 1))
    cat >"$work/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi;
    scgi_temp_path $work/scgi;
    upstream mcp {
        server 127.0.0.1:$port;
        keepalive 256;
        keepalive_requests 1000000000;
    }
    server {
        listen 127.0.0.1:$((port + 1));
        location / {
            proxy_pass http://mcp;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host \$http_host;
        }
    }
}
CONF
    taskset -c "$proxy_cpu" "$nginx" -e "$work/nginx.log" -p "$work" -c "$work/nginx.conf" >"$work/nginx.out" 2>&1 &
    pid[nginx]=$!
    url[nginx]=http://127.0.0.1:$((port + 1))
    await nginx $((port + 1))
}

start_weir() {
    free $((port + 2))
    cat >"$work/weir.toml" <<CONF
[listen]
address = "127.0.0.1:$((port + 2))"
cores = 1

[admin]
address = "127.0.0.1:$((port + 3))"

[[servers]]
name = "sample"
endpoints = ["http://127.0.0.1:$port/mcp"]

[[servers]]
name = "catalog"
endpoints = ["http://127.0.0.1:$port/catalog/mcp"]

[[routes]]
path = "/mcp"
servers = ["sample"]

[[routes]]
path = "/catalog/mcp"
servers = ["catalog"]
CONF
    STATE_DIRECTORY=$work/weir-data taskset -c "$proxy_cpu" "$weir" run --config "$work/weir.toml" >"$work/weir.log" 2>&1 &
    pid[weir]=$!
    url[weir]=http://127.0.0.1:$((port + 2))
    await weir $((port + 2))
}

start_direct() {
    url[direct]=http://127.0.0.1:$port
}

# User and system time of a process and its children, in clock ticks.
ticks_of() {
    local process=$1 children child stat sum=0
    [[ $process == direct ]] && process=server
    read -ra children <"/proc/${pid[$process]}/task/${pid[$process]}/children" || true
    for child in "${pid[$process]}" ${children[@]+"${children[@]}"}; do
        # The name in brackets may hold blanks; what follows is counted from behind it.
        read -ra stat < <(sed 's/.*) //' "/proc/$child/stat")
        sum=$((sum + stat[11] + stat[12]))
    done
    echo "$sum"
}

# The list that is long enough is one of the sample server's catalog.
path_of() {
    [[ $1 == list ]] && echo /catalog/mcp || echo /mcp
}

# load PROXY CASE SECONDS: wrk's requests, microseconds and errors.
load() {
    CASE=$2 timeout $(($3 + 15)) taskset -c "$load_cpu" wrk -t1 -c"$connections" -d"$3" -s "$here/request.lua" \
        "${url[$1]}$(path_of "$2")" | sed -n 's/^RESULT //p'
}

# measure PROXY CASE: one line "CASE PROXY REQUESTS_A_SECOND CPU_MICROSECONDS" into the results.
measure() {
    local before after requests elapsed errors
    before=$(ticks_of "$1")
    read -r requests elapsed errors < <(load "$1" "$2" "$duration") || fail "wrk said nothing ($1, $2)"
    after=$(ticks_of "$1")
    [[ $errors == 0 && $requests -gt 0 ]] || fail "$1, $2: $errors of $requests requests failed"
    awk -v c="$2" -v p="$1" -v n="$requests" -v us="$elapsed" -v t=$((after - before)) -v hz="$ticks" \
        'BEGIN { printf "%s %s %.1f %.3f\n", c, p, n * 1e6 / us, t * 1e6 / hz / n }' >>"$work/results"
}

# A proxy that answers wrongly is not measured: the id comes back, and as many events and bytes as were sent.
verify() {
    local body want got
    local modern='"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"x"}'
    local headers=(-H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream'
        -H 'MCP-Protocol-Version: 2026-07-28')
    case $2 in
    list) headers+=(-H 'Mcp-Method: tools/list') body="{\"jsonrpc\":\"2.0\",\"id\":\"x-1\",\"method\":\"tools/list\",\"params\":{$modern}}" ;;
    *)
        local name=echo
        [[ $2 == stream ]] && name=stream
        headers+=(-H 'Mcp-Method: tools/call' -H "Mcp-Name: $name")
        body="{\"jsonrpc\":\"2.0\",\"id\":\"x-1\",\"method\":\"tools/call\",\"params\":{\"name\":\"$name\",\"arguments\":{\"text\":\"x\"},$modern}}"
        ;;
    esac
    want=$(curl -sS --max-time 5 "${headers[@]}" -d "$body" "http://127.0.0.1:$port$(path_of "$2")")
    got=$(curl -sS --max-time 5 "${headers[@]}" -d "$body" "${url[$1]}$(path_of "$2")")
    [[ $got == "$want" && $got == *'"id":"x-1"'* ]] || fail "$1, $2: another answer than the server's: ${got:0:300}"
}

median() {
    sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# column CASE PROXY FIELD: the values of all rounds.
column() {
    awk -v c="$1" -v p="$2" -v f="$3" '$1 == c && $2 == p { print $f }' "$work/results"
}

table() {
    local case proxy first=${proxies%% *} rate cpu low high base_rate base_cpu
    printf '\n%-8s %-8s %12s %12s %17s %10s %10s\n' case proxy 'req/s' 'CPU us/req' '(least..most)' "CPU/$first" "rate/$first"
    for case in $cases; do
        base_rate=$(column "$case" "$first" 3 | median)
        base_cpu=$(column "$case" "$first" 4 | median)
        for proxy in $proxies; do
            rate=$(column "$case" "$proxy" 3 | median)
            cpu=$(column "$case" "$proxy" 4 | median)
            low=$(column "$case" "$proxy" 4 | sort -n | head -n 1)
            high=$(column "$case" "$proxy" 4 | sort -n | tail -n 1)
            awk -v c="$case" -v p="$proxy" -v r="$rate" -v u="$cpu" -v l="$low" -v h="$high" -v br="$base_rate" -v bu="$base_cpu" \
                'BEGIN { printf "%-8s %-8s %12.0f %12.1f %17s %9.2fx %9.2fx\n", c, p, r, u, sprintf("(%.1f..%.1f)", l, h), u / bu, r / br }'
        done
    done
}

main() {
    local case proxy round
    case ${1:-} in
    '') ;;
    -h | --help) usage && return ;;
    *) usage >&2 && exit 2 ;;
    esac
    for tool in wrk taskset curl getconf; do
        type -P "$tool" >/dev/null || fail "$tool is not installed"
    done
    build
    start_server
    for proxy in $proxies; do
        [[ $proxy == nginx || $proxy == weir || $proxy == direct ]] || fail "no such proxy: $proxy"
        "start_$proxy"
    done
    for case in $cases; do
        for proxy in $proxies; do
            verify "$proxy" "$case"
            load "$proxy" "$case" 1 >/dev/null
        done
        for ((round = 1; round <= rounds; round++)); do
            for proxy in $proxies; do
                echo "$case, round $round of $rounds: $proxy" >&2
                measure "$proxy" "$case"
            done
        done
    done
    table
}

trap finish EXIT
trap 'exit 130' INT TERM
main "$@"
