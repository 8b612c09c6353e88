#!/usr/bin/env bash
# The test command: installs what the tests need (tests/install.sh) and runs all of them.
#
#   tests/run.sh [ARGUMENTS OF cargo test]     e.g. tests/run.sh --test it -- sessions
#
# WEIR_LONG=1          full counts instead of a twentieth of them
# WEIR_SEED=N          the numbers of an earlier run, which named them; else a new seed is taken and named
# PROPTEST_CASES=N     cases of each property test, 256 by default
# WEIR_IT_DIRECT=1     the behaviour tests against the bare servers: what fails there is not Weir's
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export WEIR_SEED="${WEIR_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}"
[ -z "${WEIR_LONG:-}" ] || export PROPTEST_CASES="${PROPTEST_CASES:-5120}"

bash tests/install.sh
# Thousands of connections need files: as many as may be had without asking anybody.
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
echo "tests: WEIR_SEED=$WEIR_SEED WEIR_LONG=${WEIR_LONG:-0}, $(nproc) cores, $(ulimit -n) open files"
cargo test --locked --no-fail-fast "$@" </dev/null
echo "tests: all passed"
