#!/usr/bin/env bash
# Weir in front of a public MCP server, on this machine alone: builds it, fetches the server, starts both, says what to
# try, and ends both on Ctrl-C. Changes nothing outside of target/.
#
#   LISTEN=127.0.0.1:8080   where Weir listens (loopback: everybody who reaches it may call)
#   ADMIN=127.0.0.1:9901    its health
#   WEIR=PATH               a binary to use instead of building one
set -euo pipefail

listen=${LISTEN:-127.0.0.1:8080}
admin=${ADMIN:-127.0.0.1:9901}
package=@modelcontextprotocol/server-everything
version=2026.8.31
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$top/target/try
server_pid='' weir_pid=''

fail() {
    echo "try: $*" >&2
    exit 1
}

need() {
    type -P "$1" >/dev/null || fail "\`$1\` is missing: $2"
}

# Starts a command in the background, in a process group of its own: Ctrl-C in a terminal then reaches this script alone,
# which ends the others in their order.
apart() {
    set -m
    "$@" &
    set +m
}

# Weir first: it lets go of the server while the server is still there. A call that runs may take its [drain] timeout; who
# does not want to wait presses Ctrl-C again.
# shellcheck disable=SC2317 # called by the trap
finish() {
    local process
    trap 'kill -KILL $weir_pid $server_pid 2>/dev/null' INT TERM
    if [[ -n $weir_pid ]]; then
        echo 'try: ending both; a call that still runs may take 30 s, Ctrl-C again cuts it' >&2
    fi
    for process in $weir_pid $server_pid; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
}

# await PID LOG COMMAND...: until the command succeeds, 20 s at most, while the process lives.
await() {
    local process=$1 log=$2 tries
    shift 2
    for ((tries = 0; tries < 200; tries++)); do
        if "$@" >/dev/null 2>&1; then
            return
        fi
        if ! kill -0 "$process" 2>/dev/null; then
            break
        fi
        sleep 0.1
    done
    cat "$log" >&2
    fail "it did not start; above is what it said ($log)"
}

accepts() {
    (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null
}

build() {
    weir=${WEIR:-$top/target/release/weir}
    if [[ -z ${WEIR:-} ]]; then
        need cargo 'Rust 1.95 or newer, by rustup or your distribution'
        need cc 'a C compiler (Debian: apt-get install build-essential)'
        need make 'it builds the allocator (Debian: apt-get install build-essential)'
        echo 'try: building weir --release; the first time takes some minutes'
        (cd "$top" && cargo build --release --locked --bin weir)
    fi
}

fetch() {
    need npm "Node 20 or newer with npm fetches and runs the public server (Debian: apt-get install nodejs npm).
     With an MCP server of your own nothing more is needed: $weir run --to http://HOST:PORT/mcp"
    if [[ $(cat "$work/version" 2>/dev/null) != "$version" ]]; then
        echo "try: fetching $package $version"
        mkdir -p "$work"
        npm install --ignore-scripts --no-audit --no-fund --no-save --loglevel=error --prefix "$work" "$package@$version" </dev/null
        echo "$version" >"$work/version"
    fi
}

# The package listens on every address; here it is kept to loopback, on a free port that it prints.
start_server() {
    local preload="import { Server } from 'node:net';
        const listen = Server.prototype.listen;
        Server.prototype.listen = function (port, ready) {
            return listen.call(this, 0, '127.0.0.1', () => {
                console.log('at http://127.0.0.1:' + this.address().port + '/mcp');
                ready?.();
            });
        };"
    apart node --import "data:text/javascript;base64,$(printf '%s' "$preload" | base64 | tr -d '\n')" \
        "$work/node_modules/$package/dist/index.js" streamableHttp >"$work/server.log" 2>&1 </dev/null
    server_pid=$!
    await "$server_pid" "$work/server.log" grep -q '^at ' "$work/server.log"
    server=$(sed -n 's/^at //p' "$work/server.log")
}

start_weir() {
    if accepts "$listen"; then
        fail "$listen is taken; set LISTEN=127.0.0.1:PORT"
    fi
    apart "$weir" run --to "$server" --listen "$listen" --admin "$admin" --data "$work/data" >"$work/weir.log" 2>&1 </dev/null
    weir_pid=$!
    await "$weir_pid" "$work/weir.log" accepts "$listen"
}

say() {
    cat <<TEXT

Weir is at http://$listen/mcp, in front of $server ($package $version).

Paste this into another terminal:

  curl -i http://$listen/mcp \\
    -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\
    -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}'

Or give it to an MCP client:

  { "mcpServers": { "everything": { "type": "http", "url": "http://$listen/mcp" } } }      most clients
  claude mcp add --transport http everything http://$listen/mcp                            Claude Code

Health: http://$admin/readyz    Logs: ${work#"$PWD"/}/weir.log, server.log
Ctrl-C ends both.
TEXT
}

trap finish EXIT
trap 'exit 0' INT TERM
build
fetch
start_server
start_weir
say
# Whichever ends first; a signal ends this wait and so both.
wait -n "$weir_pid" "$server_pid" || true
tail -n 5 "$work/weir.log" "$work/server.log" >&2
fail 'one of the two ended'
