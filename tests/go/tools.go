//go:build tools

// Package tests pins the tools of the behaviour tests that are written in Go (tests/install.sh builds them).
package tests

import _ "github.com/summerwind/h2spec/cmd/h2spec"
