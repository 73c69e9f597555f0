//go:build !race

package xml

const memoryTest = 200 << 20
