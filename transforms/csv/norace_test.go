//go:build !race

package csv

const memoryTest = 200 << 20
