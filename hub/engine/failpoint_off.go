//go:build !failpoint

package engine

// failpoint does nothing in a released binary; build with -tags failpoint to
// let the environment variable HUB_FAIL stop the process at a named place.
func failpoint(string, string) {}
