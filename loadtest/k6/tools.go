//go:build tools

// Package loadtest pins the k6 that runs the scripts beside it (tests/install.sh builds it).
package loadtest

import _ "go.k6.io/k6"
