//go:build race

package yamlfile

// slower is how much the race detector slows the code down, for tests with a time limit.
const slower = 20
