// Package hubtest holds the suites that every implementation of a contract of
// package hub must pass. A failing case prints the duty that it checks.
package hubtest
