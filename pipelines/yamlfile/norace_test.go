//go:build !race

package yamlfile

const slower = 1
